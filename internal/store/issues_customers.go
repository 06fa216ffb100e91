package store

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// curious knows the issues that are ignored until so many customers have met
// them: only of those is it written down who did. There are few or none, and
// what is known of them may be a few seconds old: they then wait for a customer
// or two longer.
type curious struct {
	mu     sync.Mutex
	asked  time.Time
	issues map[issueKey]waiting
}

// waiting is an issue that waits for customers, and since when.
type waiting struct {
	root  string
	since time.Time
}

const askCuriousEvery = 5 * time.Second

const sqlCuriousIssues = `
SELECT m.workspace_id, m.id::text, r.id::text, r.ignored_at FROM issues r
JOIN issues m ON m.workspace_id = r.workspace_id AND (m.id = r.id OR m.merged_into = r.id)
WHERE r.state = 'ignored' AND r.ignore_customers IS NOT NULL`

// refresh asks again where the answer is old. One asks; others go on with what
// is known.
func (s *Store) refreshCurious(ctx context.Context) {
	now := time.Now()
	s.curious.mu.Lock()
	if now.Sub(s.curious.asked) < askCuriousEvery {
		s.curious.mu.Unlock()
		return
	}
	s.curious.asked = now
	s.curious.mu.Unlock()
	issues := map[issueKey]waiting{}
	rows, err := s.pool.Query(ctx, sqlCuriousIssues)
	if err == nil {
		var k issueKey
		var w waiting
		_, err = pgx.ForEachRow(rows, []any{&k.workspace, &k.id, &w.root, &w.since}, func() error {
			issues[k] = w
			return nil
		})
	}
	if err != nil { // the batch itself will say what is wrong
		return
	}
	s.curious.mu.Lock()
	s.curious.issues = issues
	s.curious.mu.Unlock()
}

func (c *curious) waitingFor(k issueKey) (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.issues[k]
	return w, ok
}

func (c *curious) none() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.issues) == 0
}

const sqlInsertIssueCustomers = `
INSERT INTO issue_customers (workspace_id, issue_id, customer)
SELECT w, i, c FROM unnest($1::int4[], $2::uuid[], $3::text[]) AS u(w, i, c)
ON CONFLICT DO NOTHING`

type issueCustomer struct {
	issueKey
	customer string
}

// queueCustomers notes who met issues that wait for customers.
func (s *Store) queueCustomers(b *pgx.Batch, rows []*record) {
	if s.curious.none() {
		return
	}
	var met []issueCustomer
	for _, r := range rows {
		e := &r.part.Event
		if e.Customer == "" || r.mergedInto != "" {
			continue
		}
		if w, ok := s.curious.waitingFor(issueKey{r.part.Workspace, e.IssueID}); ok && e.OccurredAt.After(w.since) {
			met = append(met, issueCustomer{issueKey{r.part.Workspace, w.root}, e.Customer})
		}
	}
	if len(met) == 0 {
		return
	}
	slices.SortFunc(met, func(a, b issueCustomer) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.id, b.id), cmp.Compare(a.customer, b.customer))
	})
	met = slices.Compact(met)
	b.Queue(sqlInsertIssueCustomers,
		column(met, func(m issueCustomer) int32 { return m.workspace }),
		column(met, func(m issueCustomer) string { return m.id }),
		column(met, func(m issueCustomer) string { return m.customer }))
}
