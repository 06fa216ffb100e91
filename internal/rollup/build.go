package rollup

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// ErrorCount is how many failures there were in one minute of the hour.
type ErrorCount struct {
	Minute                                                                                int // 0..59
	Environment, Role, Service, Method, Endpoint, Family, Status, Code, Provider, Release string
	N                                                                                     int64
}

// CustomerCount is how many of them one customer had.
type CustomerCount struct {
	Minute                                                                       int // 0..59
	Environment, Role, Service, Method, Endpoint, Family, Status, Code, Customer string
	N                                                                            int64
}

// RequestCount is how many requests were answered in one minute of the hour.
type RequestCount struct {
	Minute                                 int // 0..59
	Environment, Service, Method, Endpoint string
	N                                      float64
}

// DurationCount is how many of them took how long.
type DurationCount struct {
	Minute                                                             int // 0..59
	Environment, Role, Service, Method, Endpoint, Family, Status, Code string
	Bucket                                                             int16
	N                                                                  int64
}

// Counted is all that was counted in an hour. Nothing in it needs to be in any
// order, or added up.
type Counted struct {
	Errors    []ErrorCount
	Customers []CustomerCount
	Durations []DurationCount
	Requests  []RequestCount
}

// BuildHour makes the blocks of an hour, in order of cube and service. Cubes
// without anything to count have none.
func BuildHour(start time.Time, c Counted) []Block { return build(start, nil, c, false) }

// AddHour adds to blocks that an hour has, where what they were made of is gone.
func AddHour(start time.Time, have []Block, c Counted) []Block { return build(start, have, c, false) }

// BuildMinutes makes the same blocks with every cube of failures and requests by
// the minute, for who looks at an hour or two. They are not to be stored.
func BuildMinutes(start time.Time, c Counted) []Block { return build(start, nil, c, true) }

func build(start time.Time, have []Block, c Counted, fine bool) []Block {
	b := newBuilder()
	b.fine = fine
	covered := map[[2]string]bool{}
	for i := range have {
		t := &have[i].Table
		b.merge(&have[i], func(at uint16) uint16 { return at })
		for k := range t.N {
			if have[i].Cube == Routes {
				covered[[2]string{t.Words[t.Cols[0][k]], t.Words[t.Cols[1][k]]}] = true
			}
		}
	}
	for i := range c.Requests {
		r := &c.Requests[i]
		covered[[2]string{r.Environment, r.Service}] = true
		b.fill([numDims]string{Environment: r.Environment, Service: r.Service, Method: r.Method, Endpoint: r.Endpoint})
		b.countAs(ofRequests, r.Service, uint16(r.Minute), int64(math.Round(r.N*Scale)), "") //nolint:gosec // 0..59
	}
	for i := range c.Errors {
		e := &c.Errors[i]
		b.fill([numDims]string{Environment: e.Environment, Role: e.Role, Service: e.Service, Method: e.Method, Endpoint: e.Endpoint, Family: e.Family,
			Status: e.Status, Code: e.Code, Provider: e.Provider, Release: e.Release, Covered: mark(covered[[2]string{e.Environment, e.Service}])})
		b.countAs(ofErrors, e.Service, uint16(e.Minute), e.N, "") //nolint:gosec // 0..59
	}
	for _, e := range settled(c.Customers, fine) {
		b.fill([numDims]string{Environment: e.Environment, Role: e.Role, Service: e.Service, Method: e.Method, Endpoint: e.Endpoint, Family: e.Family,
			Status: e.Status, Code: e.Code, Customer: e.Customer, Covered: mark(covered[[2]string{e.Environment, e.Service}])})
		b.countAs(ofCustomers, e.Service, uint16(e.Minute), e.N, e.Customer) //nolint:gosec // 0..59
	}
	for i := range c.Durations {
		e := &c.Durations[i]
		b.fill([numDims]string{Environment: e.Environment, Role: e.Role, Service: e.Service, Method: e.Method, Endpoint: e.Endpoint, Family: e.Family,
			Status: e.Status, Code: e.Code, Duration: strconv.Itoa(int(e.Bucket))})
		b.countAs(ofDurations, e.Service, uint16(e.Minute), e.N, "") //nolint:gosec // 0..59
	}
	return b.blocks(Hour, start.UTC())
}

// settled adds up what was counted for the same customer: who was counted, and
// then for something else, is not in a set.
func settled(list []CustomerCount, fine bool) []CustomerCount {
	at := make(map[CustomerCount]int, len(list))
	out := make([]CustomerCount, 0, len(list))
	for _, c := range list {
		n := c.N
		c.N = 0
		if !fine {
			c.Minute = 0
		}
		i, ok := at[c]
		if !ok {
			i = len(out)
			at[c] = i
			out = append(out, c)
		}
		out[i].N += n
	}
	return slices.DeleteFunc(out, func(c CustomerCount) bool { return c.N == 0 })
}

