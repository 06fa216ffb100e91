package store

// TrailStatements gives the SELECTs of a Trail to the benchmark that runs them
// bare.
func TrailStatements() (byRequest, events, trace string) {
	return sqlTrailByRequest, sqlTrailEvents, sqlTrailTrace
}

// EventsStatement is what Events asks for the first page.
var EventsStatement = eventsStatement
