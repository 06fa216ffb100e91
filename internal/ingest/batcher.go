package ingest

import (
	"context"
	"runtime"
	"sync"
	"time"

	"errata/internal/fault"
	"errata/internal/identity"
)

// Sink stores Parts in one transaction. The outcomes are in the order of the
// Parts; on an error nothing was stored. *store.Store is one.
type Sink interface {
	Write(ctx context.Context, parts []identity.Part) ([]identity.Outcome, error)
}

const (
	maxBatch        = 2_000    // parts a transaction, unless one submission alone has more
	maxPending      = 64 << 20 // bytes that wait or are being written
	writeTimeout    = 10 * time.Second
	perPartOverhead = 512 // bytes that a Part costs beside its texts
)

// batcher is a group commit without a ticker: a writer takes what is pending,
// writes it, answers, and looks again. When it is idle, a report is written at
// once; when it is busy, batches grow by themselves.
//
// Each owner (a key) has a line of its own, and writers take from the lines in
// turn: who sends much waits for itself.
type batcher struct {
	sink Sink

	mu      sync.Mutex
	wake    *sync.Cond
	lines   map[string]*line
	turn    []*line // those with something in them, the next one first
	waiting int     // submissions in all lines
	idle    int     // writers without work
	bytes   int64
	closed  bool
	limit   int64
	writers sync.WaitGroup
}

// line is what one owner has pending or under way.
type line struct {
	owner string
	queue []*submission
	bytes int64
}

// submission is the Parts of one request and where their outcomes go.
type submission struct {
	line  *line
	parts []identity.Part
	bytes int64
	outs  []identity.Outcome
	err   error
	done  chan struct{}
}

// defaultWriters is one for each processor, of which the database mostly has
// the same: more of them write smaller batches, at the same price for each.
func defaultWriters() int { return min(max(runtime.GOMAXPROCS(0), 2), 8) }

func newBatcher(sink Sink, writers int) *batcher {
	b := &batcher{sink: sink, limit: maxPending, lines: map[string]*line{}}
	b.wake = sync.NewCond(&b.mu)
	if writers <= 0 {
		writers = defaultWriters()
	}
	for range writers {
		b.writers.Go(b.run)
	}
	return b
}

// submit hands an owner's Parts over and waits until they are durable. ctx ends
// the waiting, not the write. Faults: Unavailable when too much is pending,
// when the database is away, or during shutdown.
func (b *batcher) submit(ctx context.Context, owner string, parts []identity.Part) ([]identity.Outcome, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	s := &submission{parts: parts, bytes: sizeOf(parts), done: make(chan struct{})}
	if err := b.enqueue(owner, s); err != nil {
		return nil, err
	}
	select {
	case <-s.done:
		return s.outs, s.err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "service_unavailable", "The answer took longer than the client waited. A retry is counted once.").
			Retry(time.Second).Because(ctx.Err())
	}
}

func sizeOf(parts []identity.Part) (n int64) {
	for i := range parts {
		e := &parts[i].Event
		n += perPartOverhead + int64(len(e.RawBody)+len(e.Message)+len(e.Details))
		if e.Exception != nil {
			n += int64(len(e.Exception.Stacktrace))
		}
	}
	return n
}

func (b *batcher) enqueue(owner string, s *submission) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[owner]
	if l == nil {
		l = &line{owner: owner}
	}
	switch {
	case b.closed:
		return fault.New(fault.Unavailable, "service_unavailable", "The collector is shutting down. Retry shortly.").Retry(time.Second)
	case b.bytes > 0 && b.bytes+s.bytes > b.limit:
		return fault.New(fault.Unavailable, "service_unavailable", "The collector has more to write than it may hold. Retry shortly.").Retry(time.Second)
	case l.bytes > 0 && l.bytes+s.bytes > b.limit/2:
		// Half of the room is for the others.
		return fault.New(fault.Unavailable, "service_unavailable", "This key has more waiting than it may. Retry shortly.").Retry(time.Second)
	}
	b.lines[owner] = l
	if len(l.queue) == 0 {
		b.turn = append(b.turn, l)
	}
	s.line = l
	l.queue = append(l.queue, s)
	b.waiting++
	l.bytes += s.bytes
	b.bytes += s.bytes
	b.wake.Signal()
	return nil
}

