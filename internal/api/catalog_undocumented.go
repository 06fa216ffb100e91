package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// undocumentedDays is how far back codes without an entry are looked for.
const undocumentedDays = 30

// undocumentedCode is a code that was seen and has no entry.
type undocumentedCode struct {
	Code      string       `json:"code"`
	Family    event.Family `json:"family"`
	Failures  int64        `json:"failures"`
	Customers *float64     `json:"customers"` // null where they are not counted so finely
	LastSeen  event.Time   `json:"last_seen"` // the beginning of that day
}

// undocumented lists the codes that people have met and nobody has written about,
// the most frequent first.
func (a *api) undocumented(c *gin.Context) error {
	p, err := query(c, "service", "limit")
	if err != nil {
		return err
	}
	limit, _, err := p.page()
	if err != nil {
		return err
	}
	ctx, ws, now := c.Request.Context(), workspace(c), a.Now()
	book, err := a.Store.Catalog(ctx, ws)
	if err != nil {
		return err
	}
	q := stats.Question{Measure: stats.Errors, By: []rollup.Dim{rollup.Family, rollup.Code}, Step: 24 * time.Hour, Limit: 10_000}
	q.Filter = event.Filter{Service: p["service"], From: now.Add(-undocumentedDays * 24 * time.Hour), To: now}
	who := q
	who.Measure, who.Whole, who.Step = stats.Customers, true, 0
	answers, err := a.Store.Stats(ctx, ws, now, q, who)
	if err != nil {
		return err
	}
	out := struct {
		From  event.Time         `json:"from"`
		To    event.Time         `json:"to"`
		Codes []undocumentedCode `json:"codes"`
		More  int                `json:"more"`
	}{event.Time{Time: answers[0].From}, event.Time{Time: answers[0].To}, []undocumentedCode{}, answers[0].More}
	days := answers[0].Points()
	for _, s := range answers[0].Series {
		switch {
		case s.Total <= 0 || book.Documented(p["service"], s.Labels[1]):
			continue
		case len(out.Codes) == limit:
			out.More++
			continue
		}
		row := undocumentedCode{Code: s.Labels[1], Family: event.Family(s.Labels[0]), Failures: int64(s.Total)}
		for _, w := range answers[1].Series {
			if slices.Equal(w.Labels, s.Labels) {
				row.Customers = number(w.Total)
			}
		}
		for i, n := range s.Values {
			if n > 0 && i < len(days) {
				row.LastSeen.Time = days[i]
			}
		}
		out.Codes = append(out.Codes, row)
	}
	return reply(c, http.StatusOK, out)
}
