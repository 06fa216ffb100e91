// Package e2e tests the product as its users meet it: the same App that the
// binaries run, a real PostgreSQL, real HTTP and gRPC, the real OpenTelemetry
// SDK.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"errata/internal/app"
	"errata/internal/auth"
	"errata/internal/config"
	"errata/internal/event"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(receiveOnlyEnv); addr != "" {
		if err := receiveOnly(addr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	pgtest.Main(m, removeBinaries)
}

// product is a running App and its keys.
type product struct {
	*app.App
	t                  testing.TB
	ingestKey, readKey string
}

// launch starts all roles on ports of their own and stops them at the end.
func launch(t testing.TB, databaseURL string) *product {
	t.Helper()
	return launchWith(t, databaseURL, t.TempDir())
}

func launchWith(t testing.TB, databaseURL, spoolDir string, set ...func(*config.Config)) *product {
	t.Helper()
	cfg := config.Config{DatabaseURL: databaseURL, DatabaseConns: 8, HTTPAddr: "127.0.0.1:0", OTLPHTTPAddr: "127.0.0.1:0", OTLPGRPCAddr: "127.0.0.1:0",
		RetentionDays: 30, SpoolDir: spoolDir, SpoolMaxMB: 64, MaxInflightMB: 256, MaxConns: 200, LogLevel: "error", BootstrapIngestKey: auth.NewSecret(), BootstrapAdminKey: auth.NewSecret()}
	for _, change := range set {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan *app.App, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Options{Role: app.All, Embedded: true, Logger: cfg.Logger(), Started: func(a *app.App) error {
			started <- a
			return nil
		}})
	}()
	select {
	case a := <-started:
		t.Cleanup(func() {
			cancel()
			assert.NoError(t, <-ended)
		})
		return &product{a, t, cfg.BootstrapIngestKey, cfg.BootstrapAdminKey}
	case err := <-ended:
		cancel()
		t.Fatalf("it did not start: %v", err)
		return nil
	}
}

// post sends reports and gives status and answer.
func (p *product) post(path, key, contentType, body string) (int, string) {
	p.t.Helper()
	return p.do(http.MethodPost, "http://"+p.OTLPHTTPAddr+path, key, contentType, body)
}

func (p *product) do(method, url, key, contentType, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	require.NoError(p.t, err)
	req.Header.Set("x-api-key", key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	defer res.Body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	assert.NotEmpty(p.t, res.Header.Get("X-Request-Id"))
	return res.StatusCode, string(raw)
}

func (p *product) get(path string) (int, string) {
	p.t.Helper()
	return p.do(http.MethodGet, "http://"+p.HTTPAddr+path, p.readKey, "", "")
}

// trail looks an ID up over the API.
func (p *product) trail(id string) event.Trail {
	p.t.Helper()
	status, body := p.get("/v1/requests/" + id)
	require.Equal(p.t, http.StatusOK, status, body)
	var trail event.Trail
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	require.NoError(p.t, d.Decode(&trail))
	return trail
}

// eventually waits for what an exporter does in its own time.
func (p *product) eventually(what string, ok func() bool) {
	p.t.Helper()
	require.Eventually(p.t, ok, 15*time.Second, 50*time.Millisecond, what)
}

func TestReportAndLookUp(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", `{"service":"billing","method":"POST","endpoint":"/v1/charges/{id}","status":429,
		"customer":"acme","headers":{"Retry-After":"45","X-RateLimit-Limit":"60"},"envelope":{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"slow down","request_id":"req_e2e1"}}}`)
	require.Equal(t, http.StatusOK, status, body)
	assert.JSONEq(t, `{"accepted":1,"duplicates":0,"rejected":[]}`, body)

	trail := p.trail("req_e2e1")
	require.Len(t, trail.Events, 1)
	e := trail.Events[0]
	assert.Equal(t, "rate_limit_exceeded", e.Code)
	assert.Equal(t, "RATE_LIMIT_EXCEEDED", e.RawCode)
	assert.Equal(t, event.FamilyLimits, e.Family)
	assert.InDelta(t, 45, e.RetryAfter.Seconds, 0)
	assert.EqualValues(t, 60, *e.RateLimit.Limit)
	assert.NotNil(t, trail.Explanation)
	assert.NotNil(t, trail.Retry)

	status, body = p.get("/v1/lookup?q=X-Request-Id:%20req_e2e1")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "req_e2e1")
	status, body = p.get("/v1/requests/req_unknown")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, body, "never_seen")
}

func TestRawBody(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	status, body := p.post("/v1/errors?service=prompts&status=502&endpoint=/v1/run", p.ingestKey, "application/json",
		`{"error":"provider_error","message":"LLM failed","request_id":"req_raw","details":{"provider":"openai","code":"rate_limit_exceeded"}}`)
	require.Equal(t, http.StatusOK, status, body)
	e := p.trail("req_raw").Events[0]
	assert.Equal(t, event.FamilyUpstream, e.Family)
	assert.Equal(t, event.UpstreamInfo{Provider: "openai", Code: "rate_limit_exceeded"}, *e.Upstream)
}

func TestKeepOut(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	for _, path := range []string{"/v1/requests/x", "/v1/events", "/v1/rejections", "/v1/lookup?q=x", "/v1/keys"} {
		status, _ := p.do(http.MethodGet, "http://"+p.HTTPAddr+path, "", "", "")
		assert.Equal(t, http.StatusUnauthorized, status, path)
		status, _ = p.do(http.MethodGet, "http://"+p.HTTPAddr+path, p.ingestKey, "", "")
		assert.Equal(t, http.StatusForbidden, status, path)
	}
	status, _ := p.post("/v1/errors", "", "application/json", `{}`)
	assert.Equal(t, http.StatusUnauthorized, status)

	secret := auth.NewSecret()
	key, err := p.Store.CreateKey(t.Context(), store.System, store.DefaultWorkspace, "short-lived", []auth.Scope{auth.Ingest}, secret)
	require.NoError(t, err)
	report := `{"service":"billing","status":500,"request_id":"req_k"}`
	status, _ = p.post("/v1/errors", secret, "application/json", report)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, p.Store.RevokeKey(t.Context(), store.System, store.DefaultWorkspace, key.ID))
	p.eventually("a revoked key stops working", func() bool {
		status, _ := p.post("/v1/errors", secret, "application/json", report)
		return status == http.StatusUnauthorized
	})
}

func TestRejectionsAreKept(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", `[{"service":"billing","status":1000,"request_id":"req_bad"},
		{"service":"billing","status":500,"request_id":"req_good","envelope":"NUL \u0000 inside, password=hunter2secret"}]`)
	require.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"accepted":1`)
	assert.Contains(t, body, `"field":"status"`)
	p.trail("req_good")
	status, body = p.get("/v1/requests/req_bad")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, body, `"rejected"`)
	_, body = p.get("/v1/rejections")
	assert.Contains(t, body, "req_bad")
}

