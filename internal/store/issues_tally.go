package store

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

type issueHour struct {
	workspace      int32
	hour           int64
	issue, release string
}

type issueDelta struct {
	n           int64
	first, last time.Time
	samples     [maxSamples]string // Events that were added, the newest last
	added       int
}

// maxSamples is how many Events a row of issue_hours names.
const maxSamples = 5

func (t *tally) addIssue(c *counted, n int64) {
	k := issueHour{c.workspace, c.occurredAt.Truncate(time.Hour).Unix(), c.issue, c.release}
	if t.lastHour == nil || k != t.lastIssue {
		d := t.issues[k]
		if d == nil {
			d = &issueDelta{first: c.occurredAt, last: c.occurredAt}
			t.issues[k] = d
		}
		t.lastIssue, t.lastHour = k, d
	}
	d := t.lastHour
	d.n += n
	if c.occurredAt.Before(d.first) {
		d.first = c.occurredAt
	}
	if c.occurredAt.After(d.last) {
		d.last = c.occurredAt
	}
	if n > 0 {
		d.samples[d.added%maxSamples] = c.id
		d.added++
	}
}

// sampled are the Events that the delta names, as PostgreSQL reads an array.
func (d *issueDelta) sampled() string {
	var out strings.Builder
	out.WriteByte('{')
	for i := range min(d.added, maxSamples) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(d.samples[(d.added-1-i)%maxSamples]) // UUIDs of our own making
	}
	out.WriteByte('}')
	return out.String()
}

const sqlCountIssues = `
INSERT INTO issue_hours (workspace_id, hour, issue_id, slot, release, n, first_at, last_at, samples)
SELECT w, to_timestamp(h), i, $1::int2, r, n, f, l, s::uuid[]
FROM unnest($2::int4[], $3::int8[], $4::uuid[], $5::text[], $6::int8[], $7::timestamptz[], $8::timestamptz[], $9::text[]) AS u(w, h, i, r, n, f, l, s)
ON CONFLICT (workspace_id, issue_id, hour, slot, release)
DO UPDATE SET n = issue_hours.n + excluded.n,
              first_at = least(issue_hours.first_at, excluded.first_at),
              last_at = greatest(issue_hours.last_at, excluded.last_at),
              samples = (excluded.samples || issue_hours.samples)[1:5]`

func (t *tally) queueIssues(b *pgx.Batch, slot int16) {
	keys := make([]issueHour, 0, len(t.issues))
	for k, d := range t.issues {
		if d.n != 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.SortFunc(keys, func(a, b issueHour) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.hour, b.hour), cmp.Compare(a.issue, b.issue), cmp.Compare(a.release, b.release))
	})
	b.Queue(sqlCountIssues, slot,
		column(keys, func(k issueHour) int32 { return k.workspace }),
		column(keys, func(k issueHour) int64 { return k.hour }),
		column(keys, func(k issueHour) pgtype.UUID { return uuidOf(rawUUID(k.issue)) }),
		column(keys, func(k issueHour) string { return k.release }),
		column(keys, func(k issueHour) int64 { return t.issues[k].n }),
		column(keys, func(k issueHour) time.Time { return t.issues[k].first }),
		column(keys, func(k issueHour) time.Time { return t.issues[k].last }),
		column(keys, func(k issueHour) string { return t.issues[k].sampled() }))
}

// sighting is that an issue was seen in a release.
type sighting struct {
	issueKey
	release     string
	first, last time.Time
}

// sightings are what the batch added, an issue and release each once, in the
// order in which every writer takes rows.
func (t *tally) sightings() []sighting {
	type key struct {
		issueKey
		release string
	}
	place := map[key]int{}
	out := make([]sighting, 0, len(t.issues))
	for k, d := range t.issues {
		if d.n <= 0 {
			continue
		}
		id := key{issueKey{k.workspace, k.issue}, k.release}
		i, ok := place[id]
		if !ok {
			place[id] = len(out)
			out = append(out, sighting{id.issueKey, k.release, d.first, d.last})
			continue
		}
		if d.first.Before(out[i].first) {
			out[i].first = d.first
		}
		if d.last.After(out[i].last) {
			out[i].last = d.last
		}
	}
	slices.SortFunc(out, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.id, b.id), cmp.Compare(a.release, b.release))
	})
	return out
}
