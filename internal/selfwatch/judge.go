package selfwatch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"errata/internal/detect"
)

// The limits. What is between the limit of the beginning and that of the end is
// found with level Quiet.
const (
	// LagLimit is from when on reports are so late that quiet means nothing: no
	// rule is looked at.
	LagLimit = 3 * time.Minute
	lagEnd   = time.Minute
	// StalledLimit is when it is sure that nobody judges: a minute settles for half
	// of one, and somebody looks every few seconds.
	StalledLimit = 5 * time.Minute

	fillingTicket, fillingPage, fillingEnd = 0.5, 0.8, 0.4

	// heardWithin is how old a collector's word may be. They speak every 5 s.
	heardWithin = 2 * time.Minute
	goneFor     = 5 * time.Minute // until it is news that there is none at all
	goneAfter   = 24 * time.Hour  // until a collector was stopped on purpose

	damageFor = 60 // minutes for which damage is news

	refusedOurs    = 10    // items in five minutes, in two of them: there was no room
	refusedAtOnce  = 1_000 // in one of them
	refusedLimits  = 100   // in three of them: limits that somebody set
	rejectedMin    = 100
	rejectedEnd    = 20
	failingFor     = 10 * time.Minute
	waitingLimit   = 5 * time.Minute
	waitingEnd     = time.Minute
	stalledEnd     = 2 * time.Minute
	jobPeriods     = 3
	jobPeriodsSoon = 2

	// RejectedFor is how far back rejected items are counted.
	RejectedFor = 10 * time.Minute

	maxFindings = 50 // of one condition, the worst
	maxName     = 120
	maxError    = 200
)

// Judge says what is wrong. m is the memory with this minute in it. The order is
// that of All, and the worst first.
func Judge(s *Snapshot, m Memory) []Finding {
	by := map[Condition][]Finding{}
	for _, look := range []func(*Snapshot, Memory) []Finding{collectors, damage, refusals, rejections, channels, delivery, judge, jobs} {
		for _, f := range look(s, m) {
			f.Subject = bounded(f.Subject, maxName)
			by[f.Condition] = append(by[f.Condition], f)
		}
	}
	var out []Finding
	for _, c := range All {
		all := by[c]
		slices.SortStableFunc(all, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(b.Level, a.Level), a.Since.Compare(b.Since), strings.Compare(a.Subject, b.Subject))
		})
		seen := map[string]bool{}
		for _, f := range all { // the worst of a subject
			if !seen[f.Subject] && len(seen) < maxFindings {
				seen[f.Subject] = true
				out = append(out, f)
			}
		}
	}
	return out
}

// collectors looks at what they hold back, and whether they are there at all.
func collectors(s *Snapshot, _ Memory) (out []Finding) {
	alive, known := 0, 0
	var last Collector
	for _, c := range s.Collectors {
		quiet := s.Now.Sub(c.Seen)
		if quiet <= heardWithin {
			alive++
			out = append(out, held(s, &c)...)
			continue
		}
		if quiet <= goneAfter {
			known++
			if c.Seen.After(last.Seen) {
				last = c
			}
		}
		if c.SpoolItems > 0 && !followed(s, &c) {
			out = append(out, Finding{Silent, c.Host, detect.Page, c.Seen, fmt.Sprintf("Nothing is heard of the collector on %s for %s; it held %s that it had acknowledged and that are not in the database.",
				bounded(c.Host, maxName), span(quiet), count(c.SpoolItems, "report"))})
		}
	}
	if quiet := s.Now.Sub(last.Seen); alive == 0 && known > 0 && quiet >= goneFor {
		out = append(out, Finding{Silent, "", detect.Page, last.Seen, fmt.Sprintf("No collector has been heard of for %s; the last one was on %s. Nothing is taken in.", span(quiet), bounded(last.Host, maxName))})
	}
	return out
}

// held looks at the spool of a collector that is there.
func held(s *Snapshot, c *Collector) (out []Finding) {
	host := bounded(c.Host, maxName)
	if age := s.Now.Sub(c.Oldest); !c.Oldest.IsZero() && age > lagEnd {
		f := Finding{Lag, c.Host, detect.Quiet, c.Oldest, fmt.Sprintf("The collector on %s holds back %s (%s); the oldest has waited %s (limit %s).",
			host, count(c.SpoolItems, "report"), bytes(c.SpoolBytes), span(age), span(LagLimit))}
		if age > LagLimit {
			f.Level = detect.Page
		}
		out = append(out, f)
	}
	if c.SpoolMax > 0 {
		share := float64(c.SpoolBytes) / float64(c.SpoolMax)
		f := Finding{Filling, c.Host, detect.Quiet, time.Time{}, fmt.Sprintf("The spool of the collector on %s is %.0f%% full: %s of %s (limits 50%% and 80%%).", host, 100*share, bytes(c.SpoolBytes), bytes(c.SpoolMax))}
		switch {
		case share >= fillingPage:
			f.Level = detect.Page
		case share >= fillingTicket:
			f.Level = detect.Ticket
		}
		if share >= fillingEnd {
			out = append(out, f)
		}
	}
	return out
}

// followed says whether another process went on where one stopped: on the same
// host it has the same spool.
func followed(s *Snapshot, c *Collector) bool {
	return slices.ContainsFunc(s.Collectors, func(o Collector) bool {
		return o.ID != c.ID && o.Host == c.Host && !o.Started.Before(c.Started) && o.Seen.After(c.Seen)
	})
}

