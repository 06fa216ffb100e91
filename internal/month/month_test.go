package month

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/normalize"
)

var begin = time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC) // a Tuesday

func spec(events int64) Spec {
	return Spec{Seed: 1, From: begin, To: begin.AddDate(0, 0, 28), Events: events, Services: 40, Customers: 1000}
}

func tell(t testing.TB, s Spec) (minutes []Minute, all []event.Envelope) {
	t.Helper()
	m, err := New(s)
	require.NoError(t, err)
	for minute := range m.Minutes() {
		minutes = append(minutes, minute)
		all = append(all, minute.Failures...)
	}
	return minutes, all
}

func TestMonthRepeatsItself(t *testing.T) {
	s := spec(20_000)
	m, err := New(s)
	require.NoError(t, err)
	first := slices.Collect(m.Minutes())
	assert.Equal(t, first, slices.Collect(m.Minutes()), "told twice")
	again, _ := tell(t, s)
	assert.Equal(t, first, again, "made twice")
	s.Seed++
	other, _ := tell(t, s)
	assert.NotEqual(t, first, other)
}

func TestMonthIsComplete(t *testing.T) {
	for _, n := range []int64{1, 7, 12_345} {
		minutes, all := tell(t, spec(n))
		assert.Len(t, minutes, 28*24*60)
		assert.Len(t, all, int(n))
	}
	s := spec(100)
	s.Services, s.Customers, s.To = 1, 1, s.From.Add(time.Hour)
	_, all := tell(t, s)
	assert.Len(t, all, 100)
}

func TestMonthIsInOrder(t *testing.T) {
	minutes, all := tell(t, spec(30_000))
	for i, m := range minutes {
		assert.True(t, begin.Add(time.Duration(i)*time.Minute).Equal(m.At))
		for _, env := range m.Failures {
			require.WithinRange(t, env.OccurredAt, m.At, m.At.Add(time.Minute+time.Second))
		}
	}
	ids := map[string]bool{}
	for i := range all {
		ids[all[i].TraceID+all[i].SpanID] = true
	}
	assert.Len(t, ids, len(all), "each is another span")
}

// Whatever is made up is what the pipeline takes as it is.
func TestMonthIsTaken(t *testing.T) {
	_, all := tell(t, spec(20_000))
	families, issues := map[event.Family]float64{}, map[string]bool{}
	for i := range all {
		p, err := normalize.Item(all[i], 1, all[i].OccurredAt)
		require.NoError(t, err)
		ev := &p.Event
		require.Empty(t, ev.Notes)
		require.NotEmpty(t, ev.Message)
		require.False(t, ev.EndpointDerived)
		require.NotEqual(t, event.CanonicalCode("", ev.Status), ev.Code, "each has a code of its own: %s", all[i].Body)
		require.Equal(t, all[i].RequestID, ev.RequestID)
		families[ev.Family]++
		issues[ev.IssueID] = true
	}
	assert.Less(t, len(issues), 6000, "messages are of a bounded set of templates")
	assert.Greater(t, families[event.FamilyCaller], families[event.FamilyLimits])
	assert.Greater(t, families[event.FamilyLimits], families[event.FamilyUs])
	assert.Greater(t, families[event.FamilyUs], families[event.FamilyUpstream]/2)
	assert.Positive(t, families[event.FamilyUpstream])
}

func TestMonthIsSkewed(t *testing.T) {
	m, err := New(spec(100_000))
	require.NoError(t, err)
	services, customers, environments, codes := map[string]int{}, map[string]int{}, map[string]int{}, map[string]bool{}
	releases, traces := map[string]map[string]bool{}, map[string]int{}
	hours, days := make([]int, 24), map[time.Weekday]int{}
	var durations []float64
	for minute := range m.Minutes() {
		for i := range minute.Failures {
			env := &minute.Failures[i]
			services[env.Service]++
			customers[env.Customer]++
			environments[env.Environment]++
			codes[env.ExplicitCode] = true
			traces[env.TraceID]++
			if releases[env.Service] == nil {
				releases[env.Service] = map[string]bool{}
			}
			releases[env.Service][env.Release] = true
			hours[env.OccurredAt.Hour()]++
			days[env.OccurredAt.Weekday()]++
			durations = append(durations, *env.DurationMS)
		}
	}
	byCount := slices.Sorted(maps.Values(services))
	assert.Len(t, services, 40)
	assert.Greater(t, byCount[39], 10*byCount[10], "few services have most")
	assert.Greater(t, slices.Max(slices.Collect(maps.Values(customers))), 20*100_000/len(customers), "and few customers")
	assert.Greater(t, len(customers), 900)
	assert.InDelta(t, 0.93, float64(environments[production])/100_000, 0.03)
	assert.Len(t, codes, len(kinds)+2, "all kinds, the cascade, and none for those with a body")
	for service, versions := range releases {
		assert.GreaterOrEqual(t, len(versions), 6, service)
		assert.LessOrEqual(t, len(versions), 30, service)
	}
	assert.Greater(t, hours[15], 2*hours[3], "nights are quiet")
	assert.Greater(t, days[time.Wednesday], days[time.Sunday]*3/2, "and so are weekends")
	slices.Sort(durations)
	assert.Greater(t, durations[len(durations)*99/100], 10*durations[len(durations)/2], "a long tail")
	several := 0
	for _, n := range traces {
		if n > 1 {
			several++
		}
	}
	assert.Greater(t, several, 500, "trails with more than one service")
}

