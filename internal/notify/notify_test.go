package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/event"
)

// loopback is what the operator of these tests allows.
var loopback = prefixes("127.0.0.1/32", "::1/128")

func newSender(t *testing.T, change ...func(*Options)) *Sender {
	t.Helper()
	o := Options{Allow: loopback, Version: "1.2.3"}
	for _, f := range change {
		f(&o)
	}
	return New(o)
}

func quick(o *Options) { o.Timeout = 300 * time.Millisecond }

// got is a request as the receiver saw it.
type got struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

func (g got) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(g.Body, &out), "%s", g.Body)
	return out
}

// receiver is a real server that remembers, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	seen []got
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r.remember(answer))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) remember(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.mu.Lock()
		r.seen = append(r.seen, got{req.Method, req.RequestURI, req.Header.Clone(), body})
		r.mu.Unlock()
		answer(w, req)
	})
}

func (r *receiver) all() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got{}, r.seen...)
}

func (r *receiver) only(t *testing.T) got {
	t.Helper()
	all := r.all()
	require.Len(t, all, 1)
	return all[0]
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func moment(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return at
}

func incident() alert.Incident {
	ratio, normal, requests := 0.078, 0.002, int64(5282)
	return alert.Incident{
		ID: "01932f5e-0000-7000-8000-000000000012", Number: 12, Workspace: "Acme", Environment: "production", Service: "checkout-api",
		Family: event.FamilyUs, Level: alert.Page, State: alert.Firing, Rule: alert.Rule{Letter: "A", Name: "spike"},
		Why:       alert.Why{Statistic: "z", Value: 31, Limit: 5, Ratio: &ratio, RatioLimit: 0.02, NormalRatio: &normal, Minutes: 5, OfMinutes: 5, WindowMinutes: 5},
		StartedAt: moment("2026-11-20T14:02:00Z"), FiredAt: moment("2026-11-20T14:07:00Z"),
		Errors: 412, Requests: &requests, Customers: 37,
		Members: []alert.Member{{Method: "POST", Endpoint: "/v1/charges", Share: 0.91}},
		Codes:   []alert.Share{{Name: "internal_error", Share: 0.88}},
		Samples: []string{"req_9f3a", "req_71bc"}, BaseURL: "https://errata.example", Runbook: "https://runbooks.example/checkout",
	}
}

func message(kind alert.Kind) alert.Message {
	i := incident()
	if kind == alert.KindResolved {
		i.State, i.ResolvedAt, i.TotalErrors = alert.Resolved, moment("2026-11-20T14:39:00Z"), 3412
	}
	m := alert.Message{ID: "delivery-7", Kind: kind, Workspace: "Acme", Incidents: []alert.Incident{i}, Seq: 3, DedupKey: alert.DedupKey(i.ID, "ch1", 3), At: moment("2026-11-20T14:40:00Z")}
	if kind == alert.KindUpdate {
		m.Changed = []string{"GET /v1/refunds joined"}
	}
	return m
}

const title = "[FIRING] checkout-api 5xx  7.8% of requests (normal 0.2%), 412 errors / 5 min, 37 customers, since 14:02 UTC"

// secretsOf are values that must be nowhere but on the wire.
var whsec = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func channel(kind Kind, at string) Channel {
	c := Channel{ID: "ch1", Name: "On call", Kind: kind, Settings: map[string]string{}, Secrets: map[string]Secret{}}
	switch kind {
	case SlackWebhook, Teams:
		c.Secrets["url"] = NewSecret(at + "/services/T00/B00/hushhushhush")
	case SlackBot:
		c.Settings = map[string]string{"channel": "C0123456789", "url": at}
		c.Secrets["token"] = NewSecret("xoxb-1234567890-hushhushhush")
	case PagerDuty:
		c.Settings["url"] = at
		c.Secrets["routing_key"] = NewSecret("hushhushhushhushhushhushhushhush")
	case Opsgenie:
		c.Settings["url"] = at
		c.Secrets["api_key"] = NewSecret("hushhush-hush-hush")
	case Webhook:
		c.Settings["url"] = at + "/hook"
		c.Secrets["secret"] = NewSecret(whsec)
	case AlertmanagerWebhook, Alertmanager:
		c.Settings["url"] = at
		c.Secrets["token"] = NewSecret("hushhushhush")
	case Email:
		c.Settings = map[string]string{"host": "mail.example.com", "from": "Errata <errata@example.com>", "to": "a@example.com", "username": "errata"}
		c.Secrets["password"] = NewSecret("hushhushhush")
	}
	return c
}

func send(t *testing.T, s *Sender, c Channel, m alert.Message, h Handle) Attempt {
	t.Helper()
	a, err := s.Send(t.Context(), c, m, h)
	require.Equal(t, a.Outcome == alert.Done, err == nil, "%v", err)
	for _, e := range a.Exchanges {
		t.Logf("%s %s: %v %s", e.Request.Method, e.Request.URL, e.Response, e.Error)
	}
	return a
}

func httpKinds() []Kind {
	var out []Kind
	for _, k := range Kinds() {
		if k != Email {
			out = append(out, k)
		}
	}
	return out
}

func TestEveryKindHasAChannelThatWorks(t *testing.T) {
	s := newSender(t)
	for _, k := range Kinds() {
		require.NoError(t, s.Validate(channel(k, "https://hooks.example.com")), k)
		assert.NotEmpty(t, k.Title())
		assert.NotEmpty(t, k.Fields())
	}
	assert.True(t, PagerDuty.Tracks() && Opsgenie.Tracks() && Alertmanager.Tracks())
	assert.False(t, SlackBot.Tracks())
	assert.Equal(t, time.Minute, Alertmanager.Resend())
}

func allow(all ...string) func(*Options) {
	return func(o *Options) { o.Allow = append([]netip.Prefix{}, prefixes(all...)...) }
}