// Errata's own 5xx are Events of service errata, found by the request ID that
// the caller was given.
func TestOwnFailuresBecomeEvents(t *testing.T) {
	db := pgtest.New(t)
	p := launch(t, db.URL)
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `ALTER TABLE rejections RENAME TO gone`)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
	status, body := p.get("/v1/rejections")
	require.Equal(t, http.StatusInternalServerError, status, body)
	var answer struct {
		Error struct {
			Code      string `json:"code"`
			RequestID string `json:"request_id"`
		} `json:"error"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	assert.NotContains(t, body, "relation", "the cause is for the log")
	p.eventually("the failure is an Event", func() bool {
		trail, err := p.Store.Trail(t.Context(), store.DefaultWorkspace, answer.Error.RequestID)
		return err == nil && trail.Summary.Service == "errata" && trail.Summary.Status == 500 && trail.Summary.Code == answer.Error.Code
	})
}

// A credential never reaches the database, wherever in a report it stands: no
// table holds it, as text or in bytes.
func TestRedactedTextNeverReachesTheDatabase(t *testing.T) {
	db := pgtest.New(t)
	p := launch(t, db.URL)
	secret := "sk_live_" + strings.Repeat("Zq7", 8)
	report := strings.ReplaceAll(`{"service":"billing SECRET","environment":"SECRET","release":"SECRET","method":"SECRET","endpoint":"/v1/SECRET","path":"/v1/charges/SECRET?key=SECRET",
		"status":500,"request_id":"SECRET","customer":"SECRET","headers":{"Authorization":"Bearer SECRET","X-Note":"SECRET"},"trace_id":"SECRET",
		"exception":{"type":"SECRET","message":"SECRET","stacktrace":"at pay(SECRET)"},
		"envelope":{"error":{"code":"SECRET","message":"card SECRET failed","request_id":"SECRET","details":{"SECRET":"SECRET","list":["SECRET"]}},"errors":[{"field":"SECRET","message":"SECRET"}]}}`, "SECRET", secret)
	for _, body := range []string{report, strings.Replace(report, `"status":500`, `"status":1000`, 1), `{"service":"` + secret, "NOT JSON " + secret} {
		status, answer := p.post("/v1/errors", p.ingestKey, "application/json", body)
		assert.Less(t, status, 500, answer)
		assert.NotContains(t, answer, secret)
	}
	status, answer := p.post("/v1/errors?service=billing&status=500&endpoint=/"+secret, p.ingestKey, "text/plain", "it broke with "+secret)
	assert.Less(t, status, 500, answer)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "otlp")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetKind(ptrace.SpanKindServer)
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	for _, key := range []string{"http.route", "url.path", "user.id", "request_id", "exception.message", "exception.stacktrace", "errata.message", "errata.code", "errata.details"} {
		span.Attributes().PutStr(key, "x "+secret)
	}
	span.Attributes().PutInt("http.response.status_code", 500)
	raw, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	status, answer = p.post("/v1/traces", p.ingestKey, "application/x-protobuf", string(raw))
	assert.Equal(t, http.StatusOK, status, answer)

	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	rows, err := conn.Query(t.Context(), `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var stored int
	for _, table := range tables {
		var all, leaks int
		// A row as text shows bytea in hex.
		err := conn.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%') FROM `+pgx.Identifier{table}.Sanitize()+` t`,
			secret).Scan(&all, &leaks)
		require.NoError(t, err, table)
		assert.Zero(t, leaks, table)
		if table == "events" || table == "rejections" {
			stored += all
		}
	}
	assert.GreaterOrEqual(t, stored, 4, "the reports themselves are kept")
}

// exclusively locks a table until the function that it gives is called.
func exclusively(t *testing.T, url, table string) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `BEGIN; LOCK TABLE `+table)
	require.NoError(t, err)
	return sync.OnceFunc(func() { assert.NoError(t, conn.Close(context.Background())) })
}

// requireCounts holds the roll-ups against the Events, and both against n.
func requireCounts(t *testing.T, url string, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	var events, minutes, customers, hours int
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM events WHERE merged_into IS NULL), (SELECT coalesce(sum(n), 0) FROM error_minutes),
		(SELECT coalesce(sum(n), 0) FROM customer_counts), (SELECT coalesce(sum(n), 0) FROM issue_hours)`).Scan(&events, &minutes, &customers, &hours)
	require.NoError(t, err)
	assert.Equal(t, []int{n, n, n, n}, []int{events, minutes, customers, hours}, "Events, minutes, customers, issue hours")
}
