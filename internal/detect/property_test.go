package detect

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// random makes inputs of days on which much happens: outages, blips, silence,
// missing data, unknown totals, customers.
func random(seed uint64, minutes int) []Input {
	r := rand.New(rand.NewPCG(seed, 2))
	set := Default()
	load, base := []float64{0.5, 10, 300}[r.IntN(3)], []float64{0.0005, 0.01}[r.IntN(2)]
	h := NewHistory(sceneStart, r.IntN(5) > 0)
	inputs := make([]Input, 0, minutes)
	rate, left, missing, one, family := base, 0, 0, false, Family(r.IntN(2)) //nolint:gosec // two of them
	var b Baseline
	for m := sceneStart; len(inputs) < minutes; m++ {
		if left--; left < 0 {
			rate, left, one = base, r.IntN(120), r.IntN(3) == 0
			if r.IntN(2) == 0 {
				rate, left = r.Float64(), r.IntN(40)
			}
		}
		s := Sample{Minute: m, Counts: Counts{Requests: int64(load + r.Float64())}}
		for range s.Requests {
			if r.Float64() < rate {
				s.Errors++
			}
		}
		if s.Errors > 0 {
			s.Customers, s.Top = 1+s.Errors/2, 2
			if one {
				s.Customers, s.Top = 1, s.Errors
			}
		}
		if !h.totals {
			s.Requests = Unknown
		}
		h.Add(s)
		if m%5 == 0 {
			b = Learn(h.Past(m), &set)
		}
		if missing--; r.IntN(300) == 0 {
			missing = r.IntN(40)
		}
		in := Input{Baseline: b, Family: family, Missing: missing > 0, NewCode: r.IntN(500) == 0}
		h.Fill(&in, m)
		in.Customers.TopName = []string{"acme", "globex"}[r.IntN(2)]
		inputs = append(inputs, in)
	}
	return inputs
}

func text(t *testing.T, v any) string {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// A process that dies at any minute, and another that reads what it stored, see
// what one process would have seen; and a minute that comes twice changes nothing.
func TestResumeAnywhereAndAgain(t *testing.T) {
	set := Default()
	set.CountPages = true
	kinds := map[Kind]int{}
	for seed := range uint64(10) {
		inputs := random(seed, 3000)
		r := rand.New(rand.NewPCG(seed, 3))
		var straight, resumed State
		for i := range inputs {
			before := text(t, straight)
			next, want := Evaluate(straight, &inputs[i], &set)
			require.Equal(t, before, text(t, straight), "Evaluate changed what it was given")
			straight = next

			if r.IntN(4) == 0 {
				raw, err := MarshalState(resumed)
				require.NoError(t, err)
				require.Less(t, len(raw), 2000, "a state is small")
				resumed, err = ReadState(raw)
				require.NoError(t, err)
			}
			lost, _ := Evaluate(resumed, &inputs[i], &set) // not stored
			stored, got := Evaluate(resumed, &inputs[i], &set)
			require.Equal(t, text(t, lost), text(t, stored))
			resumed = stored
			again, none := Evaluate(resumed, &inputs[i], &set)
			require.Empty(t, none)
			require.Equal(t, text(t, resumed), text(t, again))

			require.Equal(t, text(t, want), text(t, got), "seed %d minute %d", seed, i)
			for _, tr := range want {
				kinds[tr.Kind]++
			}
		}
	}
	for k := range kindNames {
		assert.Positive(t, kinds[Kind(k)], "%s never happened: the test says little", kindNames[k])
	}
}

// The life of an incident has an order, whatever comes in.
func TestLifeOfIncidents(t *testing.T) {
	set := Default()
	for seed := range uint64(10) {
		var s State
		for _, in := range random(seed+100, 3000) {
			before := s
			var out []Transition
			s, out = Evaluate(s, &in, &set)
			from := before.Phase
			for _, tr := range out {
				if from == Resolved && tr.From == OK {
					from = OK // forgotten after half an hour
				}
				require.Equal(t, from, tr.From)
				from = tr.To
				switch tr.Kind {
				case Fired, Escalated, Reopened:
					require.Equal(t, Firing, tr.To)
					require.NotEqual(t, Quiet, tr.Level)
					require.LessOrEqual(t, tr.Started, tr.Minute)
					require.NotNil(t, tr.Why)
				case Ended:
					require.Equal(t, Resolved, tr.To)
					require.NotEmpty(t, tr.Reason)
				}
			}
			require.True(t, from == s.Phase || (from == Resolved && s.Phase == OK))
			require.Equal(t, s.Phase == OK, s.Baseline == nil, "frozen while it lasts")
		}
	}
}

// However few requests there are: fewer than eight errors within an hour page
// nobody.
func TestNoPageBelowMinimumErrors(t *testing.T) {
	set := Default()
	set.CountPages = true
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		var in Input
		in.Minute = sceneStart
		in.Baseline = Baseline{Rate: r.Float64() * 0.01, Requests: r.Float64(), Minutes: 1440, Count: 0.02}
		for i := range in.Last {
			if in.Last[i].Requests = int64(r.IntN(3)); r.IntN(4) == 0 {
				in.Last[i].Requests = Unknown
			}
		}
		for range r.IntN(8) {
			in.Last[r.IntN(1+r.IntN(Hour))].Errors++
		}
		_, out := Evaluate(State{}, &in, &set)
		for _, tr := range out {
			require.Less(t, tr.Level, Page, "%+v", in)
		}
	}
}

// More errors never make it clear, and never take a breach away.
func TestMoreErrorsAreNotBetter(t *testing.T) {
	set := Default()
	for seed := range uint64(10) {
		for _, in := range random(seed+200, 1500) {
			if in.Family == Limits {
				continue // more of one customer's is less broad
			}
			in.Customers, in.Missing = Customers{}, false
			less := judge(&in, &in.Baseline, &set)
			worse := in
			for i := range worse.Last {
				if c := &worse.Last[i]; c.Requests > c.Errors {
					c.Errors = min(c.Requests, c.Errors+1+c.Requests/4)
				} else if c.Requests == Unknown {
					c.Errors += 3
				}
			}
			more := judge(&worse, &worse.Baseline, &set)
			require.GreaterOrEqual(t, more.v.level, less.v.level)
			if more.v.clear {
				require.True(t, less.v.clear)
			}
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	set := Default()
	inputs := random(3, 3000)
	var s State
	for i := 0; b.Loop(); i++ {
		in := &inputs[i%len(inputs)]
		in.Minute = sceneStart + Minute(i)
		s, _ = Evaluate(s, in, &set)
	}
}

func BenchmarkLearn(b *testing.B) {
	set := Default()
	h := NewHistory(sceneStart, true)
	for m := sceneStart; m < sceneStart+9*1440; m++ {
		h.Add(Sample{Minute: m, Counts: Counts{Errors: int64(m % 3), Requests: 300}})
	}
	p := h.Past(h.last)
	for b.Loop() {
		Learn(p, &set)
	}
}
