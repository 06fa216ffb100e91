package api

import (
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/stats"
)

var statsParams = append([]string{"measure", "by", "compare", "limit"}, slices.DeleteFunc(slices.Clone(filterParams), func(p string) bool { return p == "issue" })...)

// statsSeries are numbers over time.
func (a *api) statsSeries(c *gin.Context) error {
	q, err := a.question(c, append(statsParams, "step")...)
	if err != nil {
		return err
	}
	answer, err := a.ask(c, q)
	if err != nil {
		return err
	}
	out := statsReply{statsHead: headOf(q, &answer), Series: []seriesReply{}}
	times := answer.Points()
	for _, s := range answer.Series {
		row := seriesReply{Labels: labels(q.By, s.Labels), Points: points(times, s.Values), Total: number(s.Total)}
		if s.Before != nil {
			row.Before, row.TotalBefore, row.Change = points(times, s.Before), number(s.TotalBefore), number(s.Change())
		}
		out.Series = append(out.Series, row)
	}
	return reply(c, http.StatusOK, out)
}

// statsTop are the largest numbers over a whole period.
func (a *api) statsTop(c *gin.Context) error {
	q, err := a.question(c, statsParams...)
	if err != nil {
		return err
	}
	q.Whole = true
	answer, err := a.ask(c, q)
	if err != nil {
		return err
	}
	out := topReply{statsHead: headOf(q, &answer), Rows: []topRow{}}
	for _, s := range answer.Series {
		row := topRow{Labels: labels(q.By, s.Labels), Value: number(s.Total)}
		if s.Before != nil {
			row.Before, row.Change = number(s.TotalBefore), number(s.Change())
		}
		if q.Measure == stats.Rate {
			row.Errors, row.Requests = number(s.Errors), number(s.Requests)
		}
		out.Rows = append(out.Rows, row)
	}
	return reply(c, http.StatusOK, out)
}

