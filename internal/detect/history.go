package detect

import "slices"

const (
	keptMinutes = 1600 // a day, half an hour, and some for late rows
	keptBlocks  = keptMinutes / 5
	keptHours   = 30 * 24
)

// Sample is what one series had in one minute.
type Sample struct {
	Minute Minute
	Counts
	Customers int64 // distinct; 0: not known
	Top       int64 // errors of the customer with the most
}

type cell struct {
	errors, late, requests, customers, top int32
	masked                                 bool
}

// sum is what five minutes or an hour have.
type sum struct {
	number    int64   // of the block or the hour
	normal    Stretch // without masked minutes
	all       Counts
	customers int64 // of each ten minutes, the most of its minutes; added up
}

// at finds the sum of a number in a ring, and makes room for it.
func at(ring []sum, number int64) *sum {
	s := &ring[number%int64(len(ring))]
	if s.number != number {
		*s = sum{number: number}
	}
	return s
}

// peek finds it if it is there.
func peek(ring []sum, number int64) *sum {
	if number < 0 {
		return nil
	}
	if s := &ring[number%int64(len(ring))]; s.number == number {
		return s
	}
	return nil
}

// History is the past of one series: a day of minutes and 30 of hours, in about 120
// kilobytes. It takes late rows, fills Inputs, and keeps incidents out of what
// is normal.
type History struct {
	first, last Minute // the minutes that there are; first 0: none
	totals      bool   // whether minutes that nobody spoke of had no requests, or unknown ones
	cells       [keptMinutes]cell
	blocks      [keptBlocks]sum // of five minutes
	hours       [keptHours]sum
	past        Past // scratch
}

// NewHistory begins at a minute. totals says whether requests are told at all: then a
// minute without any row had none.
func NewHistory(first Minute, totals bool) *History {
	h := &History{first: first, last: first - 1, totals: totals}
	h.Advance(first)
	return h
}

func (h *History) cell(m Minute) *cell {
	return &h.cells[int64(m)%keptMinutes]
}

// sums are those that a minute belongs to.
func (h *History) sums(m Minute) [2]*sum {
	return [...]*sum{at(h.blocks[:], int64(m)/5), at(h.hours[:], m.hour())}
}

// Advance makes room up to a minute. What nobody speaks of is zero.
func (h *History) Advance(to Minute) {
	for m := max(h.last+1, to-keptMinutes-Minute(60*keptHours)); m <= to; m++ {
		c := h.cell(m)
		*c = cell{}
		if !h.totals {
			c.requests = Unknown
		}
		for _, s := range h.sums(m) {
			s.normal.Minutes++
		}
		if m%10 == 9 {
			h.countCustomers(m - 10)
		}
	}
	h.last = max(h.last, to)
}

// countCustomers adds ten minutes that are over.
func (h *History) countCustomers(last Minute) {
	most := int32(0)
	for m := max(last-9, h.first); m <= last; m++ {
		most = max(most, h.cell(m).customers)
	}
	if s := peek(h.hours[:], last.hour()); s != nil {
		s.customers += int64(most)
	}
}

// Add counts a row, which may be late. It says whether there is still room for
// its minute.
func (h *History) Add(s Sample) bool {
	h.Advance(s.Minute)
	if s.Minute < h.first || s.Minute <= h.last-keptMinutes {
		return false
	}
	c := h.cell(s.Minute)
	c.errors = plus(c.errors, s.Errors)
	c.late = plus(c.late, s.Late)
	if s.Requests >= 0 {
		c.requests = plus(max(c.requests, 0), s.Requests)
	}
	c.customers = max(c.customers, small(s.Customers))
	c.top = plus(c.top, s.Top)
	counts := Counts{s.Errors, s.Late, max(s.Requests, 0)}
	for _, sum := range h.sums(s.Minute) {
		sum.all.add(counts)
		if !c.masked {
			sum.normal.add(Stretch{Counts: counts})
		}
	}
	return true
}

func small(n int64) int32 { return int32(min(max(n, 0), 1<<31-1)) } //nolint:gosec // bounded

func plus(a int32, b int64) int32 { return small(int64(a) + min(max(b, 0), 1<<31)) }

func (c *Counts) add(o Counts) {
	c.Errors += o.Errors
	c.Late += o.Late
	c.Requests += max(o.Requests, 0)
}

