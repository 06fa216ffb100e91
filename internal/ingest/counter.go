package ingest

import (
	"context"
	"sync"
	"time"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/otlp"
)

// RequestSink stores request totals in one transaction; on an error nothing was
// stored. *store.Store is one.
type RequestSink interface {
	CountRequests(ctx context.Context, rs []event.Requests) error
}

// maxCounting is how many rows and points wait at most, some 300 bytes each.
const maxCounting = 200_000

// counter is a group commit of request totals, beside that of the failures. It
// has one writer: counting takes one connection from the database and no more,
// whatever comes in, and what cumulative points add is worked out in one order.
type counter struct {
	sink    RequestSink
	tracker *otlp.Tracker

	mu      sync.Mutex
	wake    *sync.Cond
	queue   []*counting
	pending int // rows and points that wait or are being written
	limit   int
	closed  bool
	writer  sync.WaitGroup
}

// counting is what one request counts, and how that went.
type counting struct {
	rows   []event.Requests
	points []otlp.Point // cumulative or not; their Requests are ready for the sink
	err    error
	done   chan struct{}
}

func (c *counting) size() int { return len(c.rows) + len(c.points) }

func newCounter(sink RequestSink) *counter {
	c := &counter{sink: sink, tracker: otlp.NewTracker(time.Now(), 0), limit: maxCounting}
	c.wake = sync.NewCond(&c.mu)
	c.writer.Go(c.run)
	return c
}

// submit hands counts over without waiting. Faults: Unavailable when too much
// is pending, or during shutdown.
func (c *counter) submit(rows []event.Requests, points []otlp.Point) (*counting, error) {
	s := &counting{rows: rows, points: points, done: make(chan struct{})}
	if s.size() == 0 {
		close(s.done)
		return s, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, fault.New(fault.Unavailable, "service_unavailable", "The collector is shutting down. Retry shortly.").Retry(time.Second)
	case c.pending > 0 && c.pending+s.size() > c.limit:
		return nil, fault.New(fault.Unavailable, "service_unavailable", "The collector has more to count than it may hold. Retry shortly.").Retry(time.Second)
	}
	c.queue = append(c.queue, s)
	c.pending += s.size()
	c.wake.Signal()
	return s, nil
}

// wait ends when the counts are durable. ctx ends the waiting, not the write.
func (c *counting) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "service_unavailable", "The answer took longer than the client waited. A retry is counted once.").
			Retry(time.Second).Because(ctx.Err())
	}
}

func (c *counter) run() {
	for {
		batch := c.take()
		if batch == nil {
			return
		}
		c.write(batch)
		c.mu.Lock()
		for _, s := range batch {
			c.pending -= s.size()
		}
		c.mu.Unlock()
	}
}

// take waits for work and gives all of it; nil when all is done.
func (c *counter) take() []*counting {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 {
		if c.closed {
			return nil
		}
		c.wake.Wait()
	}
	batch := c.queue
	c.queue = nil
	return batch
}

// write stores a batch and answers everybody in it. Where the data itself is
// refused, each request stands alone, so that its neighbours land.
func (c *counter) write(batch []*counting) {
	err := c.try(batch)
	if err != nil && !fault.Is(err, fault.Unavailable) && len(batch) > 1 {
		for _, s := range batch {
			c.write([]*counting{s})
		}
		return
	}
	for _, s := range batch {
		s.err = err
		close(s.done)
	}
}

// try is one transaction. What is known of cumulative streams moves on only
// when it has been committed. A panic costs this batch, not the process.
func (c *counter) try(batch []*counting) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "internal_error", "The request totals could not be stored.").With("panic", true).Because(panicked{p})
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	advance := c.tracker.Advance()
	var rows []event.Requests
	for _, s := range batch {
		rows = append(rows, s.rows...)
		for i := range s.points {
			p := &s.points[i]
			if n := advance.Count(p.Workspace, p); n > 0 {
				row := p.Requests
				row.N = n
				rows = append(rows, row)
			}
		}
	}
	if len(rows) > 0 {
		if err := c.sink.CountRequests(ctx, rows); err != nil {
			if ctx.Err() != nil && !fault.Is(err, fault.Unavailable) {
				err = fault.New(fault.Unavailable, "service_unavailable", "The database did not answer in time. Retry shortly.").Retry(time.Second).Because(err)
			}
			return err
		}
	}
	advance.Commit(time.Now())
	return nil
}

// close stops the intake and waits until what is pending has been written.
func (c *counter) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.wake.Broadcast()
	c.mu.Unlock()
	return awaited(ctx, &c.writer)
}
