package otlp

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"errata/internal/event"
)

// logs is the work on one request.
type logs struct {
	it  *item
	out output
}

func (l *logs) walk(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		l.it.setResource(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				l.one(record)
				l.out.Items++
			}
		}
	}
}

func (l *logs) one(record plog.LogRecord) {
	it := l.it
	it.indexRecord(record)
	it.fill("http_status")
	if !it.recordFailed() {
		if it.severe && it.badStatus != "" && it.env.Status == 0 {
			l.out.reject(l.out.Items, it)
		}
		return
	}
	it.fillAll()
	l.out.add(it)
}

// indexRecord reads a record's attributes, and those in a body that is a map.
func (it *item) indexRecord(record plog.LogRecord) {
	it.next()
	it.kind, it.record = logRecord, record
	it.severe = isSevere(record)
	it.scopes[0].fill(it.m, record.Attributes())
	if body := record.Body(); body.Type() == pcommon.ValueTypeMap {
		it.scopes[1].fill(it.m, body.Map())
	}
	it.eventName = record.EventName()
	if it.eventName == "" {
		it.eventName = it.text("event.name")
	}
}

// isSevere reports ERROR and FATAL, by number, or by text where the number was
// not set.
func isSevere(record plog.LogRecord) bool {
	if n := record.SeverityNumber(); n != plog.SeverityNumberUnspecified {
		return n >= plog.SeverityNumberError
	}
	switch strings.ToUpper(record.SeverityText()) {
	case "ERROR", "ERR", "SEVERE", "FATAL", "CRITICAL", "ALERT", "EMERGENCY", "PANIC":
		return true
	default:
		return false
	}
}

// recordFailed decides whether a record becomes an Event: an exception always,
// anything else only from ERROR upwards.
func (it *item) recordFailed() bool {
	if it.eventName == "exception" || strings.HasSuffix(it.eventName, ".exception") {
		return true
	}
	if !it.severe {
		return false
	}
	if it.env.Status >= 400 || *it.thrown() != (event.Exception{}) {
		return true
	}
	for _, b := range it.scopes {
		if b.hasErrata(it.m) {
			return true
		}
	}
	return false
}
