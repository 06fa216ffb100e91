package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/stats"
)

// Roll-ups know no issues. But the failures of a service with the same code,
// status, method and endpoint are nearly always one, so those who met them are
// counted: out of the same blocks for a whole page of issues.

// countCustomers says of a page of issues how many customers met each of them in
// a range. What a customer met is most of what roll-ups hold, so that it is read
// for a week at most.
func (s *Store) countCustomers(ctx context.Context, ws int32, issues []event.Issue, from, to time.Time) error {
	if len(issues) == 0 || to.Sub(from) > maxCounted || !from.Before(to) {
		return nil
	}
	looks := map[event.Filter]int{} // which question is about it
	var questions []stats.Question
	for i := range issues {
		f := lookOf(&issues[i], from, to)
		if _, asked := looks[f]; !asked {
			looks[f] = len(questions)
			questions = append(questions, stats.Question{Measure: stats.Customers, Whole: true, Hours: true, Filter: f})
		}
	}
	answers, err := s.Stats(ctx, ws, time.Now(), questions...)
	if err != nil {
		return err
	}
	for i := range issues {
		a := &answers[looks[lookOf(&issues[i], from, to)]]
		n := int64(a.Series[0].Total)
		issues[i].Customers, issues[i].CustomersExact = &n, a.Exact
	}
	return nil
}

// countCustomersOf does so for one issue, of the last day and the last week.
func (s *Store) countCustomersOf(ctx context.Context, ws int32, d *event.IssueDetail) error {
	now := time.Now()
	week := lookOf(&d.Issue, now.Add(-shownDays*24*time.Hour), now)
	day := week
	day.From = now.Add(-24 * time.Hour)
	answers, err := s.Stats(ctx, ws, now, stats.Question{Measure: stats.Customers, Whole: true, Filter: week},
		stats.Question{Measure: stats.Customers, Whole: true, Hours: true, Filter: day})
	if err != nil {
		return err
	}
	d.Counts.Customers, d.Counts.CustomersExact = int64(answers[0].Series[0].Total), answers[0].Exact
	n := int64(answers[1].Series[0].Total)
	d.Customers, d.CustomersExact = &n, answers[1].Exact
	return nil
}

// lookOf finds failures that look like an issue's. What it has not, they do not
// have either.
func lookOf(i *event.Issue, from, to time.Time) event.Filter {
	f := event.Filter{Service: i.Service, Method: i.Method, Endpoint: i.Endpoint, Code: i.Code, Role: i.Role, From: from, To: to}
	var without []string
	if f.Method == "" {
		without = append(without, "-method:*")
	}
	if f.Endpoint == "" {
		without = append(without, "-endpoint:*")
	}
	if i.Status > 0 {
		f.Status = strconv.Itoa(i.Status)
	} else {
		without = append(without, "-status:*")
	}
	f.Query = strings.Join(without, " ")
	return f
}
