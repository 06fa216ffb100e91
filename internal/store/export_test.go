package store

// TrailStatements gives the SELECTs of a Trail to the benchmark that runs them
// bare.
func TrailStatements() (byRequest, events, trace string) {
	return sqlTrailByRequest, sqlTrailEvents, sqlTrailTrace
}
