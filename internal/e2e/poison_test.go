package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// refusing makes the database refuse what says so: nobody knows an item that
// normalisation lets pass and PostgreSQL does not take, or it would be mended.
func (p *product) refusing(databaseURL, marker string) (relent func()) {
	p.t.Helper()
	p.sql(databaseURL, `ALTER TABLE events ADD CONSTRAINT test_poison CHECK (message NOT LIKE '%`+marker+`%')`)
	return func() { p.sql(databaseURL, `ALTER TABLE events DROP CONSTRAINT test_poison`) }
}

func (p *product) sql(databaseURL, statement string) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), databaseURL)
	require.NoError(p.t, err)
	defer conn.Close(p.t.Context()) //nolint:errcheck // the statement has its own error
	_, err = conn.Exec(p.t.Context(), statement)
	require.NoError(p.t, err)
}

// batchWith is reports with an ID each; one of them has a message of its own.
func batchWith(prefix string, n, at int, message string) string {
	items := make([]string, n)
	for i := range items {
		says := "no database"
		if i == at {
			says = message
		}
		items[i] = fmt.Sprintf(`{"service":"billing","status":503,"occurred_at":%q,"customer":"acme","envelope":{"error":{"code":"db_down","message":%q,"request_id":"%s_%d"}}}`,
			time.Now().UTC().Format(time.RFC3339Nano), says, prefix, i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

// An item that the database itself refuses costs none of its neighbours
// anything, whichever way it came in. It is kept with the reason, shown
// without its secrets, and stored once when what stood against it is gone.
func TestPoison(t *testing.T) {
	db := newStoppable(t)
	p := launchWith(t, db.server.URL(), t.TempDir())
	relent := p.refusing(db.server.URL(), "POISON")
	const secret = "hunter2secretvalue"
	const message = "POISON password=" + secret

	// Over HTTP the sender is told which.
	batch := batchWith("req_http", 12, 5, message)
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", batch)
	require.Equal(t, http.StatusOK, status, body)
	var answer struct {
		Accepted int
		Rejected []struct {
			Index int
			Error struct{ Code string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	assert.Equal(t, 11, answer.Accepted)
	require.Len(t, answer.Rejected, 1)
	assert.Equal(t, 5, answer.Rejected[0].Index)
	assert.Equal(t, "not_storable", answer.Rejected[0].Error.Code)

	// Over OTLP it is a partial success.
	m := &mishap{service: "search", request: "req_otlp_0", trace: fmt.Sprintf("%032x", 1), span: fmt.Sprintf("%016x", 1), status: 500, at: time.Now().UTC()}
	s := &onceSender{t: t}
	_, contentType, raw := s.encode([]*errand{{mishapReport: m.server()}})
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto([]byte(raw)))
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	bad := spans.AppendEmpty()
	spans.At(0).CopyTo(bad)
	bad.SetTraceID([16]byte{2})
	bad.Attributes().PutStr("http.response.header.x-request-id", "req_otlp_1")
	bad.Status().SetMessage(message)
	encoded, err := req.MarshalProto()
	require.NoError(t, err)
	status, body = p.post("/v1/traces", p.ingestKey, contentType, string(encoded))
	require.Equal(t, http.StatusOK, status, body)
	assert.EqualValues(t, 1, rejectedIn(t, "/v1/traces", []byte(body)))

	// Out of the spool nobody is there to be told.
	require.NoError(t, db.server.Stop())
	status, body = p.post("/v1/errors", p.ingestKey, "application/json", batchWith("req_spool", 8, 2, message))
	require.Equal(t, http.StatusOK, status, body)
	db.start()
	p.drained()

	poison := []string{"req_http_5", "req_otlp_1", "req_spool_2"}
	landed := 0
	for prefix, n := range map[string]int{"req_http": 12, "req_otlp": 2, "req_spool": 8} {
		for i := range n {
			id := fmt.Sprint(prefix, "_", i)
			status, body := p.get("/v1/requests/" + id)
			if slices.Contains(poison, id) {
				assert.Equal(t, http.StatusNotFound, status, id)
				assert.Contains(t, body, `"rejected"`, id)
			} else {
				assert.Equal(t, http.StatusOK, status, id)
				landed++
			}
		}
	}
	requireCounted(t, db.server.URL(), landed)

	p.requireRejections(poison, secret)
	page := p.page("/rejections").Find("main").Text()
	for _, id := range poison {
		assert.Contains(t, page, id)
	}
	assert.Contains(t, page, "not_storable")
	assert.NotContains(t, page, secret)

	// Tried again too early, they stay what they are.
	out, err := p.replay(t)
	require.Error(t, err, out)
	assert.Contains(t, out, "3 of 3 could not be replayed")
	requireCounted(t, db.server.URL(), landed)

	relent()
	out, err = p.replay(t)
	require.NoError(t, err, out)
	assert.Equal(t, 3, strings.Count(out, ": accepted as Event"), out)
	requireCounted(t, db.server.URL(), landed+3)
	for _, id := range poison {
		assert.Len(t, p.trail(id).Events, 1, id)
	}
	out, err = p.replay(t)
	require.NoError(t, err, out)
	assert.Contains(t, out, "Nothing can be replayed.")
	out, err = p.replay(t, p.requireRejections(poison, secret)...)
	require.NoError(t, err, out)
	assert.Equal(t, 3, strings.Count(out, ": duplicate as Event"), out)
	status, body = p.post("/v1/errors", p.ingestKey, "application/json", batch)
	require.Equal(t, http.StatusOK, status, body)
	assert.Contains(t, body, `"accepted":0,"duplicates":12`, "its sender tries again as well")
	requireCounted(t, db.server.URL(), landed+3)
}

// A rejection is recorded once, however often a collector that was not sure
// says it; what became of it since stays as it is.
func TestRejectionRecordedOnce(t *testing.T) {
	db, err := store.Open(t.Context(), store.Options{URL: pgtest.New(t).AppURL})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	at := time.Now().UTC().Truncate(time.Millisecond)
	first := event.Rejection{ID: identity.NewID(at, [16]byte{1}, true), ReceivedAt: at, Source: event.FromHTTP, Reason: "not_storable", Message: "first"}
	again, other, without := first, first, first
	again.Message = "again"
	other.ID = identity.NewID(at.Add(-time.Second), [16]byte{2}, true)
	without.ID = ""
	for _, rs := range [][]event.Rejection{{first}, {again, other, other}, {first, without}, {without}} {
		require.NoError(t, db.Reject(t.Context(), store.DefaultWorkspace, rs))
	}
	list, _, err := db.Rejections(t.Context(), store.DefaultWorkspace, 100, "")
	require.NoError(t, err)
	require.Len(t, list, 4)
	assert.Equal(t, []string{first.ID, other.ID}, []string{list[2].ID, list[3].ID}, "newest first")
	assert.Equal(t, "first", list[2].Message)
}

// What the collector tells a sick record from a sick database by: the store
// passes on what PostgreSQL calls its trouble.
func TestStorePassesOnSQLStates(t *testing.T) {
	address, err := url.Parse(pgtest.New(t).AppURL)
	require.NoError(t, err)
	query := address.Query()
	query.Set("default_transaction_read_only", "on")
	address.RawQuery = query.Encode()
	db, err := store.Open(t.Context(), store.Options{URL: address.String()})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	at := time.Now().UTC()
	part := identity.Part{Workspace: store.DefaultWorkspace, Source: event.FromHTTP,
		Event: event.Event{ID: identity.NewID(at, [16]byte{1}, true), OccurredAt: at, ReceivedAt: at, Service: "billing", Status: 500}}
	_, writing := db.Write(t.Context(), []identity.Part{part})
	for _, err := range []error{
		writing,
		db.Reject(t.Context(), store.DefaultWorkspace, []event.Rejection{{Source: event.FromHTTP}}),
		db.CountRequests(t.Context(), []event.Requests{{Minute: at, Workspace: store.DefaultWorkspace, N: 1}}),
	} {
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		var says interface{ SQLState() string }
		require.ErrorAs(t, err, &says)
		assert.Equal(t, "25006", says.SQLState())
	}
}

// requireRejections finds the rejections of request IDs over the API, without
// the secret, and gives their own IDs.
func (p *product) requireRejections(requests []string, secret string) (ids []string) {
	p.t.Helper()
	status, body := p.get("/v1/rejections")
	require.Equal(p.t, http.StatusOK, status, body)
	assert.NotContains(p.t, body, secret)
	var list []event.Rejection
	require.NoError(p.t, json.Unmarshal([]byte(body), &list))
	var found []string
	for _, r := range list {
		assert.Equal(p.t, "not_storable", r.Reason)
		assert.Contains(p.t, r.Message, "test_poison", "what the database says")
		assert.Contains(p.t, r.Preview, "POISON")
		found, ids = append(found, r.RequestID), append(ids, r.ID)
	}
	assert.ElementsMatch(p.t, requests, found)
	return ids
}

// page is a page as an owner sees it.
func (p *product) page(path string) *goquery.Document {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(p.t, err)
	browser := &http.Client{Jar: jar}
	res, err := browser.PostForm("http://"+p.HTTPAddr+"/login", url.Values{"key": {p.readKey}, "next": {path}}) //nolint:noctx // a moment, on loopback
	require.NoError(p.t, err)
	defer res.Body.Close() //nolint:errcheck // only read
	require.Equal(p.t, http.StatusOK, res.StatusCode)
	require.Equal(p.t, path, res.Request.URL.Path)
	raw, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(raw)))
	require.NoError(p.t, err)
	return doc
}

// replay is what an operator types.
func (p *product) replay(t *testing.T, ids ...string) (string, error) {
	t.Helper()
	cmd := errata(t, []string{"ERRATA_SERVER=http://" + p.HTTPAddr, "ERRATA_KEY=" + p.readKey}, append([]string{"rejections", "replay"}, ids...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// requireCounted holds Events and their minutes against n.
func requireCounted(t *testing.T, url string, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	var events, minutes int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM events WHERE merged_into IS NULL), (SELECT coalesce(sum(n), 0) FROM error_minutes)`).Scan(&events, &minutes))
	assert.Equal(t, []int{n, n}, []int{events, minutes}, "Events, minutes")
}
