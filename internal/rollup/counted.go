package rollup

import (
	"math"
	"strconv"

	"errata/internal/event"
)

// Counted is all that was counted in an hour. Who fills it says what it is about
// (Set), and then how many there were; what was said holds until something else
// is. Nothing needs to be in any order, or added up. The zero value is empty.
type Counted struct {
	dict [numDims]dictionary
	now  [numDims]uint32

	errors, customers, durations, requests []fact
	by                                     []event.RequestSource // who counted requests

	buckets map[int16]uint32 // of dict[Duration]
}

// Answerer is who answers requests: a service in an environment.
type Answerer struct{ Service, Environment string }

// fact is a count of something. What its dimensions are called is in the
// dictionaries of who has it.
type fact struct {
	v  [numDims]uint32
	at uint16 // the step
	n  int64
}

// Set says what a dimension of the following counts is.
func (c *Counted) Set(d Dim, text string) {
	if c.dict[d].text(c.now[d]) != text { // neighbours are mostly alike
		c.now[d] = c.dict[d].id(text)
	}
}

// SetBytes is Set with a text that is not kept.
func (c *Counted) SetBytes(d Dim, text []byte) {
	if c.dict[d].text(c.now[d]) != string(text) {
		c.now[d] = c.dict[d].idOf(text)
	}
}

// SetAll says what all of the dimensions are: "" where nothing is said.
func (c *Counted) SetAll(values map[Dim]string) {
	for d := range numDims {
		c.Set(d, values[d])
	}
}

// Errors counts n failures in a minute of the hour, 0 to 59.
func (c *Counted) Errors(minute int, n int64) { c.errors = c.add(c.errors, minute, n) }

// Customers counts n of these failures for the customer.
func (c *Counted) Customers(minute int, n int64) {
	if c.now[Customer] != 0 {
		c.customers = c.add(c.customers, minute, n)
	}
}

// Durations counts n of them with a duration in a bucket (see Bucket).
func (c *Counted) Durations(minute int, bucket int16, n int64) {
	id, ok := c.buckets[bucket]
	if !ok {
		if c.buckets == nil {
			c.buckets = map[int16]uint32{}
		}
		id = c.dict[Duration].id(strconv.Itoa(int(bucket)))
		c.buckets[bucket] = id
	}
	c.now[Duration] = id
	c.durations = c.add(c.durations, minute, n)
}

// Requests counts n requests that were answered, as a source has it. Which of the
// sources is taken is chosen for each service and environment when blocks are
// made. Those of spans have no failures in them, which are Errors.
func (c *Counted) Requests(minute int, source event.RequestSource, n float64) {
	c.requests = c.add(c.requests, minute, int64(math.Round(n*Scale)))
	c.by = append(c.by, source)
}

// Sources adds to a set who has counted requests, for each service and
// environment.
func (c *Counted) Sources(to map[Answerer]event.Sources) {
	for i := range c.requests {
		who := Answerer{c.dict[Service].text(c.requests[i].v[Service]), c.dict[Environment].text(c.requests[i].v[Environment])}
		to[who] = to[who].With(c.by[i])
	}
}

// choose gives the requests as the best of their sources has them.
func (c *Counted) choose(sources map[Answerer]event.Sources) []fact {
	type answerer struct{ service, environment uint32 }
	best := map[answerer]event.Sources{}
	for who, all := range sources {
		best[answerer{c.dict[Service].id(who.Service), c.dict[Environment].id(who.Environment)}] = all.Best()
	}
	var out []fact
	add := func(f *fact, source event.RequestSource, scale int64) {
		if best[answerer{f.v[Service], f.v[Environment]}].Has(source) {
			out = append(out, *f)
			out[len(out)-1].n *= scale
		}
	}
	for i := range c.requests {
		add(&c.requests[i], c.by[i], 1)
	}
	primary := c.dict[Role].id(string(event.Primary))
	for i := range c.errors {
		if c.errors[i].v[Role] == primary {
			add(&c.errors[i], event.SpanRequests, Scale)
		}
	}
	return out
}

func (c *Counted) add(to []fact, minute int, n int64) []fact {
	return append(to, fact{c.now, uint16(minute), n}) //nolint:gosec // 0..59
}

// dictionary numbers the values of a dimension. Zero is "".
type dictionary struct {
	words []string
	ids   map[string]uint32
}

func (d *dictionary) text(id uint32) string {
	if id == 0 {
		return ""
	}
	return d.words[id]
}

func (d *dictionary) id(text string) uint32 {
	if id, ok := d.ids[text]; ok || text == "" {
		return id
	}
	return d.learn(text)
}

// idOf is id without a copy of a text that is known.
func (d *dictionary) idOf(text []byte) uint32 {
	if id, ok := d.ids[string(text)]; ok || len(text) == 0 {
		return id
	}
	return d.learn(string(text))
}

func (d *dictionary) learn(text string) uint32 {
	if d.ids == nil {
		d.ids, d.words = map[string]uint32{}, []string{""}
	}
	id := uint32(len(d.words)) //nolint:gosec // memory ends before
	d.words, d.ids[text] = append(d.words, text), id
	return id
}
