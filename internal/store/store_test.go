package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// fixture is a store on a database of its own, and a superuser's connection to
// look behind it.
type fixture struct {
	*store.Store
	db  *pgx.Conn
	url string // for another Store
}

func open(t testing.TB, opt store.Options) *fixture {
	t.Helper()
	db := pgtest.New(t)
	opt.URL = db.AppURL
	s := reopen(t, opt)
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the test is over
	return &fixture{s, conn, db.AppURL}
}

// reopen gives a Store that remembers nothing of what another wrote.
func reopen(t testing.TB, opt store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// now is the time at which the tests' items come in: not near midnight, and
// recent, since the store keeps a de-duplication window.
var now = time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)

// report describes a Part for tests.
type report struct {
	ws          int32
	src         event.Source
	role        event.Role
	service     string
	request     string
	trace, span string
	at          time.Time
	status      int
	code        string
	customer    string
	salt        string // tells items apart that are otherwise alike
	stack, body string
	aliases     []event.Alias
	endpoint    string
	derived     bool // the endpoint
	clientID    string
	noTime      bool
	release     string
}

func (r report) part() identity.Part {
	if r.ws == 0 {
		r.ws = store.DefaultWorkspace
	}
	if r.role == "" {
		r.role = event.Primary
	}
	if r.endpoint == "" {
		r.endpoint = "/v1/charges"
	}
	if r.at.IsZero() {
		r.at = now
	}
	material := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%d|%s|%s", r.src, r.role, r.service, r.request, r.trace, r.span, r.at, r.status, r.code, r.salt)
	if r.clientID != "" {
		material = r.clientID
	}
	sum := sha256.Sum256([]byte(material))
	p := identity.Part{Workspace: r.ws, Source: r.src, Own: [16]byte(sum[:16]), Idempotent: true, HasOccurredAt: !r.noTime, ClientKey: r.clientID != ""}
	issue := sha256.Sum256([]byte(r.service + r.code))
	p.Event = event.Event{
		ID: identity.NewID(r.at, p.Own, true), OccurredAt: r.at, ReceivedAt: now, Role: r.role, Family: event.FamilyOf(r.status, r.code),
		RequestID: r.request, TraceID: r.trace, SpanID: r.span, Service: r.service, Environment: "production", Release: r.release,
		Method: "POST", Endpoint: r.endpoint, Path: "/v1/charges", Customer: r.customer, Status: r.status, RawCode: r.code,
		Code: event.CanonicalCode(r.code, r.status), Message: "from " + string(r.src), RawBody: []byte(r.body), Aliases: r.aliases,
		IssueID: identity.FormatUUID([16]byte(issue[:16])), FingerprintVersion: 1,
	}
	p.Event.EndpointDerived = r.derived
	if r.stack != "" {
		p.Event.Exception = &event.Exception{Type: "Boom", Message: "it broke", Stacktrace: r.stack}
	}
	return p
}

func (f *fixture) write(t testing.TB, reports ...report) []identity.Outcome {
	t.Helper()
	parts := make([]identity.Part, len(reports))
	for i, r := range reports {
		parts[i] = r.part()
	}
	outs, err := f.Write(t.Context(), parts)
	require.NoError(t, err)
	require.Len(t, outs, len(reports))
	f.requireInvariant(t)
	return outs
}

// requireInvariant: sum(roll-ups) = count(events), per workspace and role.
func (f *fixture) requireInvariant(t testing.TB) {
	t.Helper()
	const sql = `
WITH e AS (SELECT workspace_id w, role r, count(*) n FROM events WHERE merged_into IS NULL GROUP BY 1, 2),
     m AS (SELECT workspace_id w, role r, sum(n) n FROM error_minutes GROUP BY 1, 2),
     c AS (SELECT workspace_id w, role r, sum(n) n FROM customer_counts GROUP BY 1, 2),
     x AS (SELECT workspace_id w, role r, count(*) n FROM events WHERE merged_into IS NULL AND customer <> '' GROUP BY 1, 2),
     i AS (SELECT workspace_id w, sum(n) n FROM issue_hours GROUP BY 1)
SELECT 'role', w, coalesce(e.n, 0), coalesce(m.n, 0) FROM e FULL JOIN m USING (w, r) WHERE coalesce(e.n, 0) <> coalesce(m.n, 0)
UNION ALL SELECT 'customer', w, coalesce(x.n, 0), coalesce(c.n, 0) FROM x FULL JOIN c USING (w, r) WHERE coalesce(x.n, 0) <> coalesce(c.n, 0)
UNION ALL SELECT 'issue', w, (SELECT sum(n) FROM e WHERE e.w = i.w), i.n FROM i WHERE i.n <> (SELECT coalesce(sum(n), 0) FROM e WHERE e.w = i.w)`
	rows, err := f.db.Query(context.Background(), sql)
	require.NoError(t, err)
	bad, err := pgx.CollectRows(rows, pgx.RowToMap)
	require.NoError(t, err)
	require.Empty(t, bad, "roll-ups and events disagree")
}

func (f *fixture) count(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, f.db.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

func hex(n, digits int) string { return fmt.Sprintf("%0*x", digits, n) }
