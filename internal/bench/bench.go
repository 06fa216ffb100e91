// Package bench loads a collector with made-up failures and measures how it
// answers: the body of `errata bench`.
//
// A collector recognises what it has seen, so every span must be new to it, and
// encoding new ones costs about as much as taking them in. The generator would
// measure itself. So a few request bodies are encoded beforehand, and what makes
// each span new (IDs, times, the number in its stack trace) is written over the
// encoded bytes: all of it has a fixed width. That costs next to nothing, and
// memory does not grow with the length of the run.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Load says what to send, where, and for how long.
type Load struct {
	// Servers are the addresses of OTLP/HTTP; connections go to them in turn.
	Servers []string
	Key     string // an ingest key
	// Connections is how many requests are under way at a time.
	Connections int
	Batch       int     // spans a request
	StackBytes  int     // length of each stack trace; 0 for none
	Distinct    float64 // share of the stack traces that are distinct, 0 to 1
	// The run ends after Spans (rounded up to whole requests) or Duration,
	// whichever comes first; 0 is no such end. One of them must be given.
	Spans    int64
	Duration time.Duration
	// Rate is how many spans a second are sent; 0 is as many as are answered.
	// An answer is then timed from when its request was due, so that a server
	// that falls behind cannot hide it by being asked less.
	Rate float64
	// Warmup is how long to send before anything is counted.
	Warmup time.Duration
	// Progress, when set, is told every few seconds what there is so far.
	Progress func(Figures)
}

const (
	// maxMemory bounds what the encoded bodies take together.
	maxMemory = 256 << 20
	// maxBody is what the collector takes in one request.
	maxBody = 64 << 20
	// services is how many services the spans are said to come from; each
	// request holds those of one, as an SDK's does.
	services = 8
	// progressEvery is how often Progress is told.
	progressEvery = 5 * time.Second
)

// Limits of what a Load may say.
const (
	maxConnections = 1000
	maxBatch       = 10_000
	maxStack       = 64 << 10 // what the collector keeps of one
	minStack       = 32       // room for what makes it distinct
)

// Run sends the load and gives what was measured. It ends early when ctx does,
// which is no error, and when a server cannot be used: a *ServerError. The
// Figures are what was measured until then in either case.
func Run(ctx context.Context, load Load) (Figures, error) {
	if err := load.check(); err != nil {
		return Figures{}, err
	}
	g, err := newGenerator(load)
	if err != nil {
		return Figures{}, err
	}
	defer g.close()
	if err := g.knock(ctx); err != nil {
		return Figures{}, err
	}
	if load.Warmup > 0 {
		if f, err := g.phase(ctx, &phase{length: load.Warmup}); err != nil {
			return f, err
		}
	}
	batch := int64(load.Batch)
	return g.phase(ctx, &phase{length: load.Duration, requests: (load.Spans + batch - 1) / batch, progress: load.Progress})
}

// check says what is wrong with a Load, and writes its servers' addresses out.
func (l *Load) check() error {
	l.Servers = append([]string(nil), l.Servers...)
	for i, s := range l.Servers {
		if !strings.Contains(s, "://") {
			s = "http://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%q is not the address of a server; write it as http://127.0.0.1:4318", s)
		}
		l.Servers[i] = strings.TrimRight(s, "/")
	}
	switch {
	case len(l.Servers) == 0:
		return errors.New("no server was named")
	case l.Connections < 1 || l.Connections > maxConnections:
		return fmt.Errorf("the number of connections must be between 1 and %d; it is %d", maxConnections, l.Connections)
	case l.Connections < len(l.Servers):
		return fmt.Errorf("%d servers need at least as many connections; there are %d", len(l.Servers), l.Connections)
	case l.Batch < 1 || l.Batch > maxBatch:
		return fmt.Errorf("a batch must have between 1 and %d spans; it has %d", maxBatch, l.Batch)
	case l.StackBytes != 0 && (l.StackBytes < minStack || l.StackBytes > maxStack):
		return fmt.Errorf("a stack trace must have 0 or between %d and %d bytes; it has %d", minStack, maxStack, l.StackBytes)
	case !(l.Distinct >= 0 && l.Distinct <= 1):
		return fmt.Errorf("the share of distinct stack traces must be between 0 and 1; it is %v", l.Distinct)
	case l.Spans < 0 || l.Duration < 0 || l.Warmup < 0 || !(l.Rate >= 0):
		return errors.New("spans, duration, warm-up and rate must not be negative")
	case l.Spans == 0 && l.Duration == 0:
		return errors.New("the run has no end: give a number of spans or a duration")
	}
	return nil
}

