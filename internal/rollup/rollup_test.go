package rollup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

var hour = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

// failure is a row of what random counted.
type failure struct {
	of     map[Dim]string
	minute int
	n      int64
}

// random makes what an hour counts, with corrections among it.
func random(r *rand.Rand, n int) (c *Counted, failures []failure, requests int64) {
	c = &Counted{}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for range n {
		f := failure{map[Dim]string{Environment: pick("production", "staging"), Role: pick("primary", "primary", "upstream"), Service: pick("billing", "edge", "search"),
			Method: pick("GET", "POST"), Endpoint: fmt.Sprintf("/v1/things/%d", r.IntN(9)), Family: pick("caller", "us", "limits"), Status: pick("400", "429", "500", ""),
			Code: pick("timeout", "bad_input", "boom"), Provider: pick("", "", "openai"), Release: pick("1", "2"), Customer: fmt.Sprintf("customer %d", r.IntN(300))}, r.IntN(60), int64(1 + r.IntN(5))}
		c.SetAll(f.of)
		c.Errors(f.minute, f.n)
		c.Customers(f.minute, f.n)
		if r.IntN(10) == 0 { // it turned out to be something else
			c.Errors(f.minute, -f.n)
			c.Customers(f.minute, -f.n)
		} else {
			failures = append(failures, f)
		}
		if r.IntN(3) > 0 && f.of[Service] != "search" {
			answered := r.IntN(1000)
			c.Requests(f.minute, event.TotalsRequests, float64(answered)/8)
			requests += int64(answered) * Scale / 8
		}
	}
	return c, failures, requests
}

func one(c *Counted, _ []failure, _ int64) *Counted { return c }

// Every cube counts the same failures, and merging hours into a day loses none.
func TestCubesAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	day := hour.Truncate(24 * time.Hour)
	var hours []Block
	var errors, requests int64
	customers := map[string]int64{}
	for h := range 24 {
		c, failures, answered := random(r, 200)
		for _, f := range failures {
			errors += f.n
			customers[f.of[Customer]] += f.n
		}
		requests += answered
		hours = append(hours, BuildHour(day.Add(time.Duration(h)*time.Hour), c)...)
	}
	days := MergeDay(day, hours)
	for level, blocks := range map[string][]Block{"hours": hours, "day": days} {
		sums := map[Cube]int64{}
		for _, b := range blocks {
			for _, n := range b.Table.N {
				sums[b.Cube] += n
			}
		}
		for _, c := range Cubes() {
			switch {
			case c == Durations, c == ServiceDurations: // none were sent
			case c == Providers: // only those that have one
				assert.Less(t, sums[c], errors)
				assert.Positive(t, sums[c])
			case c.Counts():
				assert.Equal(t, requests, sums[c], "%s of cube %d", level, c)
			default:
				assert.Equal(t, errors, sums[c], "%s of cube %d", level, c)
			}
		}
	}
	scan := Scan{Steps: 1, Sets: true}
	for _, b := range days {
		if b.Cube == Codes {
			scan.Add(b.Cube, &b.Table, func(uint16) int { return 0 })
		}
	}
	n, exact := scan.Groups()[0].Distinct(0, 1)
	assert.True(t, exact)
	assert.EqualValues(t, len(customers), n)
	callers := Scan{By: []Dim{Customer}, Steps: 24}
	for _, b := range hours {
		if b.Cube == Callers {
			callers.Add(b.Cube, &b.Table, func(uint16) int { return b.Start.Hour() })
		}
	}
	for _, g := range callers.Groups() {
		assert.Equal(t, customers[g.Values[0]], g.Total(), g.Values[0])
	}
}

func TestEncodedTablesAreTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, b := range BuildHour(hour, one(random(r, 2000))) {
		raw := b.Table.Encode()
		again, err := Decode(b.Cube, raw, "")
		require.NoError(t, err)
		assert.Equal(t, b.Table.Words, again.Words)
		assert.Equal(t, b.Table.Cols, again.Cols)
		assert.Equal(t, b.Table.At, again.At)
		assert.Equal(t, b.Table.N, again.N)
		require.Len(t, again.Sets, len(b.Table.Sets))
		for i := range again.Sets {
			var x, y Distinct
			x.addSet(&b.Table.Sets[i], b.Table.Words)
			y.addSet(&again.Sets[i], again.Words)
			n, exact := x.Count()
			m, also := y.Count()
			assert.Equal(t, n, m)
			assert.Equal(t, exact, also)
		}
	}
}

// What is decoded for one customer counts the same as all of it does for them.
func TestTablesOfOneCustomer(t *testing.T) {
	blocks := BuildHour(hour, one(random(rand.New(rand.NewPCG(7, 8)), 2000)))
	for _, customer := range []string{"customer 1", "customer 2", "nobody", Other} {
		found := 0
		count := func(c Cube, table *Table) map[string]int64 {
			by := c.Dims()[:len(c.Dims())-1]
			s := Scan{By: by[len(by)-MaxBy:], Steps: 1, Where: map[Dim]func(string) bool{Customer: func(v string) bool { return v == customer }}}
			s.Add(c, table, func(uint16) int { return 0 })
			out := map[string]int64{}
			for _, g := range s.Groups() {
				out[fmt.Sprintf("%q", g.Values)] = g.Total()
			}
			return out
		}
		for _, b := range blocks {
			got, err := Decode(b.Cube, b.Table.Encode(), customer)
			require.NoError(t, err)
			cubes, tables, err := DecodeBundle(EncodeBundle([]Block{b}), func(Cube) bool { return true }, customer)
			require.NoError(t, err)
			require.Equal(t, []Cube{b.Cube}, cubes)
			if !b.Cube.Covers([]Dim{Customer}) {
				assert.Equal(t, b.Table.N, got.N)
				continue
			}
			all := count(b.Cube, &b.Table)
			found += len(all)
			assert.Equal(t, all, count(b.Cube, &got), "%s in cube %d", customer, b.Cube)
			assert.Equal(t, all, count(b.Cube, &tables[0]), "%s in cube %d", customer, b.Cube)
			assert.LessOrEqual(t, got.Size(), b.Table.Size())
		}
		assert.Equal(t, strings.HasPrefix(customer, "customer"), found > 0, customer)
	}
}

func TestBundles(t *testing.T) {
	blocks := BuildHour(hour, one(random(rand.New(rand.NewPCG(3, 4)), 500)))
	raw := EncodeBundle(blocks)
	cubes, tables, err := DecodeBundle(raw, func(c Cube) bool { return c == ServiceDetail }, "")
	require.NoError(t, err)
	assert.Len(t, cubes, 3, "one for each service")
	k := 0
	for _, b := range blocks {
		if b.Cube == ServiceDetail {
			assert.Equal(t, b.Table.N, tables[k].N)
			assert.Equal(t, b.Table.Cols, tables[k].Cols)
			k++
		}
	}
	for n := range raw { // cut short
		_, _, err := DecodeBundle(raw[:n], func(Cube) bool { return true }, "")
		assert.Error(t, err)
	}
}

func TestFilterAndSteps(t *testing.T) {
	c := &Counted{}
	c.SetAll(map[Dim]string{Environment: "production", Role: "primary", Service: "billing", Family: "limits", Status: "429", Code: "slow_down"})
	c.Errors(0, 2)
	c.SetAll(map[Dim]string{Environment: "production", Role: "primary", Service: "billing", Family: "us", Status: "500", Code: "boom"})
	c.Errors(7, 3)
	c.Requests(7, event.TotalsRequests, 0.5)
	c.Set(Environment, "staging")
	c.Errors(59, 5)
	for _, fine := range []bool{false, true} {
		blocks := BuildHour(hour, c)
		if fine {
			blocks = BuildMinutes(hour, c, SourcesOf(c))
		}
		for _, b := range blocks {
			switch b.Cube {
			case ServiceTotals:
				s := Scan{By: []Dim{Family, Covered}, Steps: 2, Where: map[Dim]func(string) bool{Environment: func(v string) bool { return v == "production" }}}
				s.Add(b.Cube, &b.Table, func(at uint16) int { return int(at) / 5 })
				got := map[string][]int64{}
				for _, g := range s.Groups() {
					got[g.Values[0]+g.Values[1]] = g.N
				}
				assert.Equal(t, map[string][]int64{"limits1": {2, 0}, "us1": {0, 3}}, got)
			case ServiceDetail:
				assert.Equal(t, fine, b.Table.At[len(b.Table.At)-1] == 59)
			case Requests:
				assert.Equal(t, []int64{Scale / 2}, b.Table.N)
				assert.Equal(t, []uint16{7}, b.Table.At)
			}
		}
	}
}

