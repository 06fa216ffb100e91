package store

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// maxContents bounds how many bodies and stack traces one read brings.
const maxContents = 100

// One day at a time: a range of days would have the primary key read through
// all that they hold.
const sqlContents = `
SELECT b.hash, b.content FROM bodies b
WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.hash = ANY ($3::uuid[])`

// contentRef says which contents an Event has, and the day they are kept under.
type contentRef struct {
	day         int32
	body, stack [16]byte
}

func (r *eventRow) contentRef() contentRef {
	return contentRef{dayOfID(r.event.ID, r.event.OccurredAt), r.bodyHash, r.stackHash}
}

// wanted gathers the contents that are not there yet, by day.
type wanted struct {
	byDay map[int32][]string
	seen  map[[16]byte]bool
}

func (w *wanted) add(r contentRef, have map[[16]byte][]byte) {
	for _, h := range [][16]byte{r.body, r.stack} {
		if h == ([16]byte{}) || have[h] != nil || w.seen[h] || len(w.seen)+len(have) >= maxContents {
			continue
		}
		if w.seen == nil {
			w.seen, w.byDay = map[[16]byte]bool{}, map[int32][]string{}
		}
		w.seen[h] = true
		w.byDay[r.day] = append(w.byDay[r.day], hashText(h))
	}
}

func (w *wanted) queue(b *pgx.Batch, ws int32, into map[[16]byte][]byte) {
	for day, hashes := range w.byDay {
		b.Queue(sqlContents, ws, day, hashes).Query(func(found pgx.Rows) error { return collectContents(found, into) })
	}
}

func queueContents(b *pgx.Batch, ws int32, refs []trailRef, into map[[16]byte][]byte) {
	var w wanted
	for i := range refs {
		w.add(refs[i].contentRef, into)
	}
	w.queue(b, ws, into)
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
	if len(w.byDay) > 0 {
		b := &pgx.Batch{}
		w.queue(b, ws, contents)
		if err := q.SendBatch(ctx, b).Close(); err != nil {
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
