package detect

import "slices"

const (
	keptMinutes = 1536 // a day, half an hour, and some for late rows
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

type hourCell struct {
	hour      int64
	normal    Stretch // without masked minutes
	all       Counts
	customers int32 // the most of its minutes
}

// History is the past of one series: a day of minutes and 30 of hours, in about 80
// kilobytes. It takes late rows, fills Inputs, and keeps incidents out of what
// is normal.
type History struct {
	first, last Minute // the minutes that there are; first 0: none
	totals      bool   // whether minutes that nobody spoke of had no requests, or unknown ones
	cells       [keptMinutes]cell
	hours       [keptHours]hourCell
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
	return &h.cells[((int64(m)%keptMinutes)+keptMinutes)%keptMinutes]
}

func (h *History) hour(m Minute) *hourCell {
	hour := m.hour()
	c := &h.hours[((hour%keptHours)+keptHours)%keptHours]
	if c.hour != hour {
		*c = hourCell{hour: hour}
	}
	return c
}

// Advance makes room up to a minute. What nobody speaks of is zero.
func (h *History) Advance(to Minute) {
	for m := max(h.last+1, to-keptMinutes-Minute(60*keptHours)); m <= to; m++ {
		c := h.cell(m)
		*c = cell{}
		if !h.totals {
			c.requests = Unknown
		}
		h.hour(m).normal.Minutes++
	}
	h.last = max(h.last, to)
}

// Add counts a row, which may be late. It says whether there is still room for
// its minute.
func (h *History) Add(s Sample) bool {
	h.Advance(s.Minute)
	if s.Minute < h.first || s.Minute <= h.last-keptMinutes {
		return false
	}
	c, hour := h.cell(s.Minute), h.hour(s.Minute)
	c.errors = plus(c.errors, s.Errors)
	c.late = plus(c.late, s.Late)
	if s.Requests >= 0 {
		c.requests = plus(max(c.requests, 0), s.Requests)
	}
	c.customers = max(c.customers, small(s.Customers))
	c.top = plus(c.top, s.Top)
	hour.customers = max(hour.customers, c.customers)
	counts := Counts{s.Errors, s.Late, max(s.Requests, 0)}
	hour.all.add(counts)
	if !c.masked {
		hour.normal.add(Stretch{Counts: counts})
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
			n := &h.hour(m).normal
			n.Minutes--
			n.Errors -= int64(c.errors)
			n.Late -= int64(c.late)
			n.Requests -= int64(max(c.requests, 0))
		}
	}
}

// Fill puts the last hour and its customers into an Input.
func (h *History) Fill(in *Input, at Minute) {
	in.Minute = at
	in.Customers = Customers{}
	for i := range in.Last {
		m := at - Minute(i)
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
		}
	}
}

// Past gathers what Learn needs at a minute. It is valid until the next call.
func (h *History) Past(at Minute) *Past {
	p := &h.past
	*p = Past{}
	end := at - at%5 - 30
	for i := range p.Day {
		for m := end - 1440 + Minute(5*i); m < end-1440+Minute(5*i)+5; m++ {
			h.minute(m, &p.Day[i])
		}
	}
	for week := range p.Weeks {
		same := at - Minute((week+1)*7*1440)
		h.around(same, 60, &p.Weeks[week])
	}
	if h.totals {
		p.LastWeek30 = h.lastWeek(at)
		h.long(at, p)
	} else {
		for i := end - 180; i < end; i++ {
			h.minute(i, &p.Recent)
		}
		for _, days := range [...]int{1, 2, 3, 7, 14, 21, 28} {
			h.around(at-Minute(days*1440), 45, &p.SameTime)
		}
	}
	p.Customers = h.usualCustomers(at)
	return p
}

func (h *History) minute(m Minute, to *Stretch) {
	if m < h.first || m > h.last || m <= h.last-keptMinutes {
		return
	}
	if c := h.cell(m); !c.masked {
		to.add(Stretch{Counts{int64(c.errors), int64(c.late), int64(c.requests)}, 1})
	}
}

// around adds the hours that lie within so many minutes of a moment.
func (h *History) around(m, minutes Minute, to *Stretch) {
	for at := (m - minutes).hour(); at <= (m + minutes).hour(); at++ {
		if c := &h.hours[((at%keptHours)+keptHours)%keptHours]; c.hour == at {
			to.add(c.normal)
		}
	}
}

// lastWeek is about how many requests the same 30 minutes had a week ago: half
// of the less busy of the hours that they lie in.
func (h *History) lastWeek(at Minute) int64 {
	least := int64(-1)
	for m := at - 7*1440 - 29; m <= at-7*1440; m += 29 {
		if m < h.first {
			return 0
		}
		hour := m.hour()
		c := &h.hours[((hour%keptHours)+keptHours)%keptHours]
		if c.hour != hour {
			return 0
		}
		if least < 0 || c.all.Requests/2 < least {
			least = c.all.Requests / 2
		}
	}
	return least
}

// long sums the windows of objectives, incidents included.
func (h *History) long(at Minute, p *Past) {
	for m := max(at-359, h.first); m <= at; m++ {
		c := h.cell(m)
		p.SixHours.add(Counts{int64(c.errors), int64(c.late), int64(c.requests)})
	}
	for hour := at.hour() - 71; hour <= at.hour(); hour++ {
		if c := &h.hours[((hour%keptHours)+keptHours)%keptHours]; c.hour == hour {
			p.ThreeDays.add(c.all)
		}
	}
}

// usualCustomers is the median of the same hour of the last seven days.
func (h *History) usualCustomers(at Minute) float64 {
	var room [7]int32
	seen := room[:0]
	for day := 1; day <= 7; day++ {
		hour := (at - Minute(day*1440)).hour()
		if c := &h.hours[((hour%keptHours)+keptHours)%keptHours]; c.hour == hour && at-Minute(day*1440) >= h.first {
			seen = append(seen, c.customers)
		}
	}
	if len(seen) == 0 {
		return 0
	}
	slices.Sort(seen)
	return float64(seen[len(seen)/2])
}