func TestTooManyCustomersAreOther(t *testing.T) {
	c := &Counted{}
	c.SetAll(map[Dim]string{Service: "billing", Family: "us"})
	for i := range maxCallers + 50 {
		c.Set(Customer, fmt.Sprint(i))
		c.Customers(0, 1+int64(i%3))
		c.Errors(0, 1+int64(i%3))
	}
	for _, b := range BuildHour(hour, c) {
		if b.Cube != Callers {
			continue
		}
		assert.Len(t, b.Table.N, maxCallers+1)
		s := Scan{By: []Dim{Customer}, Steps: 1, Sets: true}
		s.Add(b.Cube, &b.Table, func(uint16) int { return 0 })
		for _, g := range s.Groups() {
			if g.Values[0] == Other {
				assert.EqualValues(t, 50, g.Total(), "those with the fewest")
				_, exact := g.Distinct(0, 1)
				assert.False(t, exact)
				return
			}
		}
	}
	t.Fatal("nothing is other")
}

// Whatever stands in a block, reading it ends with a table or an error.
func FuzzDecode(f *testing.F) {
	for _, b := range BuildHour(hour, one(random(rand.New(rand.NewPCG(5, 6)), 300))) {
		f.Add(int16(b.Cube), b.Table.append(nil))
	}
	f.Fuzz(func(t *testing.T, cube int16, content []byte) {
		_, _, _ = DecodeBundle(pack(content), func(Cube) bool { return true }, "")
		_, _ = Decode(Cube(cube), pack(content), "customer 1")
		table, err := Decode(Cube(cube), pack(content), "")
		if err != nil {
			return
		}
		s := Scan{By: Cube(cube).Dims()[:1], Steps: 1, Sets: true}
		s.Add(Cube(cube), &table, func(uint16) int { return 0 })
		for _, g := range s.Groups() {
			g.Distinct(0, 1)
		}
		_ = table.Encode()
	})
}

func BenchmarkBuildHour(b *testing.B) {
	c, _, _ := random(rand.New(rand.NewPCG(7, 8)), 14_000)
	b.ReportAllocs()
	for b.Loop() {
		blocks := BuildHour(hour, c)
		for i := range blocks {
			blocks[i].Table.Encode()
		}
	}
}

func TestDurations(t *testing.T) {
	for _, ms := range []float64{0.002, 0.5, 1, 3, 41, 840, 1e6, 1e8} {
		assert.InEpsilon(t, ms, Milliseconds(Bucket(ms)), accuracy+1e-9)
	}
	assert.Equal(t, NoDuration, Bucket(math.NaN()))
	assert.Equal(t, NoDuration, Bucket(-1))
	assert.EqualValues(t, maxBucket, Bucket(math.Inf(1)))
	assert.EqualValues(t, minBucket, Bucket(0))
	h := Histogram{}
	for i := range 1000 {
		h[Bucket(float64(i+1))]++
	}
	assert.InEpsilon(t, 500, h.Quantile(0.5), 0.06)
	assert.InEpsilon(t, 950, h.Quantile(0.95), 0.06)
	assert.True(t, math.IsNaN(Histogram{}.Quantile(0.5)))
}

