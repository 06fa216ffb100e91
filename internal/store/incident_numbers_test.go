package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// meanwhile does something once, after a statement has been answered.
type meanwhile struct {
	after string
	do    func()
}

type statementKey struct{}

func (*meanwhile) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, statementKey{}, q.SQL)
}

func (m *meanwhile) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if sql, _ := ctx.Value(statementKey{}).(string); m.do != nil && strings.Contains(sql, m.after) {
		do := m.do
		m.do = nil
		do()
	}
}

// Who judges services and who looks at Errata itself number incidents in the same
// row, without waiting for each other: whoever comes second with a number takes
// the next, in the same tick.
func TestTwoWhoNumberAtOnce(t *testing.T) {
	play := func(fullFrom int) (f alertFixture, service, own int) {
		f = openAlerts(t)
		f.story("checkout")
		m := &meanwhile{after: "max(number)"}
		s := reopen(t, store.Options{URL: f.url, Tracer: m})
		for n := range 10 {
			at := noon.Add(time.Duration(n)*time.Minute + 40*time.Second)
			f.collector(at, 0)
			_, err := f.db.Exec(t.Context(), `UPDATE collectors SET spool_bytes = CASE WHEN $1 THEN 90 ELSE 1 END`, n >= fullFrom)
			require.NoError(t, err)
			m.do = func() {
				if f.self(at).Opened > 0 {
					own = n
				}
			}
			if f.tick(s, at).Opened > 0 {
				service = n
			}
			require.Nil(t, m.do)
		}
		return f, service, own
	}
	_, opens, _ := play(100)
	f, service, own := play(opens - 1) // it has to last for a minute
	assert.Equal(t, opens, service)
	assert.Equal(t, opens, own)
	assert.ElementsMatch(t, []string{"INC-1 errata spool filling firing", "INC-2 checkout 5xx firing"}, f.list(store.IncidentFilter{}))
}