// generator is a Load made ready.
type generator struct {
	load    Load
	senders []*sender
	// run makes what this run sends different from what every other one does.
	run  uint64
	next atomic.Uint64 // spans made so far
}

func newGenerator(load Load) (*generator, error) {
	g := &generator{load: load, run: rand.Uint64()} //nolint:gosec // not a secret
	one := load
	one.Batch = 1
	probe, err := encode(one, services-1)
	if err != nil {
		return nil, err
	}
	size := len(probe.raw) * load.Batch // a little more than it will be
	if size > maxBody || size*load.Connections > maxMemory {
		return nil, fmt.Errorf("each request would have %d MiB; at most %d MiB are taken for one and %d MiB for all connections: make the batches or the stack traces smaller",
			size>>20, maxBody>>20, maxMemory>>20)
	}
	var bodies []body
	for service := range services {
		b, err := encode(load, service)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, b)
	}
	// Each sender writes into bodies of its own.
	each := min(services, maxMemory/(size*load.Connections))
	for c := range load.Connections {
		s := newSender(g, load.Servers[c%len(load.Servers)])
		for n := range each {
			s.bodies = append(s.bodies, bodies[(c+n)%services].clone())
		}
		g.senders = append(g.senders, s)
	}
	return g, nil
}

func (g *generator) close() {
	for _, s := range g.senders {
		s.close()
	}
}

// knock asks every server whether it takes anything from this key: with a
// request that has no spans, which leaves nothing behind.
func (g *generator) knock(ctx context.Context) error {
	for _, s := range g.senders[:len(g.load.Servers)] {
		if a := s.try(ctx, nil); a.status == 0 || a.final() {
			return a.failure(s.server)
		}
	}
	return nil
}

// phase is a stretch of sending that is measured as one.
type phase struct {
	length   time.Duration // 0: until requests
	requests int64         // 0: until length
	interval time.Duration // between requests; 0: as they are answered
	progress func(Figures)

	start time.Time
	given atomic.Int64
	tally tally
}

// turn gives out the next request: when it is due, and false when there is
// none any more.
func (p *phase) turn() (due time.Time, ok bool) {
	n := p.given.Add(1) - 1
	now := time.Now()
	due = now
	if p.interval > 0 {
		due = p.start.Add(time.Duration(n) * p.interval)
	}
	if p.requests > 0 && n >= p.requests {
		return due, false
	}
	return due, p.length == 0 || (due.Sub(p.start) < p.length && now.Sub(p.start) < p.length)
}

func (g *generator) phase(ctx context.Context, p *phase) (Figures, error) {
	if g.load.Rate > 0 {
		p.interval = time.Duration(float64(g.load.Batch) / g.load.Rate * float64(time.Second))
	}
	p.start = time.Now()
	group, inner := errgroup.WithContext(ctx)
	for _, s := range g.senders {
		group.Go(func() error { return s.run(inner, p) })
	}
	ended := make(chan struct{})
	var watching sync.WaitGroup
	if p.progress != nil {
		watching.Go(func() { p.watch(ended) })
	}
	err := group.Wait()
	close(ended)
	watching.Wait()
	return p.tally.figures(time.Since(p.start)), err
}

func (p *phase) watch(ended <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			p.progress(p.tally.figures(time.Since(p.start)))
		}
	}
}
