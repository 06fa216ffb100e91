package store

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// maxContents bounds how many bodies and stack traces one read brings.
const maxContents = 100

// One at a time: with a list of hashes, a plan made while the day was young
// reads through the whole day and filters.
// A difference from what has gone already is no content any more.
const sqlBody = `
SELECT b.hash, b.codec, b.content, coalesce(w.codec, 0), w.content
FROM bodies b LEFT JOIN bodies w ON w.workspace_id = b.workspace_id AND w.day = b.day AND w.hash = b.base
WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.hash = $3::uuid AND (b.base IS NULL OR w.hash IS NOT NULL)`

const sqlStack = `
SELECT b.hash, b.codec, b.content, coalesce(w.codec, 0), w.content
FROM stacks b LEFT JOIN stacks w ON w.workspace_id = b.workspace_id AND w.day = b.day AND w.hash = b.base
WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.hash = $3::uuid AND (b.base IS NULL OR w.hash IS NOT NULL)`

// contentRef says which contents an Event has, and the day they are kept under.
type contentRef struct {
	day         int32
	body, stack [16]byte
}

// queueContents adds the reads of what is not there yet.
func queueContents(b *pgx.Batch, ws int32, refs []contentRef, into map[[16]byte][]byte) {
	wanted := map[[16]byte]bool{}
	for _, r := range refs {
		for _, c := range [...]struct {
			sql  string
			hash [16]byte
		}{{sqlBody, r.body}, {sqlStack, r.stack}} {
			h := c.hash
			if h == ([16]byte{}) || into[h] != nil || wanted[h] || len(wanted)+len(into) >= maxContents {
				continue
			}
			wanted[h] = true
			b.Queue(c.sql, ws, r.day, hashText(h)).Query(func(found pgx.Rows) error { return collectContents(found, into) })
		}
	}
}

func collectContents(found pgx.Rows, into map[[16]byte][]byte) error {
	var hash [16]byte
	var codec, baseCodec int16
	var content, whole []byte
	_, err := pgx.ForEachRow(found, []any{&hash, &codec, &content, &baseCodec, &whole}, func() (err error) {
		into[hash], err = unpackFrom(codec, content, baseCodec, whole)
		return err
	})
	return err
}

// fillContents adds the raw bodies and stack traces, which are stored apart;
// contents are those that have been read already.
func fillContents(ctx context.Context, q querier, ws int32, rows []eventRow, contents map[[16]byte][]byte) error {
	b := &pgx.Batch{}
	queueContents(b, ws, column(rows, func(r eventRow) contentRef {
		return contentRef{dayOfID(r.event.ID, r.event.OccurredAt), r.bodyHash, r.stackHash}
	}), contents)
	if b.Len() > 0 {
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