// MergeDay makes the blocks of a day from those of its hours.
func MergeDay(start time.Time, hours []Block) []Block {
	b := newBuilder()
	for i := range hours {
		at := uint16(hours[i].Start.Sub(start) / time.Hour) //nolint:gosec // 0..23
		b.merge(&hours[i], func(uint16) uint16 { return at })
	}
	return b.blocks(Day, start.UTC())
}

// builder interns every text once for all cubes.
type builder struct {
	words  []string
	ids    map[string]uint32
	values [numDims]uint32
	texts  [numDims]string // of values
	filled bool

	// The words of the table that is being made.
	round   uint32
	numbers []numbered
	fine    bool // whatever the cube
	global  []*gatherer
	own     map[string][]*gatherer
}

func newBuilder() *builder {
	b := &builder{ids: map[string]uint32{}, own: map[string][]*gatherer{}}
	for i := range specs {
		if !specs[i].own {
			b.global = append(b.global, newGatherer(&specs[i], ""))
		}
	}
	return b
}

func (b *builder) ownOf(service string) []*gatherer {
	list := b.own[service]
	if list == nil {
		for i := range specs {
			if specs[i].own {
				list = append(list, newGatherer(&specs[i], service))
			}
		}
		b.own[service] = list
	}
	return list
}

func (b *builder) id(word string) uint32 {
	id, ok := b.ids[word]
	if !ok {
		id = uint32(len(b.words)) //nolint:gosec // memory ends before
		b.ids[word] = id
		b.words = append(b.words, word)
	}
	return id
}

// fill sets the dimensions of what is counted next.
func (b *builder) fill(values [numDims]string) {
	for d, v := range values {
		if v != b.texts[d] || !b.filled { // neighbours are mostly alike
			b.values[d], b.texts[d] = b.id(v), v
		}
	}
	b.filled = true
}

func mark(covered bool) string {
	if covered {
		return "1"
	}
	return ""
}

// countAs adds to every cube that counts such things.
func (b *builder) countAs(k kind, service string, at uint16, n int64, customer string) {
	none := b.id("")
	for _, list := range [2][]*gatherer{b.global, b.ownOf(service)} {
		for _, g := range list {
			if !g.takes(k) || g.spec.cube == Providers && b.values[Provider] == none {
				continue
			}
			c := cell{}
			if g.spec.fine || b.fine {
				c.at = at
			}
			for i, d := range g.spec.dims {
				c.v[i] = b.values[d]
			}
			r := g.row(c)
			if k != ofCustomers || g.named {
				r.n += n
			} else if n > 0 {
				if r.set == nil {
					r.set = &Distinct{}
				}
				r.set.Add(customer)
			}
		}
	}
}

// merge adds an hour's block. at gives the new step of a row.
func (b *builder) merge(hour *Block, at func(uint16) uint16) {
	var g *gatherer
	list := b.global
	if hour.Cube.Own() {
		list = b.ownOf(hour.Service)
	}
	for _, candidate := range list {
		if candidate.spec.cube == hour.Cube {
			g = candidate
		}
	}
	if g == nil {
		return
	}
	t := &hour.Table
	ids := make([]uint32, len(t.Words))
	for i, w := range t.Words {
		ids[i] = b.id(w)
	}
	for i := range t.N {
		c := cell{}
		if g.spec.fine {
			c.at = at(t.At[i])
		}
		for k := range t.Cols {
			c.v[k] = ids[t.Cols[k][i]]
		}
		r := g.row(c)
		r.n += t.N[i]
		if g.spec.sets {
			if r.set == nil {
				r.set = &Distinct{}
			}
			r.set.addSet(&t.Sets[i], t.Words)
		}
	}
}

func (b *builder) blocks(level Level, start time.Time) []Block {
	list := b.global
	for _, service := range b.own {
		list = append(list, service...)
	}
	var out []Block
	for _, g := range list {
		g.limit(b.id(Other))
		g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return r.n == 0 })
		if len(g.rows) > 0 {
			out = append(out, Block{level, start, g.spec.cube, g.service, b.table(g)})
		}
	}
	slices.SortFunc(out, func(x, y Block) int {
		return cmp.Or(cmp.Compare(x.Cube, y.Cube), cmp.Compare(x.Service, y.Service))
	})
	return out
}
