package detect

import "time"

// Minute is a minute: the number of those since 1970 (UTC). It stands for its
// beginning.
type Minute int64

// MinuteOf gives the minute that a time lies in.
func MinuteOf(t time.Time) Minute {
	return Minute(floorDiv(t.Unix(), 60))
}

// Time is when the minute began, in UTC.
func (m Minute) Time() time.Time { return time.Unix(int64(m)*60, 0).UTC() }

func (m Minute) hour() int64 { return floorDiv(int64(m), 60) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Unknown stands for a number of requests that nobody told.
const Unknown = -1

// Counts are what a series had in one minute, or in a stretch of time.
type Counts struct {
	Errors   int64 `json:"errors"`   // errors that came in time
	Late     int64 `json:"late"`     // errors that came more than 15 minutes late; not in Errors
	Requests int64 `json:"requests"` // all requests, failed ones included; Unknown
}

// Hour is how many minutes an Input looks back.
const Hour = 60

// Family is what kind of failure a series counts.
type Family uint8

// The families that have rules.
const (
	Server Family = iota // 5xx
	Limits               // 429
)

func (f Family) String() string { return [...]string{"5xx", "429"}[f] }

// Input is what is known of one series when a minute has closed.
type Input struct {
	Minute    Minute       // the minute that closed
	Last      [Hour]Counts // Last[i] is Minute-i
	Customers Customers
	Baseline  Baseline
	Family    Family

	// Missing says that the series' source sent nothing at all in this minute,
	// neither errors nor totals, or that it is known to be behind: no rule is
	// looked at, and what fires is kept as stale.
	Missing bool
	// NewCode says that the series is of one (service, code), and that this
	// code had no event in the seven days before the first one in Last.
	NewCode bool
	// SingleTenant says that one customer is all that this service has, so that
	// one customer's failures are as bad as everybody's.
	SingleTenant bool
}

// Customers says whom the errors of the last ten minutes hit. The zero value
// says that nobody knows.
type Customers struct {
	Distinct    int64  // how many; 0: not known
	Top         int64  // errors of the customer with the most
	TopRequests int64  // that customer's requests; 0 or Unknown: not known
	TopName     string // who; for one message a day about the same
}

// windows are running sums over an Input's minutes: a window is a difference.
type windows struct {
	e, n  [Hour + 1]float64 // e[i]: errors of the last i minutes
	late  int64
	known bool // whether there are request totals at all
}

// sum makes the windows. A minute whose requests are unknown, or far fewer than
// its errors (a total that is late, or whose counter began anew), is given as
// many as its series usually has: missing totals must not look like an outage.
func (w *windows) sum(in *Input, b *Baseline) {
	*w = windows{}
	told, requests := 0, int64(0)
	for i := range in.Last {
		if c := &in.Last[i]; c.Requests >= 0 {
			told++
			requests += c.Requests
		}
	}
	w.known = told > 0 && (requests > 0 || b.Requests > 0)
	usual := b.Requests
	if usual == 0 && told > 0 {
		usual = float64(requests) / float64(told)
	}
	for i := range in.Last {
		c := &in.Last[i]
		e, n := float64(c.Errors), float64(c.Requests)
		w.late += c.Late
		if b.Skewed {
			e += float64(c.Late)
		}
		switch {
		case c.Requests < 0 || 2*n < e:
			n = max(e, usual)
		case n < e:
			n = e
		}
		w.e[i+1] = w.e[i] + e
		w.n[i+1] = w.n[i] + n
	}
}

// span gives errors and requests of the minutes from (newest) to to (not
// included), counted backwards.
func (w *windows) span(from, to int) (e, n float64) { return w.e[to] - w.e[from], w.n[to] - w.n[from] }

// rate is their quotient; without requests it is 0.
func (w *windows) rate(from, to int) float64 {
	e, n := w.span(from, to)
	if n <= 0 {
		return 0
	}
	return e / n
}

// worst gives the minutes in a row that have the most errors, within a window.
func (w *windows) worst(window, minutes int) (e, n float64) {
	for i := 0; i+minutes <= window; i++ {
		if here, requests := w.span(i, i+minutes); here > e {
			e, n = here, requests
		}
	}
	return e, n
}
