package desk_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/desk"
	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/notify"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What the recordings in ../slack/testdata were signed with, and when.
const (
	secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	team   = "T0DESK0001"
	bot    = "xoxb-1234567890-hushhushhush"
)

var recordedAt = time.Unix(1763733755, 0)

var ada = store.Actor{Kind: "key", ID: "k", Label: "ada"}

// fixture is a desk on a real store, which may talk to this machine.
type fixture struct {
	*store.Store
	t      testing.TB
	url    string
	desk   *desk.Desk
	server *httptest.Server
	slack  *httptest.Server // stands in for Slack: its API, and where late answers go
	log    *logged

	mu    sync.Mutex
	now   time.Time
	heard []heard
	say   string // what Slack answers
}

// heard is a request to the stand-in.
type heard struct {
	path, auth string
	body       map[string]any
}

// logged is all that was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newFixture(t testing.TB, change ...func(*fixture, *desk.Deps)) *fixture {
	t.Helper()
	db := pgtest.New(t)
	s, err := store.Open(t.Context(), store.Options{URL: db.AppURL})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	f := &fixture{Store: s, t: t, url: db.URL, log: &logged{}, now: recordedAt, say: `{"ok":true}`}
	f.slack = httptest.NewServer(http.HandlerFunc(f.hear))
	t.Cleanup(f.slack.Close)
	deps := desk.Deps{
		Store: s, Sender: notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), PublicURL: "https://errata.example", Now: f.clock,
		Logger: slog.New(slog.NewTextHandler(f.log, nil)), Patience: time.Minute, SlackHooks: f.slack.URL, SlackAPI: f.slack.URL + "/api",
	}
	for _, fn := range change {
		fn(f, &deps)
	}
	f.desk = desk.New(deps)
	f.server = httptest.NewServer(f.desk)
	t.Cleanup(func() {
		f.server.Close()
		f.desk.Close(context.Background())
	})
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) wind(by time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(by)
}

func (f *fixture) hear(w http.ResponseWriter, r *http.Request) {
	h := heard{path: r.URL.Path, auth: r.Header.Get("Authorization")}
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&h.body))
	f.mu.Lock()
	f.heard = append(f.heard, h)
	say := f.say
	f.mu.Unlock()
	_, _ = io.WriteString(w, say)
}

func (f *fixture) all() []heard {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]heard{}, f.heard...)
}

func (f *fixture) answers(say string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.say = say
}

// samples are two requests of a morning.
func (f *fixture) samples() {
	f.t.Helper()
	at := time.Now().UTC().Add(-12 * time.Minute)
	var parts []identity.Part
	for i, e := range []event.Event{
		{RequestID: "req_9f3a21", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run", Status: 429, Code: "rate_limit_exceeded", Customer: "acme-incorporated",
			Message: "You, mia@acme.example, ask too often", RetryAfter: &event.RetryAfter{Seconds: 45, Source: "header"}, RateLimit: &event.RateLimit{Limit: new(int64(60)), Window: "1 minute"}},
		{RequestID: "req_edge1", Service: "edge-gateway", Status: 502, Code: "provider_error", Customer: "globex", Upstream: &event.UpstreamInfo{Provider: "openai"}},
	} {
		e.OccurredAt, e.ReceivedAt, e.Role, e.Environment, e.RawCode, e.Family = at, at, event.Primary, "production", e.Code, event.FamilyOf(e.Status, e.Code)
		sum, issue := sha256.Sum256([]byte(e.RequestID)), sha256.Sum256([]byte(e.Code))
		p := identity.Part{Workspace: store.DefaultWorkspace, Source: event.FromHTTP, Own: [16]byte(sum[:16]), Idempotent: true, HasOccurredAt: true, Event: e}
		p.Event.ID = identity.NewID(e.OccurredAt, p.Own, true)
		p.Event.IssueID, p.Event.FingerprintVersion = identity.FormatUUID([16]byte(issue[:16])), i+1
		parts = append(parts, p)
	}
	_, err := f.Write(context.Background(), parts)
	require.NoError(f.t, err)
}

func (f *fixture) addSlack(change ...func(*store.IntegrationSpec)) store.Integration {
	f.t.Helper()
	spec := store.IntegrationSpec{Kind: store.Slack, Name: fmt.Sprint("desk ", len(change)), Account: team, Unfurl: true, Enabled: true, Secrets: store.Secrets{store.SigningSecret: secret, store.BotToken: bot}}
	for _, fn := range change {
		fn(&spec)
	}
	i, err := f.AddIntegration(f.t.Context(), ada, store.DefaultWorkspace, spec)
	require.NoError(f.t, err)
	return i
}

func (f *fixture) integration(id string) store.Integration {
	f.t.Helper()
	i, err := f.Integration(context.Background(), store.DefaultWorkspace, id)
	require.NoError(f.t, err)
	return i
}

// reply is an answer as its receiver sees it.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) code(t testing.TB) string {
	t.Helper()
	var e struct {
		Error struct{ Code string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &e), r.body)
	return e.Error.Code
}

func (f *fixture) send(req *http.Request) reply {
	f.t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	out := reply{res.StatusCode, res.Header, string(body)}
	holdAgainstSpec(f.t, req, out)
	return out
}

func (f *fixture) post(path, body string, header ...string) reply {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, f.server.URL+path, strings.NewReader(body))
	require.NoError(f.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return f.send(req)
}

// recorded sends a recording to an integration; change spoils it.
func (f *fixture) recorded(name, path string, change ...func(http.Header, []byte) []byte) reply {
	f.t.Helper()
	file, err := os.Open("../slack/testdata/" + name)
	require.NoError(f.t, err)
	defer file.Close() //nolint:errcheck // only read
	req, err := http.ReadRequest(bufio.NewReader(file))
	require.NoError(f.t, err)
	body, err := io.ReadAll(req.Body)
	require.NoError(f.t, err)
	header := req.Header
	for _, fn := range change {
		body = fn(header, body)
	}
	out, err := http.NewRequestWithContext(context.Background(), http.MethodPost, f.server.URL+path, bytes.NewReader(body))
	require.NoError(f.t, err)
	out.Header = header
	out.Header.Del("Accept-Encoding")
	return f.send(out)
}

// signed sends what Slack would sign.
func (f *fixture) signed(path, body string) reply {
	f.t.Helper()
	at := fmt.Sprint(f.clock().Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + at + ":" + body))
	return f.post(path, body, "X-Slack-Request-Timestamp", at, "X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
}

func (f *fixture) until(what string, is func() bool) {
	f.t.Helper()
	require.Eventually(f.t, is, 20*time.Second, 5*time.Millisecond, what)
}

// audited is the audit log, as text.
func (f *fixture) audited() string {
	f.t.Helper()
	conn, err := pgx.Connect(context.Background(), f.url)
	require.NoError(f.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // only read
	var all string
	require.NoError(f.t, conn.QueryRow(context.Background(), `SELECT coalesce(string_agg(actor_kind || ' ' || actor_id || ' ' || actor_label || ' ' || action, chr(10) ORDER BY id), '') FROM audit`).Scan(&all))
	return all
}