// Mask takes minutes out of what is normal.
func (h *History) Mask(from, to Minute) {
	for m := max(from, h.first, h.last-keptMinutes+1); m <= min(to, h.last); m++ {
		if c := h.cell(m); !c.masked {
			c.masked = true
			for _, s := range h.sums(m) {
				n := &s.normal
				n.Minutes--
				n.Errors -= int64(c.errors)
				n.Late -= int64(c.late)
				n.Requests -= int64(max(c.requests, 0))
			}
		}
	}
}

// Fill puts the last hour and its customers into an Input.
func (h *History) Fill(in *Input, now Minute) {
	in.Minute = now
	in.Customers = Customers{}
	told, all := int64(0), int64(0) // errors of minutes that say whether they are one customer's, and of all
	for i := range in.Last {
		m := now - Minute(i)
		if m < h.first || m <= h.last-keptMinutes {
			in.Last[i] = Counts{}
			if !h.totals {
				in.Last[i].Requests = Unknown
			}
			continue
		}
		c := h.cell(m)
		in.Last[i] = Counts{int64(c.errors), int64(c.late), int64(c.requests)}
		if i < 10 { // minutes do not say whether their customers are the same
			in.Customers.Distinct = max(in.Customers.Distinct, int64(c.customers))
			in.Customers.Top += int64(c.top)
			all += int64(c.errors)
			if c.errors >= 3 {
				told += int64(c.errors)
			}
		}
	}
	if 2*told < all { // one error a minute: each is of one customer, but of which?
		in.Customers = Customers{}
	}
}

// Past gathers what Learn needs at a minute. It is valid until the next call.
func (h *History) Past(now Minute) *Past {
	p := &h.past
	*p = Past{}
	end := int64(now)/5 - 6 // the block that is 30 minutes ago is the first that is left out
	for i := range p.Day {
		if s := peek(h.blocks[:], end-DayBlocks+int64(i)); s != nil {
			p.Day[i] = s.normal
		}
	}
	for week := range p.Weeks {
		h.around(now-Minute((week+1)*7*day), 60, &p.Weeks[week])
	}
	if h.totals {
		p.LastWeek30 = h.lastWeek(now)
		h.long(now, p)
	} else {
		for i := DayBlocks - 36; i < DayBlocks; i++ {
			p.Recent.add(p.Day[i])
		}
		for _, days := range [...]int{1, 2, 3, 7, 14, 21, 28} {
			h.around(now-Minute(days*day), 45, &p.SameTime)
		}
	}
	p.Customers = h.usualCustomers(now)
	return p
}

const day = 24 * 60

// around adds the hours that lie within so many minutes of a moment.
func (h *History) around(m, minutes Minute, to *Stretch) {
	for hour := (m - minutes).hour(); hour <= (m + minutes).hour(); hour++ {
		if s := peek(h.hours[:], hour); s != nil {
			to.add(s.normal)
		}
	}
}

// lastWeek is about how many requests the same 30 minutes had a week ago: half
// of the less busy of the hours that they lie in.
func (h *History) lastWeek(now Minute) int64 {
	least := int64(-1)
	for _, m := range [...]Minute{now - 7*day - 29, now - 7*day} {
		s := peek(h.hours[:], m.hour())
		if s == nil || m < h.first {
			return 0
		}
		if least < 0 || s.all.Requests/2 < least {
			least = s.all.Requests / 2
		}
	}
	return least
}

// long sums the windows of objectives, incidents included.
func (h *History) long(now Minute, p *Past) {
	for block := int64(now)/5 - 71; block <= int64(now)/5; block++ {
		if s := peek(h.blocks[:], block); s != nil {
			p.SixHours.add(s.all)
		}
	}
	for hour := now.hour() - 71; hour <= now.hour(); hour++ {
		if s := peek(h.hours[:], hour); s != nil {
			p.ThreeDays.add(s.all)
		}
	}
}

// usualCustomers is how many are hit in ten minutes: the mean of an hour, and of
// this hour of the last seven days the median.
func (h *History) usualCustomers(now Minute) float64 {
	var room [7]int64
	seen := room[:0]
	for days := 1; days <= 7; days++ {
		m := now - Minute(days*day)
		if s := peek(h.hours[:], m.hour()); s != nil && m >= h.first {
			seen = append(seen, s.customers)
		}
	}
	if len(seen) == 0 {
		return 0
	}
	slices.Sort(seen)
	return float64(seen[len(seen)/2]) / 6
}