// statsHeatmap is a row of numbers over time for each of the largest.
func (a *api) statsHeatmap(c *gin.Context) error {
	q, err := a.question(c, append(statsParams, "step")...)
	if err != nil {
		return err
	}
	if len(q.By) == 0 {
		q.By = []rollup.Dim{rollup.Service, rollup.Endpoint}
	}
	answer, err := a.ask(c, q)
	if err != nil {
		return err
	}
	out := heatmapReply{statsHead: headOf(q, &answer), Columns: []event.Time{}, Rows: []heatmapRow{}}
	for _, t := range answer.Points() {
		out.Columns = append(out.Columns, event.Time{Time: t})
	}
	for _, s := range answer.Series {
		row := heatmapRow{Labels: labels(q.By, s.Labels), Total: number(s.Total)}
		for _, v := range s.Values {
			row.Values = append(row.Values, number(v))
			if !math.IsNaN(v) {
				out.Max = max(out.Max, v)
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return reply(c, http.StatusOK, out)
}

func (a *api) ask(c *gin.Context, q stats.Question) (stats.Answer, error) {
	answers, err := a.Store.Stats(c.Request.Context(), workspace(c), a.Now(), q)
	if err != nil {
		return stats.Answer{}, err
	}
	return answers[0], nil
}

// question reads the parameters. Without a period it is about the last 24 hours.
func (a *api) question(c *gin.Context, known ...string) (q stats.Question, err error) {
	p, err := query(c, known...)
	if err != nil {
		return q, err
	}
	now := a.Now()
	if q.Filter, err = p.filter(now); err != nil {
		return q, err
	}
	if q.Filter.To.IsZero() {
		q.Filter.To = now
	}
	if q.Filter.From.IsZero() {
		q.Filter.From = q.Filter.To.Add(-24 * time.Hour)
	}
	q.Measure, q.Compare = stats.Measure(p["measure"]), stats.Compare(p["compare"])
	if q.Measure == "" {
		q.Measure = stats.Errors
	}
	for name := range strings.SplitSeq(p["by"], ",") {
		d, ok := rollup.DimOf(name)
		switch {
		case p["by"] == "":
		case !ok:
			return q, invalid("by", "knows service, environment, endpoint, method, status, code, family, customer, release, provider and role")
		default:
			q.By = append(q.By, d)
		}
	}
	if v := p["limit"]; v != "" {
		if q.Limit, err = strconv.Atoi(v); err != nil || q.Limit < 1 || q.Limit > 200 {
			return q, invalid("limit", "must be a number from 1 to 200")
		}
	}
	q.Step, err = step(p["step"])
	return q, err
}

var stepForm = regexp.MustCompile(`^([1-9][0-9]{0,3})([mhd])$`)

func step(v string) (time.Duration, error) {
	if v == "" {
		return 0, nil
	}
	m := stepForm.FindStringSubmatch(v)
	if m == nil {
		return 0, invalid("step", "must be minutes, hours or days, such as 5m, 1h or 1d")
	}
	n, err := strconv.Atoi(m[1])
	return time.Duration(n) * ql.Units[m[2]], err
}

// statsHead is what answers have in common.
type statsHead struct {
	Measure       stats.Measure `json:"measure"`
	From          event.Time    `json:"from"`
	To            event.Time    `json:"to"`
	Step          string        `json:"step,omitempty"`
	CompleteUntil event.Time    `json:"complete_until"`
	// Exact is false where distinct customers are an estimate.
	Exact bool `json:"exact"`
	// Covered is the share of failures whose requests are counted; null where it
	// says nothing.
	Covered *float64 `json:"covered,omitempty"`
	// NoTotals: no requests are counted, so that there are no rates.
	NoTotals bool `json:"no_totals,omitempty"`
	More     int  `json:"more"`
}

type (
	statsReply struct {
		statsHead
		Series []seriesReply `json:"series"`
	}
	seriesReply struct {
		Labels      map[string]string `json:"labels"`
		Points      [][2]any          `json:"points"`
		Total       *float64          `json:"total"`
		Before      [][2]any          `json:"before,omitempty"`
		TotalBefore *float64          `json:"total_before,omitempty"`
		Change      *float64          `json:"change,omitempty"`
	}
	topReply struct {
		statsHead
		Rows []topRow `json:"rows"`
	}
	topRow struct {
		Labels   map[string]string `json:"labels"`
		Value    *float64          `json:"value"`
		Errors   *float64          `json:"errors,omitempty"`
		Requests *float64          `json:"requests,omitempty"`
		Before   *float64          `json:"before,omitempty"`
		Change   *float64          `json:"change,omitempty"`
	}
	heatmapReply struct {
		statsHead
		Columns []event.Time `json:"columns"`
		Max     float64      `json:"max"`
		Rows    []heatmapRow `json:"rows"`
	}
	heatmapRow struct {
		Labels map[string]string `json:"labels"`
		Values []*float64        `json:"values"`
		Total  *float64          `json:"total"`
	}
)

func headOf(q stats.Question, a *stats.Answer) statsHead {
	h := statsHead{Measure: q.Measure, From: event.Time{Time: a.From}, To: event.Time{Time: a.To}, CompleteUntil: event.Time{Time: a.CompleteUntil},
		Exact: a.Exact, NoTotals: a.NoTotals, More: a.More}
	if a.Step > 0 {
		h.Step = stats.StepText(a.Step)
	}
	h.Covered = number(a.Covered)
	return h
}

func labels(by []rollup.Dim, values []string) map[string]string {
	out := map[string]string{}
	for i, d := range by {
		out[d.String()] = values[i]
	}
	return out
}

// points pairs times with numbers; null is no data.
func points(times []time.Time, values []float64) [][2]any {
	out := make([][2]any, len(times))
	for i, t := range times {
		out[i] = [2]any{event.Time{Time: t}, number(values[i])}
	}
	return out
}

func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
