package store

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// maxContents bounds how many bodies and stack traces one read brings.
const maxContents = 100

const sqlContents = `
SELECT b.hash, b.content FROM bodies b
WHERE b.workspace_id = $1::int4 AND b.day BETWEEN DATE '1970-01-01' + $2::int4 AND DATE '1970-01-01' + $3::int4
  AND b.hash = ANY ($4::uuid[])`

// contentRef says which contents an Event has, and the day they are kept under.
type contentRef struct {
	day         int32
	body, stack [16]byte
}

func (r *eventRow) contentRef() contentRef {
	return contentRef{dayOfID(r.event.ID, r.event.OccurredAt), r.bodyHash, r.stackHash}
}

// wanted gathers the contents that are not there yet, and the days where they
// are.
type wanted struct {
	hashes   []string
	seen     map[[16]byte]bool
	from, to int32
}

func (w *wanted) add(r contentRef, have map[[16]byte][]byte) {
	for _, h := range [][16]byte{r.body, r.stack} {
		if h == ([16]byte{}) || have[h] != nil || w.seen[h] || len(w.seen)+len(have) >= maxContents {
			continue
		}
		if w.seen == nil {
			w.seen, w.from, w.to = map[[16]byte]bool{}, r.day, r.day
		}
		w.seen[h] = true
		w.hashes = append(w.hashes, hashText(h))
		w.from, w.to = min(w.from, r.day), max(w.to, r.day)
	}
}

func queueContents(b *pgx.Batch, ws int32, refs []trailRef, into map[[16]byte][]byte) {
	var w wanted
	for i := range refs {
		w.add(refs[i].contentRef, into)
	}
	if len(w.hashes) > 0 {
		b.Queue(sqlContents, ws, w.from, w.to, w.hashes).Query(func(found pgx.Rows) error { return collectContents(found, into) })
	}
}

func collectContents(found pgx.Rows, into map[[16]byte][]byte) error {
	var hash [16]byte
	var content []byte
	_, err := pgx.ForEachRow(found, []any{&hash, &content}, func() error {
		into[hash] = append([]byte{}, content...)
		return nil
	})
	return err
}

// fillContents adds the raw bodies and stack traces, which are stored apart;
// contents are those that have been read already.
func fillContents(ctx context.Context, q querier, ws int32, rows []eventRow, contents map[[16]byte][]byte) error {
	var w wanted
	for i := range rows {
		w.add(rows[i].contentRef(), contents)
	}
	if len(w.hashes) > 0 {
		found, err := q.Query(ctx, sqlContents, ws, w.from, w.to, w.hashes)
		if err != nil {
			return err
		}
		if err := collectContents(found, contents); err != nil {
			return err
		}
	}
	for i := range rows {
		e := &rows[i].event
		if body := contents[rows[i].bodyHash]; body != nil {
			e.Raw = rawJSON(body)
		}
		if stack := contents[rows[i].stackHash]; stack != nil && e.Exception != nil {
			e.Exception.Stacktrace = string(stack)
		}
	}
	return nil
}

// rawJSON shows a body as the JSON that it is, or as a JSON string.
func rawJSON(body []byte) json.RawMessage {
	if json.Valid(body) {
		return body
	}
	b, err := json.Marshal(string(body))
	if err != nil {
		return nil
	}
	return b
}
