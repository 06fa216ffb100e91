package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/month"
	"errata/internal/normalize"
)

// Sink is what a month is written to: *store.Store, as ingest has it.
type Sink interface {
	Write(ctx context.Context, parts []identity.Part) ([]identity.Outcome, error)
	CountRequests(ctx context.Context, rs []event.Requests) error
}

// Fill says what month to write, and how.
type Fill struct {
	month.Spec
	Workspace int32
	Batch     int // Events a transaction
	Writers   int // 0 = as many as the collector has
	// Progress, when set, is told every few seconds what there is so far.
	Progress func(Filled)
}

// Filled is what was written until now.
type Filled struct {
	Seconds    float64   `json:"seconds"`
	Events     int64     `json:"events"`
	Duplicates int64     `json:"duplicates"` // that were there already
	Totals     int64     `json:"totals"`     // rows of request totals
	Until      time.Time `json:"until"`      // how far the month has been told
	Complete   bool      `json:"complete"`
}

const (
	maxWriters = 64
	// totalsBatch is how many rows of totals go into one transaction.
	totalsBatch = 5_000
	// transit is how long reports are under way.
	transit = 20 * time.Millisecond
	// maxTries is how often a second in vain a batch is offered to a database
	// that cannot be reached.
	maxTries = 30
)

// filling is a Fill under way.
type filling struct {
	fill  Fill
	sink  Sink
	start time.Time
	memo  *normalize.Memo

	events, duplicates, totals atomic.Int64
	until                      atomic.Int64 // Unix seconds
}

// job is one transaction: of failures, or of totals.
type job struct {
	failures [][]event.Envelope
	n        int
	totals   []event.Requests
}

// Run writes the month through the store's own way in, as collectors do that
// get each failure at its time: normalised, in batches, by several writers.
// When ctx ends, batches under way are finished, and the Filled is not
// Complete; that is no error.
func (f Fill) Run(ctx context.Context, sink Sink) (Filled, error) {
	m, err := month.New(f.Spec)
	if err != nil {
		return Filled{}, err
	}
	if f.Batch < 1 || f.Batch > maxBatch {
		return Filled{}, fmt.Errorf("a batch must have between 1 and %d events; it has %d", maxBatch, f.Batch)
	}
	if f.Writers < 0 || f.Writers > maxWriters {
		return Filled{}, fmt.Errorf("there must be at most %d writers; there are %d", maxWriters, f.Writers)
	}
	if f.Writers == 0 {
		f.Writers = min(max(runtime.GOMAXPROCS(0), 2), 8)
	}
	w := &filling{fill: f, sink: sink, start: time.Now(), memo: normalize.NewMemo(8 << 20)}
	w.until.Store(f.From.Unix())
	ended := make(chan struct{})
	var watching sync.WaitGroup
	if f.Progress != nil {
		watching.Go(func() { w.watch(ended) })
	}
	complete, err := w.run(ctx, m)
	close(ended)
	watching.Wait()
	out := w.filled()
	out.Complete = complete && err == nil
	return out, err
}

func (w *filling) run(ctx context.Context, m *month.Month) (complete bool, err error) {
	jobs := make(chan job, w.fill.Writers)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(jobs)
		complete = w.tell(inner, m, jobs)
		return nil
	})
	for range w.fill.Writers {
		group.Go(func() error {
			var parts []identity.Part
			for j := range jobs {
				var err error
				if parts, err = w.write(inner, j, parts); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return complete, err
}

// tell makes jobs of the month, and reports whether it came to its end.
func (w *filling) tell(ctx context.Context, m *month.Month, jobs chan<- job) bool {
	give := func(j job) bool {
		select {
		case jobs <- j:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var next job
	for minute := range m.Minutes() {
		if ctx.Err() != nil {
			return false
		}
		for chunk := range slices.Chunk(minute.Failures, w.fill.Batch) {
			next.failures, next.n = append(next.failures, chunk), next.n+len(chunk)
			if next.n >= w.fill.Batch {
				if !give(next) {
					return false
				}
				next = job{}
			}
		}
		for chunk := range slices.Chunk(minute.Totals, totalsBatch) {
			if !give(job{totals: chunk}) {
				return false
			}
		}
		w.until.Store(minute.At.Add(time.Minute).Unix())
	}
	return next.n == 0 || give(next)
}

// write does one job, with room for its Parts that it gives back. What was
// begun is finished, although ctx ends.
func (w *filling) write(ctx context.Context, j job, room []identity.Part) ([]identity.Part, error) {
	n := normalize.Normalizer{Memo: w.memo}
	parts := slices.Grow(room[:0], j.n)[:j.n]
	i := 0
	for _, list := range j.failures {
		for k := range list {
			if err := n.Into(&parts[i], &list[k], w.fill.Workspace, list[k].OccurredAt.Add(transit)); err != nil {
				return nil, fmt.Errorf("a made-up failure is not taken: %w", err)
			}
			i++
		}
	}
	for k := range j.totals {
		j.totals[k].Workspace = w.fill.Workspace
	}
	var outs []identity.Outcome
	err := w.patiently(ctx, func(ctx context.Context) (err error) {
		if j.totals != nil {
			return w.sink.CountRequests(ctx, j.totals)
		}
		outs, err = w.sink.Write(ctx, parts)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, o := range outs {
		if o.Verdict == identity.Duplicate {
			w.duplicates.Add(1)
		} else {
			w.events.Add(1)
		}
	}
	w.totals.Add(int64(len(j.totals)))
	return parts, nil
}

// patiently tries again while the database cannot be reached.
func (w *filling) patiently(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := do(context.WithoutCancel(ctx))
		if err == nil || !fault.Is(err, fault.Unavailable) || try == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

func (w *filling) filled() Filled {
	return Filled{Seconds: time.Since(w.start).Seconds(), Events: w.events.Load(), Duplicates: w.duplicates.Load(), Totals: w.totals.Load(),
		Until: time.Unix(w.until.Load(), 0).UTC()}
}

func (w *filling) watch(ended <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			w.fill.Progress(w.filled())
		}
	}
}
