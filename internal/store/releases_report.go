package store

import (
	"context"
	"math"
	"time"

	"errata/internal/event"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// ReleaseReport is how a service fares since a deploy.
type ReleaseReport struct {
	Deploy
	// Until is when the next release took over, or now.
	Until time.Time
	// Before is the deploy that this one replaced; nil if there is none known.
	Before *Deploy
	// All failures, and those on the service's own side (us and upstream), against
	// as long a time just before the deploy, a day at most.
	All, Server stats.Comparison
	Window      time.Duration
	// New are codes by endpoint that failed with this release and with no other in
	// the week before; the most frequent first.
	New []NewFailure
}

// NewFailure is a code at an endpoint that was not there before.
type NewFailure struct {
	Method, Endpoint, Code string
	N                      int64
}

const (
	compareWindow = 24 * time.Hour
	compareStep   = 5 * time.Minute
	maxNew        = 20
)

// ReleaseReport compares the time since a deploy with the time before. Errors:
// NotFound (release_not_found) where that release is not known.
func (s *Store) ReleaseReport(ctx context.Context, ws int32, service, environment, release string, now time.Time) (r ReleaseReport, err error) {
	defer fault.Wrap(&err, "ReleaseReport(%q)", release)
	list, err := s.Deploys(ctx, ws, DeployFilter{Service: service, Environment: environment, From: now.Add(-90 * 24 * time.Hour), To: now.Add(time.Minute)})
	if err != nil {
		return r, err
	}
	r.Until = now.UTC()
	found := false
	for _, d := range list { // newest first
		switch {
		case !found && d.Release == release:
			r.Deploy, found = d, true
		case !found && (environment == "" || d.Environment == environment):
			r.Until = d.At.Time
		case found && r.Before == nil && d.Release != release && d.Environment == r.Environment:
			r.Before = &d
		}
	}
	if !found {
		return r, fault.New(fault.NotFound, "release_not_found", "No deploy of this release of this service is known from the last 90 days.")
	}
	if err := s.compareRelease(ctx, ws, &r, now); err != nil {
		return r, err
	}
	r.New, err = s.newFailures(ctx, ws, &r, now)
	return r, err
}

func (s *Store) compareRelease(ctx context.Context, ws int32, r *ReleaseReport, now time.Time) error {
	at := r.At.Truncate(compareStep).Add(compareStep) // the step in which it was deployed is neither
	r.Window = min(compareWindow, r.Until.Sub(at)).Truncate(compareStep)
	if r.Window < compareStep {
		r.All, r.Server = stats.CompareStretches(nil, nil), stats.CompareStretches(nil, nil)
		return nil
	}
	f := event.Filter{Service: r.Service, Environment: r.Environment, From: at.Add(-compareWindow - time.Hour), To: at.Add(compareWindow)}
	own := f
	own.Query = "family:us,upstream"
	answers, err := s.Stats(ctx, ws, now,
		stats.Question{Measure: stats.Errors, Filter: f, Step: compareStep},
		stats.Question{Measure: stats.Errors, Filter: own, Step: compareStep},
		stats.Question{Measure: stats.Requests, Filter: f, Step: compareStep})
	if err != nil {
		return err
	}
	cut := func(errors stats.Answer, from, to time.Time) (out []stats.Bucket) {
		var requests []float64
		if len(answers[2].Series) > 0 && answers[2].Series[0].Total > 0 {
			requests = answers[2].Series[0].Values
		}
		for i, t := range errors.Points() {
			if t.Before(from) || !t.Before(to) {
				continue
			}
			b := stats.Bucket{Requests: math.NaN()}
			if v := errors.Series[0].Values[i]; !math.IsNaN(v) {
				b.Errors = v
			}
			if requests != nil && i < len(requests) {
				b.Requests = requests[i]
			}
			out = append(out, b)
		}
		return out
	}
	deployed := r.At.Truncate(compareStep)
	for i, c := range []*stats.Comparison{&r.All, &r.Server} {
		*c = stats.CompareStretches(cut(answers[i], deployed.Add(-r.Window), deployed), cut(answers[i], at, at.Add(r.Window)))
	}
	return nil
}

// newFailures are told by the releases that failures name.
func (s *Store) newFailures(ctx context.Context, ws int32, r *ReleaseReport, now time.Time) ([]NewFailure, error) {
	since := stats.Question{Measure: stats.Errors, Whole: true, Limit: 10_000, By: []rollup.Dim{rollup.Method, rollup.Endpoint, rollup.Code},
		Filter: event.Filter{Service: r.Service, Environment: r.Environment, Release: r.Release, From: r.At.Add(-time.Hour), To: now}}
	before := since
	before.Filter.Release = ""
	before.Filter.Query = "-release:" + ql.Quote(r.Release)
	before.Filter.From, before.Filter.To = r.At.Add(-7*24*time.Hour), r.At.Time
	answers, err := s.Stats(ctx, ws, now, since, before)
	if err != nil {
		return nil, err
	}
	known := map[[3]string]bool{}
	for _, b := range answers[1].Series {
		known[[3]string(b.Labels)] = true
	}
	var out []NewFailure
	for _, a := range answers[0].Series {
		if !known[[3]string(a.Labels)] && len(out) < maxNew {
			out = append(out, NewFailure{Method: a.Labels[0], Endpoint: a.Labels[1], Code: a.Labels[2], N: int64(a.Total)})
		}
	}
	return out, nil
}
