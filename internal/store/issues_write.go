package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/normalize"
)

// An issue that an older program wrote gets its reasons from the first Event
// that comes with them.
const sqlInsertIssues = `
INSERT INTO issues (workspace_id, id, fp_version, first_at, role, family, service, method, endpoint, status, code, title,
                    provider, exception, template, reasons)
SELECT w, i, v, f, ro, fa, se, me, ep, nullif(st, 0), co, ti, pr, ex, te, nullif(re, '')::jsonb
FROM unnest($1::int4[], $2::uuid[], $3::int2[], $4::timestamptz[], $5::int2[], $6::int2[], $7::text[], $8::text[], $9::text[],
            $10::int2[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
  AS u(w, i, v, f, ro, fa, se, me, ep, st, co, ti, pr, ex, te, re)
ON CONFLICT (workspace_id, id) DO UPDATE SET reasons = excluded.reasons, template = excluded.template,
  provider = excluded.provider, exception = excluded.exception
WHERE issues.reasons IS NULL AND excluded.reasons IS NOT NULL`

// queueIssues adds the issues that are not known to exist, and gives their
// keys, to be remembered after COMMIT.
func (s *Store) queueIssues(b *pgx.Batch, rows []*record) []issueKey {
	fresh := map[issueKey]*event.Event{}
	for _, r := range rows {
		k := issueKey{r.part.Workspace, r.part.Event.IssueID}
		if r.mergedInto == "" && !s.issues.has(k) && speaksFor(&r.part.Event, fresh[k]) {
			fresh[k] = &r.part.Event
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	keys := make([]issueKey, 0, len(fresh))
	for k := range fresh {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b issueKey) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.id, b.id))
	})
	text := func(f func(*event.Event) string) []string {
		return column(keys, func(k issueKey) string { return f(fresh[k]) })
	}
	small := func(f func(*event.Event) int16) []int16 {
		return column(keys, func(k issueKey) int16 { return f(fresh[k]) })
	}
	b.Queue(sqlInsertIssues,
		column(keys, func(k issueKey) int32 { return k.workspace }),
		column(keys, func(k issueKey) string { return k.id }),
		small(func(e *event.Event) int16 { return int16(e.FingerprintVersion) }), //nolint:gosec // small
		column(keys, func(k issueKey) time.Time { return fresh[k].OccurredAt }),
		small(func(e *event.Event) int16 { return ordinal(roles, e.Role) }),
		small(func(e *event.Event) int16 { return ordinal(families, e.Family) }),
		text(func(e *event.Event) string { return e.Service }),
		text(func(e *event.Event) string { return e.Method }),
		text(func(e *event.Event) string { return e.Endpoint }),
		small(func(e *event.Event) int16 { return int16(e.Status) }), //nolint:gosec // 0..599
		text(func(e *event.Event) string { return e.Code }),
		text(title), text(func(e *event.Event) string { return e.Provider }),
		text(func(e *event.Event) string {
			if e.Exception == nil {
				return ""
			}
			return e.Exception.Type
		}),
		text(func(e *event.Event) string { return shortened(normalize.Template(title(e)), maxTitle) }),
		text(func(e *event.Event) string { return reasonsOf(e) }))
	return keys
}

// speaksFor reports whether an Event tells more about an issue than another of
// the batch, which may be nil: the first of those that say something.
func speaksFor(e, other *event.Event) bool {
	if other == nil {
		return true
	}
	if says := title(e) != ""; says != (title(other) != "") {
		return says
	}
	return e.OccurredAt.Before(other.OccurredAt)
}

const maxTitle = 300 // bytes

// title is what an issue is called: what its first Event said.
func title(e *event.Event) string {
	t := e.Message
	if t == "" && e.Exception != nil {
		t = e.Exception.Message
		if t == "" {
			t = e.Exception.Type
		}
	}
	return shortened(t, maxTitle)
}

func shortened(s string, limit int) string {
	if len(s) > limit {
		s = string(bytes.ToValidUTF8([]byte(s[:limit]), nil)) + "…"
	}
	return s
}

func reasonsOf(e *event.Event) string {
	reasons := e.Grouping.Reasons()
	if reasons == nil {
		return ""
	}
	doc, err := json.Marshal(reasons)
	if err != nil {
		return ""
	}
	return jsonText(doc)
}

const sqlSeeIssues = `
INSERT INTO issue_seen (workspace_id, issue_id, first_at, last_at)
SELECT w, i, f, l FROM unnest($1::int4[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS u(w, i, f, l)
ON CONFLICT (workspace_id, issue_id)
DO UPDATE SET first_at = least(issue_seen.first_at, excluded.first_at), last_at = greatest(issue_seen.last_at, excluded.last_at)`

