package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
)

// QueueMessages is what the evaluator does in its own transaction.
func (s *Store) QueueMessages(ctx context.Context, ws int32, incident string, seq int, m alert.Message, channels []string, due time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := queueMessages(ctx, tx, ws, incident, seq, m, channels, due)
		return err
	})
}

// TrailStatements gives the SELECTs of a Trail to the benchmark that runs them
// bare.
func TrailStatements() (byRequest, events, trace string) {
	return sqlTrailByRequest, sqlTrailEvents, sqlTrailTrace
}

// EventsStatement is what Events asks for the first page.
var EventsStatement = eventsStatement

// IssuesStatement is the first page of a list of issues.
func IssuesStatement(ws int32, f event.IssueFilter, limit int) (string, []any, error) {
	from, to := issueRange(f, time.Now())
	return issuesStatement(ws, f, from, to, limit, "")
}

// SQLCatalogBook is how the catalogue of a workspace is looked at.
const SQLCatalogBook = sqlCatalogBook

// Remembered is what a process that judges has counted in the last hour, and what
// it learned to be normal in the minute that it judged last.
func (s *Store) Remembered() (counted map[incident.Series]detect.Input, normal map[incident.Series]detect.Baseline) {
	m := s.alerts.get(1)
	counted, normal = map[incident.Series]detect.Input{}, map[incident.Series]detect.Baseline{}
	for _, of := range m.hour.sheet.Worth() {
		var in detect.Input
		m.hour.sheet.Fill(&in, of, m.hour.upto, true)
		counted[of] = in
	}
	for of, l := range m.baselines {
		if l.at == m.hour.upto {
			normal[of] = l.Baseline
		}
	}
	return counted, normal
}

// Recording reports whether look-ups are being written down.
func (s *Store) Recording() bool { return s.looks.running.Load() }

// FillLooks has as many look-ups wait as can.
func (s *Store) FillLooks(ws int32, actor Actor) {
	for len(s.looks.queue) < maxLooks {
		s.looks.queue <- look{ws, actor, "e", uuid.Must(uuid.NewV7()).String()}
	}
}

// AgedTables are those whose rows go one by one, and DatedTables those that go by
// partitions.
func AgedTables() (names []string) {
	for _, t := range agedTables {
		names = append(names, t.table)
	}
	return names
}

func DatedTables() (names []string) {
	for _, t := range slices.Concat([]dated{datedBodies, datedEvents}, datedOthers, datedRollups) {
		names = append(names, t.name)
	}
	return names
}

// FirstID is below every ID of that time or later.
var FirstID = firstID

// PackFrom has days packed that are so large.
func (s *Store) PackFrom(bytes int64) { s.packBytes = bytes }