func TestIncidentsShow(t *testing.T) {
	m, err := New(spec(150_000))
	require.NoError(t, err)
	require.Len(t, m.shape.incidents, 10)
	inside, usual := make([]float64, 10), make([]float64, 10)
	n := 0
	for minute := range m.Minutes() {
		for k, i := range m.shape.incidents {
			if n >= i.from && n < i.to {
				inside[k] += float64(len(minute.Failures))
				usual[k] += m.shape.usually(n, n+1, 150_000)
			}
		}
		n++
	}
	for k, i := range m.shape.incidents {
		assert.Greater(t, inside[k], usual[k]*(1+i.size/2), "%+v", i)
	}
}

// Every total includes the failures of its minutes, and all together have a
// rate as APIs have it.
func TestTotalsAreDenominators(t *testing.T) {
	for _, events := range []int64{3000, 100_000} {
		t.Run(fmt.Sprint(events), func(t *testing.T) {
			m, err := New(spec(events))
			require.NoError(t, err)
			type key struct{ service, method, endpoint string }
			failed, total := map[key]float64{}, map[key]float64{}
			rows := 0
			told := map[string]bool{}
			for minute := range m.Minutes() {
				for i := range minute.Failures {
					if env := &minute.Failures[i]; env.Environment == production {
						failed[key{env.Service, env.Method, env.Endpoint}]++
					}
				}
				for _, r := range minute.Totals {
					rows++
					total[key{r.Service, r.Method, r.Endpoint}] += r.N
					id := fmt.Sprint(r.Series, r.Minute)
					require.False(t, told[id], "a total that comes twice replaces the first: %s", id)
					told[id] = true
					require.Equal(t, math.Trunc(r.N), r.N)
				}
			}
			assert.LessOrEqual(t, rows, max(int(events)/rowsPer, 28*len(m.totals.series)))
			var all, sum float64
			for k, n := range failed {
				require.GreaterOrEqual(t, total[k], n, "%v", k)
				all += n
			}
			for _, n := range total {
				sum += n
			}
			assert.InDelta(t, 0.02, all/sum, 0.015)
		})
	}
}

func TestReleasesGoForward(t *testing.T) {
	m, err := New(spec(1))
	require.NoError(t, err)
	for _, s := range m.world.services {
		assert.False(t, s.releases[0].at.After(begin), "something runs from the beginning")
		for i, r := range s.releases[1:] {
			gap := r.at.Sub(s.releases[i].at)
			assert.GreaterOrEqual(t, gap, 24*time.Hour)
			assert.LessOrEqual(t, gap, 5*24*time.Hour)
		}
		assert.GreaterOrEqual(t, len(s.endpoints), 3)
		assert.LessOrEqual(t, len(s.endpoints), 30)
	}
}

func TestSpecIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"no events": func(s *Spec) { s.Events = 0 }, "too many": func(s *Spec) { s.Events = MaxEvents + 1 }, "no services": func(s *Spec) { s.Services = 0 },
		"services": func(s *Spec) { s.Services = MaxServices + 1 }, "customers": func(s *Spec) { s.Customers = 0 }, "customers too": func(s *Spec) { s.Customers = MaxCustomers + 1 },
		"backwards": func(s *Spec) { s.To = s.From }, "long": func(s *Spec) { s.To = s.From.AddDate(2, 0, 0) }, "seconds": func(s *Spec) { s.From = s.From.Add(time.Second) },
	} {
		s := spec(10)
		change(&s)
		_, err := New(s)
		assert.Error(t, err, name)
	}
	names := map[string]bool{}
	for i := range MaxServices {
		names[serviceName(i)] = true
	}
	assert.Len(t, names, MaxServices)
}

func BenchmarkMonth(b *testing.B) {
	s := spec(int64(b.N) + 1)
	s.Services = 200
	m, err := New(s)
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	for range m.Minutes() { //nolint:revive // telling is what is measured
	}
}
