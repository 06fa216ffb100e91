package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/store"
)

// An Event that was folded into another, and stands on its own again because a
// report turned up that fits the other better, is recognised as before.
func TestKeysOutliveAFoldThatIsUndone(t *testing.T) {
	f := open(t, store.Options{})
	span := report{src: event.FromSpan, service: "billing", trace: hex(1, 32), span: hex(1, 16), status: 500, at: now}
	http := report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, clientID: "evt-1", noTime: true, at: now.Add(time.Second)}
	bridge := report{src: event.FromLog, role: event.Context, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), stack: "at x", at: now.Add(2 * time.Second)}
	better := report{src: event.FromHTTP, service: "billing", trace: hex(1, 32), span: hex(1, 16), status: 500, at: now.Add(3 * time.Second)}
	f.write(t, span)
	f.write(t, http)
	f.write(t, bridge)
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`), "the fold")
	f.write(t, better)
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`), "which is undone")

	http.at = http.at.Add(time.Minute) // sent again: only its own key can tell
	assert.Equal(t, identity.Duplicate, f.write(t, http)[0].Verdict)
	f.write(t, report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(3, 32), span: hex(3, 16), status: 500, at: now.Add(4 * time.Second)})
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`), "the span joins the report")
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE request_key IS NOT NULL AND request_id = 'req_1'`))
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE item_key IS NOT NULL`))
}
