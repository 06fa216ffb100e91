package ruleset

import "errata/internal/detect"

// Number is one of the numbers that a rule may have of its own. What it is
// where nothing else is said depends on the sensitivity (Of).
type Number struct {
	Name     string
	Group    string // which it is shown with
	Unit     string
	About    string // a sentence, for the editor and docs/alerts-rules.md
	Min, Max float64
	at       func(*detect.Settings) any
}

// The units. A switch is true or false.
const (
	times     = "times"
	share     = "share of 1"
	failures  = "errors"
	requests  = "requests"
	customers = "customers"
	minutes   = "minutes"
	sigma     = "standard deviations"
	perMinute = "errors per minute"
	switched  = "true or false"
)

// Numbers are all of them, in the order in which they are shown. The objective
// is not among them: it is the service's (docs/api.md, Objectives). The bounds
// keep out what the rules, which look at an hour, could not do anything with.
var Numbers = []Number{
	{"factor", "What counts as much", times, "How many times its normal share of failures a series must reach.", 1.1, 100, func(s *detect.Settings) any { return &s.Factor }},
	{"min_rate", "What counts as much", share, "The share of requests that 5xx must reach, however rare they are normally.", 0.0001, 1, func(s *detect.Settings) any { return &s.MinRate }},
	{"min_rate_429", "What counts as much", share, "The same of 429.", 0.0001, 1, func(s *detect.Settings) any { return &s.MinRate429 }},
	{"new_rate", "What counts as much", share, "The share that a series must reach of which little is known yet.", 0.0001, 1, func(s *detect.Settings) any { return &s.NewRate }},
	{"new_minutes", "What counts as much", minutes, "Of how much of its last day that is.", 0, 1440, func(s *detect.Settings) any { return &s.NewMinutes }},

	{"score", "Spike and fast", sigma, "How far above normal five minutes must be.", 2, 50, func(s *detect.Settings) any { return &s.Score }},
	{"min_errors", "Spike and fast", failures, "How many failures five minutes must have.", 1, 1e6, func(s *detect.Settings) any { return &s.MinErrors }},
	{"persist", "Spike and fast", minutes, "For how many minutes in a row a spike must last.", 1, 30, func(s *detect.Settings) any { return &s.Persist }},
	{"strong", "Spike and fast", times, "From how many times the limit on that is long enough.", 1, 100, func(s *detect.Settings) any { return &s.Strong }},
	{"persist_near", "Spike and fast", minutes, "For how many minutes in a row a spike must last that is nearer to the limit.", 1, 60, func(s *detect.Settings) any { return &s.PersistNear }},
	{"fast_minutes", "Spike and fast", minutes, "How many minutes are enough where most requests fail.", 1, 30, func(s *detect.Settings) any { return &s.FastMinutes }},
	{"fast_rate", "Spike and fast", share, "The share of requests that is most of them.", 0.01, 1, func(s *detect.Settings) any { return &s.FastRate }},
	{"fast_each", "Spike and fast", share, "What part of it each of the minutes must have.", 0.1, 1, func(s *detect.Settings) any { return &s.FastEach }},
	{"fast_errors", "Spike and fast", failures, "How many failures these minutes must have.", 1, 1e6, func(s *detect.Settings) any { return &s.FastErrors }},
	{"fast_score", "Spike and fast", sigma, "How far above normal these minutes must be.", 2, 50, func(s *detect.Settings) any { return &s.FastScore }},

	{"slow_score", "Slow", sigma, "How far above normal 15, 30 or 60 minutes must be.", 2, 50, func(s *detect.Settings) any { return &s.SlowScore }},
	{"slow_errors", "Slow", failures, "How many failures they must have.", 1, 1e6, func(s *detect.Settings) any { return &s.SlowErrors }},
	{"blip_minutes", "Slow", minutes, "How many minutes in a row, the worst, are left out, so that a blip is not slow.", 1, 10, func(s *detect.Settings) any { return &s.BlipMinutes }},

	{"low_traffic", "Low traffic", requests, "Below how many requests in five minutes traffic is low.", 0, 1e6, func(s *detect.Settings) any { return &s.LowTraffic }},
	{"low_errors", "Low traffic", failures, "How many failures 15, 30 or 60 minutes must have then.", 1, 1e6, func(s *detect.Settings) any { return &s.LowErrors }},
	{"low_rate", "Low traffic", share, "The share of requests that fail for certain: the lower end of its 95 % interval.", 0.001, 1, func(s *detect.Settings) any { return &s.LowRate }},
	{"low_score", "Low traffic", sigma, "How far above normal they must be.", 2, 50, func(s *detect.Settings) any { return &s.LowScore }},
	{"low_clear", "Low traffic", share, "Below which share low traffic is well again.", 0.0001, 1, func(s *detect.Settings) any { return &s.LowClear }},
	{"low_evidence", "Low traffic", requests, "How many requests must be seen for that.", 1, 1e6, func(s *detect.Settings) any { return &s.LowEvidence }},

	{"burn_errors", "Objectives", failures, "How many failures the longer window must have before an error budget is said to burn.", 1, 1e6, func(s *detect.Settings) any { return &s.BurnErrors }},

	{"count_factor", "Without request totals", times, "How many times its normal count a series must reach.", 1.1, 100, func(s *detect.Settings) any { return &s.CountFactor }},
	{"count_pages", "Without request totals", switched, "Page, rather than notify, where nobody counts requests.", 0, 1, func(s *detect.Settings) any { return &s.CountPages }},

	{"new_errors", "New codes and silence", failures, "How many failures in ten minutes a code must have that was not there for a week.", 1, 1e6, func(s *detect.Settings) any { return &s.NewErrors }},
	{"new_customers", "New codes and silence", customers, "How many customers it must hit.", 0, 1e6, func(s *detect.Settings) any { return &s.NewCustomers }},
	{"heartbeat_min", "New codes and silence", requests, "How many requests there were in the same 30 minutes a week ago, so that none at all is noted.", 1, 1e9, func(s *detect.Settings) any { return &s.HeartbeatMin }},

	{"top_share", "429 and customers", share, "From which share of the failures on they are one customer's.", 0.1, 1, func(s *detect.Settings) any { return &s.TopShare }},
	{"other_share", "429 and customers", share, "Up to which share of 5xx the others have, no more than they always have, they are one customer's.", 0, 0.5, func(s *detect.Settings) any { return &s.OtherShare }},
	{"one_errors", "429 and customers", failures, "How many failures that customer must have, so that this can be said.", 1, 1e6, func(s *detect.Settings) any { return &s.OneErrors }},
	{"top_errors", "429 and customers", failures, "How many 429 in ten minutes a customer must get who outgrew a limit.", 1, 1e6, func(s *detect.Settings) any { return &s.TopErrors }},
	{"top_rate", "429 and customers", share, "Which share of that customer's requests they must be.", 0, 1, func(s *detect.Settings) any { return &s.TopRate }},
	{"top_every", "429 and customers", minutes, "How long nothing more is said about the same customer.", 10, 43200, func(s *detect.Settings) any { return &s.TopEvery }},
	{"broad_customers", "429 and customers", customers, "How many customers more than usual must get 429 in ten minutes, so that the limit is wrong, and not they.", 1, 1e6, func(s *detect.Settings) any { return &s.BroadCustomers }},
	{"broad_factor", "429 and customers", times, "How many times the usual number of customers that must be.", 1, 100, func(s *detect.Settings) any { return &s.BroadFactor }},
	{"broad_more", "429 and customers", customers, "How many more than usual are enough, however many are usual.", 1, 1e6, func(s *detect.Settings) any { return &s.BroadMore }},

	{"floor_rate", "What is normal", share, "No series is taken to be better than this.", 0, 0.5, func(s *detect.Settings) any { return &s.FloorRate }},
	{"floor_count", "What is normal", perMinute, "The same where requests are not counted.", 0.0001, 1e6, func(s *detect.Settings) any { return &s.FloorCount }},
	{"prior_rate", "What is normal", share, "What is assumed of a series of which little is known.", 0, 0.5, func(s *detect.Settings) any { return &s.PriorRate }},
	{"prior_requests", "What is normal", requests, "How many requests that assumption weighs.", 1, 1e9, func(s *detect.Settings) any { return &s.PriorRequests }},
	{"drop_blocks", "What is normal", share, "Which share of the day's blocks, the largest, says nothing about how much a series varies.", 0, 0.5, func(s *detect.Settings) any { return &s.DropBlocks }},
	{"max_phi", "What is normal", times, "How much more than by chance a series is believed to vary.", 1, 1000, func(s *detect.Settings) any { return &s.MaxPhi }},
	{"high_factor", "What is normal", times, "How many times what a series reached by itself within a day its limit is, for up to 15 minutes.", 1, 100, func(s *detect.Settings) any { return &s.HighFactor }},
	{"high_long", "What is normal", times, "The same for 30 and 60 minutes.", 1, 100, func(s *detect.Settings) any { return &s.HighLong }},

	{"clear_factor", "Incidents", times, "Below how many times the normal share a minute is good.", 1, 100, func(s *detect.Settings) any { return &s.ClearFactor }},
	{"clear_rate", "Incidents", share, "Below which part of the share that 5xx must reach it is, too.", 0.01, 1, func(s *detect.Settings) any { return &s.ClearRate }},
	{"clear_score", "Incidents", sigma, "How near to normal it must be to be good, if it is below the limit.", 0.5, 50, func(s *detect.Settings) any { return &s.ClearScore }},
	{"clear_minutes", "Incidents", minutes, "How many good minutes in a row end an incident.", 1, 720, func(s *detect.Settings) any { return &s.ClearMinutes }},
	{"clear_shown", "Incidents", minutes, "After how many of them it is shown as recovering.", 1, 720, func(s *detect.Settings) any { return &s.ClearShown }},
	{"reopen", "Incidents", minutes, "For how long after its end the same incident goes on, rather than a new one.", 0, 1440, func(s *detect.Settings) any { return &s.Reopen }},
	{"stale_after", "Incidents", minutes, "After how long without data an incident is stale.", 1, 1440, func(s *detect.Settings) any { return &s.StaleAfter }},
	{"missing_after", "Incidents", minutes, "After how long without data it ends.", 2, 10080, func(s *detect.Settings) any { return &s.MissingAfter }},
	{"silent_after", "Incidents", minutes, "After how long without any request it ends, where there are always some.", 2, 43200, func(s *detect.Settings) any { return &s.SilentAfter }},
	{"mask_before", "Incidents", minutes, "How many minutes before an incident are not taken as normal.", 0, 120, func(s *detect.Settings) any { return &s.MaskBefore }},
	{"learn_minutes", "Incidents", minutes, "How much of the day must not be part of an incident, so that what was normal before it counts no more.", 0, 1440, func(s *detect.Settings) any { return &s.LearnMinutes }},
	{"silent_minimum", "Incidents", requests, "How many requests are usual in five minutes where none at all means that data is missing.", 1, 1e6, func(s *detect.Settings) any { return &s.SilentMinimum }},
}
