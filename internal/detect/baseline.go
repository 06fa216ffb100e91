package detect

// Baseline is what is normal for a series: small, and made anew every five
// minutes.
type Baseline struct {
	Rate     float64 `json:"rate"`     // errors per request
	Requests float64 `json:"requests"` // requests per minute; 0: no totals
	// Phi is by what factor the errors of five minutes vary more than chance alone
	// makes them, seen from the hour around them; at least 1.
	Phi float64 `json:"phi"`
	// High are the shares that 5, 15 and 60 minutes reach by themselves, but for
	// the few largest of the day.
	High [len(spans)]float64 `json:"high"`
	// Times is the same for series without totals: how many times what was normal
	// just before.
	Times [len(spans)]float64 `json:"times"`
	// Count is how many errors a minute has, for series without totals.
	Count float64 `json:"count"`
	// Minutes is how many of the day's minutes it was made of. With few of them
	// nobody knows what is normal.
	Minutes int `json:"minutes"`

	Customers  float64 `json:"customers,omitempty"`    // how many are hit in ten minutes: the median of this hour in the last 7 days
	LastWeek30 int64   `json:"last_week_30,omitempty"` // requests in the same 30 minutes a week ago
	SixHours   Counts  `json:"six_hours"`              // of the last 6 h, for objectives only
	ThreeDays  Counts  `json:"three_days"`             // of the last 3 days, for objectives only
	Skewed     bool    `json:"skewed,omitempty"`       // all that the source sends is late, so its clock is wrong
}

// Stretch is a sum over the minutes of a stretch that are not masked.
type Stretch struct {
	Counts
	Minutes int // how many those are, from the first minute on that the series' service is known
}

// DayBlocks is how many blocks of five minutes a day has.
const DayBlocks = 288

// Past is what Learn needs of a series at a moment t, without masked minutes.
type Past struct {
	// Day are blocks of five minutes, oldest first, of the 24 h that ended 30
	// minutes before t. Blocks without any count may be left out as zero.
	Day [DayBlocks]Stretch
	// Weeks are the same hour of the week and its two neighbours, one, two,
	// three and four weeks ago.
	Weeks [4]Stretch
	// Recent are the last three hours, up to 30 minutes ago, and SameTime are the 45 minutes before and
	// after this time 1, 2, 3, 7, 14, 21 and 28 days ago: for series without totals.
	Recent, SameTime Stretch

	Customers  float64 // as in Baseline
	LastWeek30 int64   // as in Baseline
	SixHours   Counts  // as in Baseline
	ThreeDays  Counts  // as in Baseline
}

// Learn says what is normal. Where day and weeks disagree the larger rate
// counts, which costs fewer false alarms.
func Learn(p *Past, set *Settings) Baseline {
	var day Stretch
	for i := range p.Day {
		day.add(p.Day[i])
	}
	b := Baseline{Minutes: day.Minutes, Customers: p.Customers, LastWeek30: p.LastWeek30, SixHours: p.SixHours, ThreeDays: p.ThreeDays}
	b.Skewed = skewed(&p.Day)
	if b.Skewed {
		p = onTime(p)
		day.Errors += day.Late
	}
	if day.Requests > 0 && day.Minutes > 0 {
		b.Requests = float64(day.Requests) / float64(day.Minutes)
	}
	b.Rate = max(day.rate(set), weekly(&p.Weeks, set), set.FloorRate)
	b.Phi = dispersion(&p.Day, set)
	for i, minutes := range spans {
		if day.Requests > 0 {
			b.High[i] = high(&p.Day, minutes/5, set)
		} else {
			b.Times[i] = times(&p.Day, minutes/5, set)
		}
	}
	b.Count = max(p.Recent.perMinute(), p.SameTime.perMinute(), set.FloorCount)
	return b
}

// skewed says that all that the source sends is late, all day long: its clock is
// wrong. A spool that drains has as many late rows, but within an hour or two.
func skewed(day *[DayBlocks]Stretch) bool {
	const hour, least = 12, 6
	late, any := 0, 0
	for i := 0; i < DayBlocks; i += hour {
		var s Stretch
		for _, b := range day[i : i+hour] {
			s.add(b)
		}
		if s.Late+s.Errors > 0 {
			any++
		}
		if s.Late > s.Errors {
			late++
		}
	}
	return late >= least && 2*late > any
}

// onTime counts what came late as if it had come in time.
func onTime(p *Past) *Past {
	q := *p
	for i := range q.Day {
		q.Day[i].Errors += q.Day[i].Late
	}
	for i := range q.Weeks {
		q.Weeks[i].Errors += q.Weeks[i].Late
	}
	q.Recent.Errors += q.Recent.Late
	q.SameTime.Errors += q.SameTime.Late
	return &q
}

func (s *Stretch) add(o Stretch) {
	s.Minutes += o.Minutes
	s.Errors += o.Errors
	s.Late += o.Late
	s.Requests += max(o.Requests, 0)
}

// rate has a prior, so that little history neither frightens nor lulls.
func (s *Stretch) rate(set *Settings) float64 {
	return (float64(s.Errors) + set.PriorRate*set.PriorRequests) / (float64(max(s.Requests, 0)) + set.PriorRequests)
}

func (s *Stretch) perMinute() float64 {
	if s.Minutes == 0 {
		return 0
	}
	return float64(s.Errors) / float64(s.Minutes)
}

// weekly is the rate at this hour of the week.
func weekly(weeks *[4]Stretch, set *Settings) float64 {
	var all Stretch
	for i := range weeks {
		all.add(weeks[i])
	}
	return all.rate(set)
}
