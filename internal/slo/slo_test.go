package slo

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/rollup"
	"errata/internal/stats"
)

func TestCheck(t *testing.T) {
	o, err := SLO{Service: " billing ", Method: "post", Endpoint: "/v1/charges ", Objective: 99.95, WindowDays: 7}.Check()
	require.NoError(t, err)
	assert.Equal(t, SLO{Service: "billing", Method: "POST", Endpoint: "/v1/charges", Objective: 99.95, WindowDays: 7}, o)
	assert.Equal(t, "billing POST /v1/charges", o.Scope())
	assert.Equal(t, "99.95%", Percent(o.Objective))
	assert.Equal(t, "billing in production", SLO{Service: "billing", Environment: "production"}.Scope())
	for _, objective := range []float64{50, 66.667, 99, 99.9, 99.99, 99.999} {
		_, err := SLO{Service: "billing", Objective: objective, WindowDays: 90}.Check()
		require.NoError(t, err, objective)
	}

	for field, list := range map[string][]SLO{
		"service":     {{}, {Service: " "}, {Service: "a\nb"}, {Service: strings.Repeat("x", maxName+1)}, {Service: "\xff"}},
		"environment": {{Service: "a", Environment: "b\x00"}},
		"endpoint":    {{Service: "a", Endpoint: "/" + strings.Repeat("x", maxEndpoint)}},
		"method":      {{Service: "a", Method: "GET", Objective: 99}, {Service: "a", Endpoint: "/x", Method: strings.Repeat("G", maxMethod+1)}},
		"objective": {{Service: "a"}, {Service: "a", Objective: -1}, {Service: "a", Objective: 100}, {Service: "a", Objective: 99.9999}, {Service: "a", Objective: 49.9},
			{Service: "a", Objective: math.NaN()}, {Service: "a", Objective: math.Inf(1)}, {Service: "a", Objective: 99.1234}},
		"window_days": {{Service: "a", Objective: 99}, {Service: "a", Objective: 99, WindowDays: -1}, {Service: "a", Objective: 99, WindowDays: 91}},
	} {
		for _, o := range list {
			_, err := o.Check()
			require.Error(t, err, "%+v", o)
			f := fault.Of(err)
			assert.Equal(t, "validation_failed", f.Code)
			assert.Equal(t, field, f.Details["field"], "%+v", o)
			assert.Contains(t, f.Message, "The '"+field+"' field ")
		}
	}
}

// Many objectives share questions, all of which roll-ups can answer.
func TestSurvey(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	whole := func(service, environment string, days int) SLO {
		return SLO{Service: service, Environment: environment, Objective: 99, WindowDays: days}
	}
	of := func(method, endpoint string) SLO {
		return SLO{Service: "a", Method: method, Endpoint: endpoint, Objective: 99, WindowDays: 28}
	}
	slos := []SLO{whole("a", "", 28), whole("a", "production", 28), whole("b", "", 7), of("POST", "/x"), of("", "/x"), whole("c", "", 28)}
	s := NewSurvey(slos)
	questions := s.Questions(now)
	require.Len(t, questions, 9, "those with 28 days, those with 7, and the endpoints of a; each over three periods")
	answers := make([]stats.Answer, len(questions))
	for i, q := range questions {
		_, err := stats.NewPlan(q, now)
		require.NoError(t, err)
		switch {
		case q.By[0] == rollup.Method:
			assert.Equal(t, "a", q.Filter.Service)
			answers[i].Series = []stats.Series{{Labels: []string{"POST", "/x"}, Errors: 1, Requests: 100}, {Labels: []string{"GET", "/x"}, Errors: 2, Requests: 300}, {Labels: []string{"GET", "/y"}, Errors: 4, Requests: 4}}
		case q.Filter.To.Sub(q.Filter.From) == 7*24*time.Hour:
			answers[i].Series = []stats.Series{{Labels: []string{"b", "production"}, Errors: 5, Requests: 100}}
		case i < 3: // not those beside the seven days
			answers[i].Series = []stats.Series{{Labels: []string{"a", "production"}, Errors: 1, Requests: 1000}, {Labels: []string{"a", "staging"}, Errors: 29, Requests: 1000}}
		}
	}
	list := s.Read(answers)
	require.Len(t, list, len(slos))
	var left []float64
	for i := range list {
		assert.Equal(t, slos[i], list[i].SLO)
		if list[i].Counted() {
			left = append(left, math.Round(list[i].Left()*1000)/1000)
		} else {
			assert.True(t, math.IsNaN(list[i].Left()), "nothing is said without requests")
			left = append(left, -99)
		}
	}
	assert.Equal(t, []float64{-.5, .9, -4, 0, .25, -99}, left)
	assert.InDelta(t, 1.5, list[0].Burn(list[0].Hour), 1e-9)
	assert.True(t, math.IsNaN(list[2].Burn(list[2].Hour)), "nothing was counted in this hour")
	assert.Equal(t, 1.0, Part{Failures: 3, Requests: 2}.Rate(), "no more can fail than there are")
	assert.Empty(t, NewSurvey(nil).Questions(now))
}
