package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// patience is how long one request is tried again before the run ends.
	patience = 30 * time.Second
	// answerTimeout is how long one answer is waited for, and grace how long
	// after the run was asked to end.
	answerTimeout = 30 * time.Second
	grace         = 5 * time.Second
	// A server that says when to come back is believed within these bounds.
	minWait, defaultWait, maxWait = 10 * time.Millisecond, time.Second, 5 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 10
	// writeBuffer: a body goes out in few pieces.
	writeBuffer = 64 << 10
)

// ServerError is why a server cannot be loaded: it cannot be reached, or it
// answers that it will not take this, now or later.
type ServerError struct {
	Server  string
	Status  int    // 0: there was no answer
	Message string // what the server says, if it says anything
	Err     error  // why there was no answer
}

func (e *ServerError) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("%s does not answer: %v", e.Server, e.Err)
	case e.Message == "":
		return fmt.Sprintf("%s answers %d", e.Server, e.Status)
	default:
		return fmt.Sprintf("%s answers %d: %s", e.Server, e.Status, e.Message)
	}
}

func (e *ServerError) Unwrap() error { return e.Err }

// sender is one connection.
type sender struct {
	g      *generator
	server string
	client http.Client
	bodies []body
	sent   int
}

func newSender(g *generator, server string) *sender {
	return &sender{g: g, server: server, client: http.Client{Timeout: answerTimeout, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: 1, IdleConnTimeout: time.Minute, WriteBufferSize: writeBuffer, DisableCompression: true,
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// run sends until the phase has no more turns or ctx ends.
func (s *sender) run(ctx context.Context, p *phase) error {
	for {
		due, ok := p.turn()
		if !ok || !sleep(ctx, time.Until(due)) {
			return nil
		}
		b := s.bodies[s.sent%len(s.bodies)]
		s.sent++
		n := uint64(s.g.load.Batch) //nolint:gosec // checked
		b.renew(s.g.run, s.g.next.Add(n)-n, s.g.load.Distinct, time.Now())
		if err := s.deliver(ctx, p, b.raw, due); err != nil {
			return err
		}
	}
}

// sleep reports false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver sends a request until it is taken, as an exporter does, and counts
// what became of it. An error means that going on makes no sense.
func (s *sender) deliver(ctx context.Context, p *phase, raw []byte, due time.Time) error {
	spans := int64(s.g.load.Batch)
	for first := time.Now(); ; {
		a := s.try(ctx, raw)
		p.tally.answered(a)
		if a.status == http.StatusOK {
			p.tally.taken(spans, a, time.Since(due))
			return nil
		}
		wait := min(max(a.retryAfter, minWait), maxWait)
		switch {
		case a.final() || time.Since(first)+wait > patience:
			p.tally.lost(spans, a)
			return a.failure(s.server)
		case !sleep(ctx, wait):
			p.tally.lost(spans, a)
			return nil
		}
	}
}

// answer is what one attempt brought.
type answer struct {
	status     int   // 0: none
	err        error // why there was none
	retryAfter time.Duration
	rejected   int64  // spans of a partial success
	message    string // the server's words
}

// final reports that the server will answer the same however often it is
// asked.
func (a answer) final() bool {
	switch a.status {
	case 0, http.StatusOK, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	default:
		return true
	}
}

func (a answer) failure(server string) error {
	return &ServerError{Server: server, Status: a.status, Message: a.message, Err: a.err}
}

// try makes one attempt. One that is under way when ctx ends has some time to
// be answered: what is not waited for is not known.
func (s *sender) try(ctx context.Context, raw []byte) answer {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		sleep(own, grace)
		cancel()
	})()
	req, err := http.NewRequestWithContext(own, http.MethodPost, s.server+"/v1/traces", http.NoBody)
	if err != nil {
		return answer{err: err}
	}
	if len(raw) > 0 {
		sent := newPayload(raw)
		req.Body, req.ContentLength = sent, int64(len(raw))
		// Until then it may still be read, although there is an answer.
		defer func() { <-sent.closed }()
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "errata-bench")
	if s.g.load.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.g.load.Key)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{err: err, retryAfter: defaultWait}
	}
	defer res.Body.Close() //nolint:errcheck // only read
	said, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{err: err, retryAfter: defaultWait}
	}
	return read(res, said)
}

// read understands an answer.
func read(res *http.Response, said []byte) answer {
	a := answer{status: res.StatusCode, retryAfter: defaultWait}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		a.retryAfter = time.Duration(seconds) * time.Second
	}
	if a.status == http.StatusOK {
		export := ptraceotlp.NewExportResponse()
		if err := export.UnmarshalProto(said); err != nil {
			return answer{err: fmt.Errorf("the answer is not OTLP: %w", err), retryAfter: defaultWait}
		}
		a.rejected, a.message = export.PartialSuccess().RejectedSpans(), export.PartialSuccess().ErrorMessage()
		return a
	}
	var status spb.Status
	if proto.Unmarshal(said, &status) == nil {
		a.message = status.GetMessage()
	}
	return a
}

// payload is a request body that says when it is not needed any more.
type payload struct {
	bytes.Reader
	once   sync.Once
	closed chan struct{}
}

func newPayload(raw []byte) *payload {
	p := &payload{closed: make(chan struct{})}
	p.Reset(raw)
	return p
}

func (p *payload) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}