// queueSeen notes when issues were seen, each at most once a minute, and gives
// what it took upon itself: to be given back where the transaction fails.
func (s *Store) queueSeen(b *pgx.Batch, seen []sighting) (claimed []issueKey) {
	var rows []sighting
	for _, x := range seen { // sorted: the releases of an issue are neighbours
		switch last := len(rows) - 1; {
		case last >= 0 && rows[last].issueKey == x.issueKey:
			rows[last].first, rows[last].last = earlier(rows[last].first, x.first), later(rows[last].last, x.last)
		default:
			rows = append(rows, x)
		}
	}
	rows = slices.DeleteFunc(rows, func(x sighting) bool { return !s.sights.claim(x.issueKey, x.first, x.last) })
	if len(rows) == 0 {
		return nil
	}
	b.Queue(sqlSeeIssues,
		column(rows, func(x sighting) int32 { return x.workspace }),
		column(rows, func(x sighting) string { return x.id }),
		column(rows, func(x sighting) time.Time { return x.first }),
		column(rows, func(x sighting) time.Time { return x.last }))
	return column(rows, func(x sighting) issueKey { return x.issueKey })
}

type releaseKey struct {
	workspace                     int32
	service, environment, release string
}

// A service that makes up a version for each start has no more than $6 of them
// in an environment.
const sqlInsertReleases = `
INSERT INTO releases (workspace_id, service, environment, release, first_seen)
SELECT w, s, e, r, to_timestamp(f) FROM unnest($1::int4[], $2::text[], $3::text[], $4::text[], $5::int8[]) AS u(w, s, e, r, f)
WHERE (SELECT count(*) FROM releases x WHERE x.workspace_id = w AND x.service = s AND x.environment = e) < $6::int4
ON CONFLICT (workspace_id, service, environment, release)
DO UPDATE SET first_seen = excluded.first_seen WHERE excluded.first_seen < releases.first_seen`

// queueReleases adds the releases that this process has not seen yet, and gives
// their keys, to be remembered after COMMIT.
func (s *Store) queueReleases(b *pgx.Batch, t *tally) []releaseKey {
	fresh := map[releaseKey]int64{}
	for r, d := range t.errors {
		k := releaseKey{r.workspace, r.service, r.environment, r.release}
		if r.release == "" || d.n <= 0 {
			continue
		}
		if m, ok := fresh[k]; ok {
			fresh[k] = min(m, r.minute)
		} else if !s.releases.has(k) {
			fresh[k] = r.minute
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	keys := make([]releaseKey, 0, len(fresh))
	for k := range fresh {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b releaseKey) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.service, b.service), cmp.Compare(a.environment, b.environment), cmp.Compare(a.release, b.release))
	})
	b.Queue(sqlInsertReleases,
		column(keys, func(k releaseKey) int32 { return k.workspace }),
		column(keys, func(k releaseKey) string { return k.service }),
		column(keys, func(k releaseKey) string { return k.environment }),
		column(keys, func(k releaseKey) string { return k.release }),
		column(keys, func(k releaseKey) int64 { return fresh[k] }), MaxReleases)
	return keys
}

// What happened after an issue was resolved brings it back; where it was
// resolved in a release, only what happened in that one or in one that was
// first seen later. It reads a row for each issue of the batch and, as a rule,
// writes none. (One statement, although it writes two tables: neither is ever
// distributed, and between two statements the batch would have to wait.)
const sqlReopenIssues = `
WITH reopened AS (
  UPDATE issues t SET state = 'regressed', state_at = now(), regressed_at = u.l
  FROM unnest($1::int4[], $2::uuid[], $3::text[], $4::timestamptz[]) AS u(w, i, r, l)
  JOIN issues s ON s.workspace_id = u.w AND s.id = u.i
  WHERE t.workspace_id = u.w AND t.id = coalesce(s.merged_into, s.id) AND t.state = 'resolved' AND u.l > t.resolved_at
    AND (t.resolved_in IS NULL OR u.r = t.resolved_in OR EXISTS (
      SELECT FROM releases x JOIN releases y ON y.workspace_id = x.workspace_id AND y.service = x.service AND y.environment = x.environment AND y.first_seen >= x.first_seen
      WHERE x.workspace_id = u.w AND x.service = s.service AND x.release = t.resolved_in AND y.release = u.r))
  RETURNING t.workspace_id, t.id, u.r, u.l)
INSERT INTO audit (workspace_id, id, actor_kind, actor_id, actor_label, action, target, details)
SELECT workspace_id, gen_random_uuid(), 'system', 'errata', 'Errata', 'issue.state', id::text,
       jsonb_build_object('from', 'resolved', 'to', 'regressed', 'release', r, 'occurred_at', l)
FROM reopened`

func queueReopen(b *pgx.Batch, seen []sighting) {
	if len(seen) == 0 {
		return
	}
	b.Queue(sqlReopenIssues,
		column(seen, func(x sighting) int32 { return x.workspace }),
		column(seen, func(x sighting) string { return x.id }),
		column(seen, func(x sighting) string { return x.release }),
		column(seen, func(x sighting) time.Time { return x.last }))
}