// A scan that goes on from another finds what one over all tables does, and the
// other stays as it was, for however many go on from it.
func TestScansGoOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var all []Block
	for h := range 8 {
		c := one(random(rng, 40))
		all = append(all, BuildHour(hour.Add(time.Duration(h)*time.Hour), c)...)
	}
	say := func(s *Scan) (out []string) {
		for _, g := range s.Groups() {
			line := fmt.Sprint(g.Values, g.N)
			for lo := range s.Steps {
				for hi := lo + 1; hi <= s.Steps && s.Sets; hi++ {
					n, exact := g.Distinct(lo, hi)
					line += fmt.Sprint(" ", n, exact)
				}
			}
			out = append(out, line)
		}
		slices.Sort(out)
		return out
	}
	for i := range 60 {
		cube := []Cube{Services, Codes, Endpoints}[rng.IntN(3)]
		var blocks []Block
		for _, b := range all {
			if b.Cube == cube {
				blocks = append(blocks, b)
			}
		}
		index := &Index{}
		from := rng.IntN(len(blocks))
		fresh := func() *Scan {
			s := &Scan{By: []Dim{Family}, Steps: 4, Sets: cube != Endpoints, Index: index, Where: map[Dim]func(string) bool{Role: func(v string) bool { return v == "primary" }}}
			if i%2 == 0 {
				s.Keep = func(v []string) bool { return v[0] != "us" }
			}
			return s
		}
		add := func(s *Scan, blocks []Block) *Scan {
			for k := range blocks {
				step := int(blocks[k].Start.Sub(hour)/time.Hour) / 2
				s.Add(cube, &blocks[k].Table, func(uint16) int { return step })
			}
			return s
		}
		want := say(add(fresh(), blocks))
		base := add(fresh(), blocks[:from])
		was := say(add(fresh(), blocks[:from]))
		base.End()
		t.Run("", func(t *testing.T) {
			for range 3 {
				t.Run("", func(t *testing.T) {
					t.Parallel()
					s := fresh()
					s.Base = base
					assert.Equal(t, want, say(add(s, blocks[from:])))
				})
			}
		})
		assert.Equal(t, was, say(base))
	}
}

// What was estimated once is estimated anew where a scan goes on from it, and stays
// what it was for the others.
func TestEstimatesGoOn(t *testing.T) {
	of := func(from, to int) *Table {
		c := &Counted{}
		c.SetAll(map[Dim]string{Role: "primary", Family: "us", Code: "boom"})
		for i := from; i < to; i++ {
			c.Set(Customer, fmt.Sprint("customer ", i))
			c.Errors(0, 1)
			c.Customers(0, 1)
		}
		for _, b := range BuildHour(hour, c) {
			if b.Cube == Codes {
				return &b.Table
			}
		}
		return nil
	}
	count := func(s *Scan) (out [3]int64) {
		g := s.Groups()[0]
		for i, span := range [][2]int{{0, 1}, {1, 2}, {0, 2}} {
			out[i], _ = g.Distinct(span[0], span[1])
		}
		return out
	}
	at := func(step int) func(uint16) int { return func(uint16) int { return step } }
	index := &Index{}
	base := &Scan{By: []Dim{Code}, Steps: 2, Sets: true, Index: index}
	base.Add(Codes, of(0, 3000), at(0))
	base.Add(Codes, of(0, 500), at(1))
	base.End()
	first := count(base)
	for range 2 {
		on := &Scan{By: []Dim{Code}, Steps: 2, Sets: true, Index: index, Base: base}
		on.Add(Codes, of(2000, 9000), at(1))
		scratch := &Scan{By: []Dim{Code}, Steps: 2, Sets: true}
		scratch.Add(Codes, of(0, 3000), at(0))
		scratch.Add(Codes, of(0, 500), at(1))
		scratch.Add(Codes, of(2000, 9000), at(1))
		assert.Equal(t, count(scratch), count(on))
		assert.Greater(t, count(on)[2], first[2])
		assert.Equal(t, first, count(base))
	}
}
