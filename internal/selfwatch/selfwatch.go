// Package selfwatch decides what is wrong with Errata itself: from a Snapshot of
// collectors, channels, jobs and the judge of alerts come Findings, and from
// Findings, minute by minute, the same states and transitions that package detect
// has of services. Incidents of both are then kept and told in the same way.
//
// It is pure: no database, no clock, no goroutine. What it looks at is as good as
// what others report; that whoever looks is alive, nobody can say of themselves
// (see the dead-man's switch in package watch).
//
// See docs/decisions/0027-selfwatch.md.
package selfwatch

import (
	"time"

	"errata/internal/detect"
)

const (
	// Service is whose incidents these are.
	Service = "errata"
	// RuleID stands for all that is looked at here, where others have the ID of a
	// rule. It is no rule: nobody can change it or switch it off.
	RuleID = "00000000-0000-0000-0000-000000000001"
)

// Condition is a way in which something is wrong. There is one incident for each
// at a time, whatever it concerns.
type Condition string

// The conditions.
const (
	Lag      Condition = "ingest_lag"       // a collector holds back reports
	Filling  Condition = "spool_filling"    // and has not much room left
	Silent   Condition = "collector_silent" // nothing is heard of it
	Damaged  Condition = "spool_damaged"    // it cannot read or store something
	Refused  Condition = "reports_refused"  // senders are sent away
	Rejected Condition = "reports_rejected" // what they send cannot be understood
	Channel  Condition = "channel_failing"  // messages do not arrive
	Waiting  Condition = "messages_waiting" // nobody sends them
	Stalled  Condition = "alerts_stalled"   // nobody judges
	Job      Condition = "job_failing"      // housekeeping does not happen
)

// Finding says that a condition holds.
type Finding struct {
	Condition Condition
	Subject   string       // which collector, channel, job or reason; "": there is but one
	Level     detect.Level // Quiet: not bad enough to begin, nor well enough to end
	Since     time.Time    // zero: now
	Says      string       // a sentence with the numbers
}

// Series is under what a finding is remembered.
type Series struct {
	Condition Condition
	Subject   string
}

// Series is the finding's.
func (f *Finding) Series() Series { return Series{f.Condition, f.Subject} }

// Why is a finding as incidents keep it.
func (f *Finding) Why() detect.Why {
	return detect.Why{Rule: detect.Own, Condition: string(f.Condition), Note: f.Says}
}

// About is what people read of a condition.
type About struct {
	Title string // after the name of the service
	Do    string // what to do about it
	hold  int    // minutes in a row before it is an incident: what a start repairs is none
	clear int    // minutes in a row before it is over
}

var abouts = map[Condition]About{
	Lag: {"ingest lag", "Look whether the database is reachable from the collector and takes writes (errata doctor; /readyz of the collector). " +
		"Nothing is lost while the spool has room. No other rule is looked at until it is back.", 2, 3},
	Filling: {"spool filling", "Repair the way into the database, or give the spool more room (ERRATA_SPOOL_MAX_MB). When it is full, senders are refused.", 2, 3},
	Silent: {"collector silent", "Start the collector again, on the same spool directory: what it had acknowledged is in there. " +
		"If it is gone for good, and its disk with it, resolve this incident.", 2, 2},
	Damaged: {"spool damaged", "Look at the collector's log and at the files aside in its spool directory; docs/operations.md says how to get at what is in them.", 1, 2},
	Refused: {"reports refused", "With no room: look at the collectors' memory, spool and database. At limits: somebody sends more than ERRATA_KEY_… or ERRATA_SERVICE_… allow; " +
		"the page Rejected says who.", 1, 5},
	Rejected: {"reports rejected", "Look at the page Rejected for what is wrong with them, and tell whoever runs the service that sends them.", 1, 5},
	Channel:  {"channel failing", "See what the receiver answered (errata deliveries list, errata channels list), repair the channel, and try it with errata channels test.", 1, 2},
	Waiting: {"messages waiting", "Nobody sends the messages of alerts: look at the log of the API processes, and whether any of them runs. " +
		"Until then look at the page Alerts by yourself.", 2, 3},
	Stalled: {"alerts stalled", "Nobody judges minutes: look at the log of the API processes for “cannot look for incidents”, and at long transactions in the database " +
		"(pg_stat_activity). What closes meanwhile is judged later, 15 minutes of it at most.", 2, 3},
	Job: {"job failing", "Look at the log for “a job failed”, repair what it says, and run the job again (errata retention run, or wait an hour).", 5, 2},
}

// All are the conditions, in the order in which they are told of.
var All = []Condition{Stalled, Lag, Filling, Silent, Damaged, Refused, Rejected, Channel, Waiting, Job}

// Of is what people read of a condition; of an unknown one, its name.
func Of(c Condition) About {
	a, ok := abouts[c]
	if !ok {
		a = About{Title: string(c), hold: 1, clear: 1}
	}
	return a
}

// Name is what one of the things in trouble is called, within its incident.
func (s Series) Name() string {
	if s.Subject == "" {
		return Of(s.Condition).Title
	}
	return s.Subject
}
