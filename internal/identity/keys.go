package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Key is one thing by which a Part can be recognised, hashed.
type Key [16]byte

// String is the key in UUID form, as the store keeps it.
func (k Key) String() string { return FormatUUID(k) }

// Keys is everything that a Part registers, by what it was made of: its request
// ID with service, its span, and its own hash where neither of those can show
// that it was here before. The zero Key stands for none. An Event's ID is made
// from its item, so a repeated item is recognised behind any of its keys.
type Keys struct{ Request, Span, Item Key }

// Keys gives the keys of this Part.
func (p *Part) Keys() Keys {
	var k Keys
	var hasRequest, hasSpan bool
	k.Request, hasRequest = p.RequestKey()
	k.Span, hasSpan = p.SpanKey()
	if p.Idempotent && (p.ClientKey || !p.HasOccurredAt || (!hasSpan && !hasRequest)) {
		k.Item = hashKey("own", string(p.Own[:]))
	}
	return k
}

// SpanKey is the key of trace_id + span_id, if the Part has both.
func (p *Part) SpanKey() (Key, bool) {
	if p.Event.TraceID == "" || p.Event.SpanID == "" {
		return Key{}, false
	}
	return hashKey("span", p.Event.TraceID, p.Event.SpanID), true
}

// RequestKey is the key of request_id + service, if the Part has both.
func (p *Part) RequestKey() (Key, bool) {
	if p.Event.RequestID == "" || p.Event.Service == "" {
		return Key{}, false
	}
	return hashKey("request", p.Event.RequestID, p.Event.Service), true
}

func hashKey(kind string, parts ...string) Key {
	var room [256]byte
	b := append(room[:0], kind...)
	for _, s := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // IDs are short
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return Key(sum[:16])
}

const (
	// KeyDaysKept is how many whole days before today keys are kept: enough
	// for a 48 h de-duplication window whatever the hour.
	KeyDaysKept = 3
	// midnightSlack: reports of one failure this near to midnight may carry
	// times of different days.
	midnightSlack = 10 * time.Minute
)

// Day is a UTC day, counted from 1970-01-01.
type Day int32

// DayOf gives the UTC day of t.
func DayOf(t time.Time) Day {
	const seconds = 24 * 60 * 60
	s := t.Unix()
	if s < 0 {
		s -= seconds - 1
	}
	return Day(s / seconds) //nolint:gosec // fits until the year 5 million
}

// Start is the first instant of the day.
func (d Day) Start() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

// KeyDays gives the days under which a Part's keys are registered, ascending:
// the day of the sender's time, the neighbour when that is near midnight, and,
// for a time that has left or is leaving the window, today's days, so that the
// retry of an old item meets its first try.
func (p *Part) KeyDays() []Day {
	at, today := p.Event.OccurredAt, DayOf(p.Event.ReceivedAt)
	own := DayOf(at)
	days := make([]Day, 0, 4)
	add := func(d Day) {
		for _, have := range days {
			if have == d {
				return
			}
		}
		days = append(days, d)
	}
	if own < today-KeyDaysKept {
		add(today - 2)
		add(today - 1)
		add(today)
		return days
	}
	if before := DayOf(at.Add(-midnightSlack)); before >= today-KeyDaysKept {
		add(before)
	}
	add(own)
	add(DayOf(at.Add(midnightSlack)))
	if own < today-1 {
		add(today)
	}
	return days
}