func (b *batcher) run() {
	for {
		batch := b.take()
		if batch == nil {
			return
		}
		b.write(batch)
		b.mu.Lock()
		for _, s := range batch {
			b.bytes -= s.bytes
			if s.line.bytes -= s.bytes; s.line.bytes == 0 {
				delete(b.lines, s.line.owner)
			}
		}
		b.mu.Unlock()
	}
}

// take waits for work and gives whole submissions, one of each line in turn;
// nil when all is done.
func (b *batcher) take() []*submission {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.turn) == 0 {
		if b.closed {
			return nil
		}
		b.idle++
		b.wake.Wait()
		b.idle--
	}
	// Writers that are idle get their share: two transactions at a time on two
	// cores are faster than one of twice the size.
	share := (b.waiting + b.idle) / (b.idle + 1)
	var batch []*submission
	for parts := 0; len(b.turn) > 0 && len(batch) < share; {
		l := b.turn[0]
		s := l.queue[0]
		if len(batch) > 0 && parts+len(s.parts) > maxBatch {
			break
		}
		parts += len(s.parts)
		batch = append(batch, s)
		b.waiting--
		l.queue[0] = nil
		l.queue = l.queue[1:]
		b.turn = b.turn[1:]
		if len(l.queue) > 0 {
			b.turn = append(b.turn, l)
		}
	}
	return batch
}

// write stores a batch and answers everybody in it. The context is our own:
// a client that hangs up must not undo what others wait for.
func (b *batcher) write(batch []*submission) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	parts := batch[0].parts
	if len(batch) > 1 {
		parts = nil
		for _, s := range batch {
			parts = append(parts, s.parts...)
		}
	}
	outs, err := bisect(ctx, b.sink, parts)
	for _, s := range batch {
		if err != nil {
			s.err = err
		} else {
			s.outs, outs = outs[:len(s.parts)], outs[len(s.parts):]
		}
		close(s.done)
	}
}

// bisect writes Parts and, where the data itself is refused, halves them until
// the item that PostgreSQL does not take stands alone: it is rejected, and its
// neighbours land.
func bisect(ctx context.Context, sink Sink, parts []identity.Part) ([]identity.Outcome, error) {
	outs, err := try(ctx, sink, parts)
	switch {
	case err == nil:
		return outs, nil
	case fault.Is(err, fault.Unavailable):
		return nil, err
	case ctx.Err() != nil:
		return nil, fault.New(fault.Unavailable, "service_unavailable", "The database did not answer in time. Retry shortly.").Retry(time.Second).Because(err)
	case len(parts) == 1:
		f := fault.New(fault.Unprocessable, "not_storable", "The database refuses this item.").Because(err)
		return []identity.Outcome{{Verdict: identity.Rejected, Err: f}}, nil
	}
	half := len(parts) / 2
	left, err := bisect(ctx, sink, parts[:half])
	if err != nil {
		return nil, err
	}
	right, err := bisect(ctx, sink, parts[half:])
	if err != nil {
		return nil, err
	}
	return append(left, right...), nil
}

// try keeps a panic in the store from taking the process with it.
func try(ctx context.Context, sink Sink, parts []identity.Part) (outs []identity.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "internal_error", "The item could not be stored.").With("panic", true).Because(panicked{p})
		}
	}()
	if len(parts) == 0 {
		return nil, nil
	}
	return sink.Write(ctx, parts)
}

// close stops the intake and waits until what is pending has been written.
func (b *batcher) close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.wake.Broadcast()
	b.mu.Unlock()
	return awaited(ctx, &b.writers)
}

// awaited waits for all of a group, or for the end of ctx.
func awaited(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