func damage(s *Snapshot, m Memory) (out []Finding) {
	for _, c := range s.Collectors {
		if d := m.Damage[c.ID]; d.Grew != 0 && m.Minute-d.Grew < damageFor {
			out = append(out, Finding{Damaged, c.Host, detect.Ticket, d.Grew.Time(), fmt.Sprintf("The collector on %s has %s that it could not read or store, and put aside or lost.",
				bounded(c.Host, maxName), count(d.N, "record or segment"))})
		}
	}
	return out
}

// limitReasons are codes of refusals by limits that somebody set.
var limitReasons = []string{"rate_limit_exceeded"}

// refusals looks at what was not taken in the last minutes. That there was no room
// is ours to repair; that a limit did what it is for is only worth knowing.
func refusals(_ *Snapshot, m Memory) (out []Finding) {
	sum, times, most, since := map[string]int64{}, map[string]int{}, map[string]int64{}, map[string]detect.Minute{}
	for _, r := range m.Recent {
		for reason, n := range r.N {
			if sum[reason] == 0 {
				since[reason] = r.Minute
			}
			sum[reason] += n
			times[reason]++
			most[reason] = max(most[reason], n)
		}
	}
	for reason, n := range sum {
		f := Finding{Refused, reason, detect.Quiet, since[reason].Time(), fmt.Sprintf("%s in the last %d minutes, in %d of them: %s.", count(n, "report was", "reports were")+" refused", recentFor, times[reason], bounded(reason, maxName))}
		switch limits := slices.Contains(limitReasons, reason); {
		case limits && n >= refusedLimits && times[reason] >= 3:
			f.Level = detect.Notify
		case !limits && n >= refusedOurs && times[reason] >= 2:
			f.Level = detect.Page
		case !limits && most[reason] >= refusedAtOnce:
			f.Level = detect.Ticket
		}
		out = append(out, f)
	}
	return out
}

func rejections(s *Snapshot, _ Memory) (out []Finding) {
	for _, r := range s.Rejected {
		if r.N < rejectedEnd {
			continue
		}
		f := Finding{Rejected, r.Reason, detect.Quiet, time.Time{}, fmt.Sprintf("%s in the last %s could not be understood: %s.", count(r.N, "report"), span(RejectedFor), bounded(r.Reason, maxName))}
		if r.Service != "" {
			f.Says += " Most come from " + bounded(r.Service, maxName) + "."
		}
		if r.N >= rejectedMin {
			f.Level = detect.Notify
		}
		out = append(out, f)
	}
	return out
}

// channels looks at those that fail. It is as loud as it takes for a channel that
// works to be told.
func channels(s *Snapshot, _ Memory) (out []Finding) {
	heard := detect.Page
	for _, c := range s.Channels {
		if c.Enabled && c.Failing.IsZero() {
			heard = min(heard, c.Level)
		}
	}
	for _, c := range s.Channels {
		name := bounded(c.Name, maxName)
		f := Finding{Channel, c.Name, detect.Quiet, c.Failing, ""}
		switch {
		case !c.Enabled && c.DisabledWhy != "":
			f.Says = fmt.Sprintf("The channel %s was switched off, because its receiver wants no more messages: %s", name, sentence(c.DisabledWhy))
		case c.Enabled && !c.Failing.IsZero():
			f.Says = fmt.Sprintf("Messages to the channel %s have failed for %s, the last time with: %s", name, span(s.Now.Sub(c.Failing)), sentence(c.LastError))
		default:
			continue
		}
		if c.Fails(s.Now) {
			f.Level = max(detect.Ticket, heard)
		}
		out = append(out, f)
	}
	return out
}

func delivery(s *Snapshot, _ Memory) []Finding {
	if s.Overdue <= waitingEnd {
		return nil
	}
	f := Finding{Waiting, "", detect.Quiet, s.Now.Add(-s.Overdue), fmt.Sprintf("A message that could be sent has waited for %s (limit %s).", span(s.Overdue), span(waitingLimit))}
	if s.Overdue > waitingLimit {
		f.Level = detect.Page
	}
	return []Finding{f}
}

func judge(s *Snapshot, _ Memory) []Finding {
	age := s.Now.Sub(s.Judged)
	if s.Judged.IsZero() || age <= stalledEnd {
		return nil
	}
	f := Finding{Stalled, "", detect.Quiet, s.Judged, fmt.Sprintf("No minute was judged since %s UTC, for %s (limit %s): no incident begins or ends.", s.Judged.UTC().Format("15:04"), span(age), span(StalledLimit))}
	if age > StalledLimit {
		f.Level = detect.Page
	}
	return []Finding{f}
}

func jobs(s *Snapshot, _ Memory) (out []Finding) {
	for _, j := range s.Jobs {
		f := Finding{Job, j.Name, detect.Quiet, s.Now.Add(-j.Age), fmt.Sprintf("The job %s has not succeeded for %s, and should every %s", bounded(j.Name, maxName), span(j.Age), span(j.Every))}
		switch {
		case j.Age > jobPeriods*j.Every:
			f.Level = detect.Ticket
		case j.Error != "" && j.Age > jobPeriodsSoon*j.Every:
			f.Level = detect.Notify
		case j.Error == "" && j.Age <= jobPeriodsSoon*j.Every:
			continue
		}
		f.Says += "."
		if j.Error != "" {
			f.Says = strings.TrimSuffix(f.Says, ".") + "; the last time: " + sentence(j.Error)
		}
		out = append(out, f)
	}
	return out
}
