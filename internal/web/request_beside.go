package web

import (
	"math"
	"time"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
	"errata/internal/story"
)

// What stands beside a failure is asked in one go: what else failed for its customer,
// and whether its code came before the deploy. Only where it did not, it is asked when
// it came since.

// beside are those questions, and where their answers are.
type beside struct {
	asked
	e                   *event.Event
	from, to            time.Time
	when                string
	codes, all          *reply // of the customer
	before, soon, since *reply // of the code, around the deploy
	deploy              *store.Deploy
}

const (
	besideFor = 24 * time.Hour
	// maxBeside is how many codes of the customer are shown.
	maxBeside = 6
)

// newBeside asks about the services of the Trail: who else failed the customer is
// counted, but not by code. deploy is nil for who does not see it.
func newBeside(t *event.Trail, e *event.Event, deploy *store.Deploy, now time.Time) *beside {
	b := &beside{e: e, from: now.Add(-besideFor), to: now, when: "last 24 h"}
	if now.Sub(e.OccurredAt) > besideFor {
		b.from, b.to, b.when = e.OccurredAt.Add(-besideFor/2), e.OccurredAt.Add(besideFor/2), "12 h before and after it"
	}
	if e.Customer != "" {
		of := event.Filter{Customer: e.Customer, From: b.from, To: b.to}
		b.all = b.ask(stats.Question{Measure: stats.Errors, Whole: true, Hours: true, Filter: of})
		b.codes = b.ask(within(stats.Question{Measure: stats.Errors, Whole: true, Hours: true, Filter: of, By: []rollup.Dim{rollup.Status, rollup.Code, rollup.Family}, Limit: maxBeside}, t.Services))
	}
	if deploy != nil {
		b.deploy = deploy
		b.askBefore()
	}
	return b
}

// ofCode is about the failure's code in its service.
func (b *beside) ofCode(from, to time.Time) event.Filter {
	return event.Filter{Service: b.e.Service, Environment: b.e.Environment, Code: b.e.Code, Role: b.e.Role, From: from, To: to}
}

// askBefore asks how often the code came before the deploy: in most cases it did, and
// that is all there is to say.
func (b *beside) askBefore() {
	if b.e.OccurredAt.Sub(b.deploy.At.Time) > story.Correlated {
		return
	}
	hour := b.deploy.At.Truncate(time.Hour)
	b.before = b.ask(stats.Question{Measure: stats.Errors, Whole: true, Hours: true, Filter: b.ofCode(hour.Add(-story.Correlated), hour)})
}

// sinceDeploy is when the code came since the deploy, where it is new: to be asked once
// it is known to be. It is by the hour, and for the first two by the minute, which
// reads all that was counted of the service in them.
func (b *beside) sinceDeploy(now time.Time) (more asked, worthIt bool) {
	if b.before == nil || b.before.total() > 0 {
		return more, false
	}
	const minutes = 2 * time.Hour
	hour := b.deploy.At.Truncate(time.Hour)
	end := hour.Add(minutes)
	if now.Before(end) {
		end = now.Truncate(time.Minute).Add(time.Minute)
	}
	if !hour.Before(end) { // by a clock that is ahead of ours
		return more, false
	}
	b.soon = more.ask(stats.Question{Measure: stats.Errors, Step: time.Minute, Filter: b.ofCode(hour, end)})
	if last := b.e.OccurredAt.Truncate(time.Hour).Add(time.Hour); last.After(hour.Add(minutes)) {
		b.since = more.ask(stats.Question{Measure: stats.Errors, Hours: true, Step: time.Hour, Filter: b.ofCode(hour.Add(minutes), last)})
	}
	return more, true
}

// release says what the deploy may have to do with it; "" where none is known.
func (b *beside) release() string {
	if b.deploy == nil {
		return ""
	}
	r := story.Release{Release: b.deploy.Release, At: b.deploy.At.Time, Reported: b.deploy.Reported}
	if b.before != nil {
		r.Counted, r.Before = true, int64(b.before.total())
		b.first(&r)
	}
	return r.Text(b.e)
}

// first finds when the code came since the deploy, and whether it did just before it.
func (b *beside) first(r *story.Release) {
	if b.soon == nil {
		return
	}
	minute := r.At.Truncate(time.Minute)
	for at, n := range counts(b.soon) {
		if at.Before(minute) {
			r.Before += n
		} else if r.First.IsZero() || at.Before(r.First) {
			r.First, r.Exact = at, true
		}
	}
	if r.First.IsZero() && b.since != nil {
		for at := range counts(b.since) {
			if r.First.IsZero() || at.Before(r.First) {
				r.First = at
			}
		}
	}
}

// counts are the points of an answer that have something.
func counts(r *reply) map[time.Time]int64 {
	out := map[time.Time]int64{}
	s := r.one()
	if s == nil {
		return out
	}
	for i, at := range r.Points() {
		if i < len(s.Values) && s.Values[i] > 0 && !math.IsNaN(s.Values[i]) {
			out[at] = int64(s.Values[i])
		}
	}
	return out
}

// theirs is what else failed for the customer.
type theirs struct {
	When, Path string
	Rows       []theirsRow
	Elsewhere  int64 // in services that this request did not go through, and further codes
}

type theirsRow struct {
	Family     event.Family
	Code, Path string
	N          int64
	This       bool
}

func (b *beside) theirs() *theirs {
	if b.codes == nil {
		return nil
	}
	out := &theirs{When: b.when, Path: pathOfCustomer(b.e.Customer)}
	left := int64(b.all.total())
	for _, s := range b.codes.Series {
		status, code := s.Labels[0], s.Labels[1]
		row := theirsRow{Family: event.Family(s.Labels[2]), Code: joined(status, code), N: int64(s.Total), This: code == b.e.Code && status == statusOf(b.e)}
		if row.N <= 0 {
			continue
		}
		if code == "http_"+status {
			row.Code = heading(&event.Event{Status: b.e.Status, Code: code})
			if status != statusOf(b.e) {
				row.Code = status
			}
		}
		row.Path = "/events?" + query("customer", b.e.Customer, "code", code, "status", status, "role", string(event.Primary),
			"from", b.from.UTC().Truncate(time.Hour).Format(time.RFC3339), "to", b.to.UTC().Format(time.RFC3339))
		out.Rows, left = append(out.Rows, row), left-row.N
	}
	out.Elsewhere = max(left, 0)
	return out
}

func statusOf(e *event.Event) string {
	if e.Status == 0 {
		return ""
	}
	return itoa(e.Status)
}
