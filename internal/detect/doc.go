// Package detect decides when a series of errors is an incident: rules over
// closed minutes, and a state machine that opens, holds and closes what they
// find. It is pure: no database, no clock of its own, no goroutine. Production,
// the backtest and a rule editor's "would have fired" call the same Evaluate.
//
// # The boundary
//
// Once a minute has closed, the caller fills one Input per series and calls
// Evaluate with the State that it kept. It stores the new State (JSON, at most
// two kilobytes) and acts upon the Transitions. All three belong into one
// transaction; then a crash anywhere replays cleanly. A minute that the State
// has already seen changes nothing.
//
// An Input has three parts, by how often they change:
//
//   - Last, every minute: the last 60 closed minutes, one Counts each, newest
//     first, summed anew from roll-ups so that late rows count by themselves.
//     One SQL pass over an hour of minute rows fills it for all series. Windows
//     (1 to 60 minutes) are sums of it, and are made here, so that a new rule
//     needs no new SQL. Series without errors in the hour and with an idle State
//     need no call (State.Idle); heartbeats do.
//   - Customers, every minute, only of series with errors in the last ten.
//   - Baseline, every five minutes: what is normal, made by Learn from a Past
//     of day blocks and week sums. Minutes of incidents are left out of a Past:
//     those for which State.Masks says so, and the 15 before an incident fired
//     (Transition.MaskFrom). While a series is pending or fires, the Baseline
//     that it had is in its State and the one given is not looked at; after an
//     incident that masked most of a day it counts beside it (State.Before).
//
// Errors that came more than 15 minutes late go into Counts.Late instead of
// Counts.Errors: they are noted, and cannot open an incident, unless the
// source's clock is wrong, so that all that it sends looks late
// (Baseline.Skewed). Requests that are not known are Unknown, not zero.
//
// History keeps the past of one series in bounded memory and fills Inputs from
// it; Replay puts it and Evaluate together.
package detect
