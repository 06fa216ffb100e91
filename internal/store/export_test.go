package store

import (
	"time"

	"errata/internal/event"
)

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
