package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/slo"
	"errata/internal/stats"
	"errata/internal/store"
)

// sloShelf keeps objectives, and counts the requests of billing only.
type sloShelf struct {
	*shelf
	slos []slo.SLO
}

func (s *sloShelf) SLOs(context.Context, int32) ([]slo.SLO, error) { return s.slos, nil }

func (s *sloShelf) SetSLO(_ context.Context, actor store.Actor, _ int32, o slo.SLO) (slo.SLO, error) {
	o, err := o.Check()
	if err != nil {
		return o, err
	}
	o.ID, o.UpdatedBy, o.CreatedAt, o.UpdatedAt = "slo-"+o.Service, actor.Label, event.Time{Time: noon}, event.Time{Time: noon}
	s.slos = append(s.slos, o)
	return o, nil
}

func (s *sloShelf) RemoveSLO(_ context.Context, _ store.Actor, _ int32, id string) error {
	for i := range s.slos {
		if s.slos[i].ID == id {
			s.slos = append(s.slos[:i], s.slos[i+1:]...)
			return nil
		}
	}
	return fault.New(fault.NotFound, "slo_not_found", "There is no such objective.")
}

func (s *sloShelf) Stats(_ context.Context, _ int32, _ time.Time, questions ...stats.Question) ([]stats.Answer, error) {
	out := make([]stats.Answer, len(questions))
	for i, q := range questions {
		out[i] = stats.Answer{From: q.Filter.From, To: q.Filter.To, Series: []stats.Series{{Labels: []string{"billing", "production"}, Errors: 29, Requests: 10_000}}}
	}
	return out, nil
}

func TestSLOs(t *testing.T) {
	keys, _ := newServer(t)
	s := &sloShelf{shelf: keys}
	var out strings.Builder
	opt, ctx := Options{Server: serve(t, s, keys).URL, Key: secret, Out: &out}, t.Context()
	require.NoError(t, ListSLOs(ctx, opt, ""))
	assert.Equal(t, "No objective was set. Every service is held to the default: 99.9% of requests in 28 days.\n", out.String())

	out.Reset()
	require.NoError(t, SetSLO(ctx, opt, slo.SLO{Service: "billing", Environment: "production", Objective: 99, WindowDays: 28}))
	assert.Equal(t, "billing in production: 99% of requests in 28 days; 71.0% of the budget is left.\n", out.String())
	out.Reset()
	require.ErrorContains(t, SetSLO(ctx, opt, slo.SLO{Service: "sea\x1b[31mrch", Objective: 99, WindowDays: 7}), "'service' field must be one line")
	s.slos = append(s.slos, slo.SLO{ID: "slo-search", Service: "sea\x1b[31mrch", Endpoint: "/x", Objective: 99.95, WindowDays: 7, CreatedAt: event.Time{Time: noon}, UpdatedAt: event.Time{Time: noon}})
	require.NoError(t, ListSLOs(ctx, opt, ""))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4, out.String())
	assert.Equal(t, []string{"slo-billing", "billing", "(all)", "production", "99%", "28", "71.0%", "0.3x", "0.3x"}, strings.Fields(lines[1]))
	assert.Contains(t, lines[2], "/x")
	assert.Contains(t, lines[2], "no request totals for /x from ")
	assert.Contains(t, lines[3], "Every other service is held to the default: 99.9%")
	assert.NotContains(t, out.String(), "\x1b")

	out.Reset()
	opt.JSON = true
	require.NoError(t, ListSLOs(ctx, opt, "billing"))
	var list struct{ SLOs []sloAnswer }
	require.NoError(t, json.Unmarshal([]byte(out.String()), &list))
	require.Len(t, list.SLOs, 1)
	assert.Equal(t, "billing", list.SLOs[0].Service)

	require.NoError(t, RemoveSLOs(ctx, opt, []string{"slo-billing"}))
	require.ErrorContains(t, RemoveSLOs(ctx, opt, []string{"slo-billing"}), "404 slo_not_found")
	require.ErrorContains(t, SetSLO(ctx, opt, slo.SLO{Service: "billing", Objective: 100, WindowDays: 28}), "The 'objective' field must be a percentage from 50 to 99.999")
	require.ErrorContains(t, SetSLO(ctx, opt, slo.SLO{Service: "billing", Objective: 99}), "window_days")
}
