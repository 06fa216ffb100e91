package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What is wrong with Errata itself is told with its sentences, and counts nothing.
func TestOwnTrouble(t *testing.T) {
	at := time.Date(2026, 11, 20, 14, 7, 0, 0, time.UTC)
	i := Incident{ID: "x", Number: 7, Workspace: "Acme", Service: "errata", Level: Page, State: Firing, Rule: Rule{Letter: "S", Name: "ingest lag"}, StartedAt: at.Add(-5 * time.Minute),
		Own: &Own{Condition: "ingest_lag", Says: []string{"The collector on a is late.", "The collector on b is late."}, Do: "Look at the database."}}
	text := Write(Message{Kind: KindFiring, Incidents: []Incident{i}, At: at})
	assert.Equal(t, "[FIRING] errata ingest lag  since 14:02 UTC", text.Title)
	assert.Equal(t, []string{"The collector on b is late.", "What to do: Look at the database."}, text.Lines)
	assert.Equal(t, "Why it fired: The collector on a is late.", text.Why)
	assert.Equal(t, "INC-7 | Acme | page", text.Footer)

	i.State, i.ResolvedAt, i.ResolvedBy = Resolved, at, "mia"
	text = Write(Message{Kind: KindResolved, Incidents: []Incident{i}, At: at})
	assert.Equal(t, "[RESOLVED] errata ingest lag  lasted 5 min, from 14:02 UTC to 14:07 UTC, closed by mia", text.Title)
	assert.Equal(t, []string{"The collector on b is late."}, text.Lines)

	i.Own = &Own{Condition: "x\x00", Says: make([]string, 100), Do: strings.Repeat("y", 1000) + "\nz"}
	i.Own.Says[0] = "one\nline" + strings.Repeat("y", 1000)
	own := Message{Incidents: []Incident{i}}.Clean().Incidents[0].Own
	assert.Len(t, own.Says, maxSays)
	assert.True(t, strings.HasPrefix(own.Says[0], "one line"))
	assert.LessOrEqual(t, len([]rune(own.Says[0])), maxLine)
	assert.LessOrEqual(t, len([]rune(own.Do)), maxDo)
	assert.Equal(t, "x", own.Condition)
	assert.Len(t, i.Own.Says, 100, "the message that came in stays as it was")
}
