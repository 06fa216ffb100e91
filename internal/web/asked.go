package web

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/stats"
)

// reply is a question of a page and its answer.
type reply struct {
	question stats.Question
	stats.Answer
	// Why says why there is no answer: roll-ups do not tell apart what the filter
	// names. The panel says so; the others are answered all the same.
	Why   string
	aside bool
}

// asked are the questions of a page. They are answered together, as of one
// moment and by one read.
type asked struct {
	replies []*reply
}

func (a *asked) ask(q stats.Question) *reply {
	r := &reply{question: q}
	a.replies = append(a.replies, r)
	return r
}

// aside asks what is not about the page's filter: for its pickers.
func (a *asked) aside(q stats.Question) *reply {
	r := a.ask(q)
	r.aside = true
	return r
}

// narrow is a question about less: terms of the query language.
func narrow(q stats.Question, terms string) stats.Question {
	q.Filter.Query = terms + " " + q.Filter.Query
	return q
}

// answer reads all that can be answered. Errors: a fault of kind Unprocessable
// about the filter where it makes no sense, or where nothing at all can be
// answered with it.
func (w *web) answer(ctx context.Context, ws int32, now time.Time, a *asked) error {
	var questions []stats.Question
	var open []*reply
	var refused error
	some := false // of what the page is about
	for _, r := range a.replies {
		if _, err := stats.NewPlan(r.question, now); err != nil {
			f := fault.Of(err)
			if f.Code != "unsupported_combination" {
				return err
			}
			r.Why, refused = refusal(r.question, now), err
			continue
		}
		some = some || !r.aside
		questions, open = append(questions, r.question), append(open, r)
	}
	if refused != nil && !some {
		return refused
	}
	answers, err := w.Store.Stats(ctx, ws, now, questions...)
	if err != nil {
		return err
	}
	for i, r := range open {
		r.Answer = answers[i]
	}
	return nil
}

// refusal says for readers why roll-ups have no answer, and whether they had one
// about a single service.
func refusal(q stats.Question, now time.Time) string {
	if q.Filter.Service == "" {
		q.Filter.Service = "any"
		if _, err := stats.NewPlan(q, now); err == nil {
			return "With this filter it is not counted over all services. Choose one service to see it."
		}
	}
	return "It is not counted with this filter."
}

// one is the only series of an answer without By; nil without an answer.
func (r *reply) one() *stats.Series {
	if r.Why != "" || len(r.Series) == 0 {
		return nil
	}
	return &r.Series[0]
}

// total is the number of an answer without By; 0 without one.
func (r *reply) total() float64 {
	if s := r.one(); s != nil {
		return s.Total
	}
	return 0
}

// over are values without those of buckets that are not: a line that falls at
// its end would look like news.
func (r *reply) over(values []float64) []float64 {
	out := slices.Clone(values)
	for i := range out {
		if r.Step > 0 && r.From.Add(time.Duration(i+1)*r.Step).After(r.CompleteUntil) {
			out[i] = math.NaN()
		}
	}
	return out
}

// labels are the values of the answer's first dimension.
func (r *reply) labels() []string {
	var out []string
	for _, s := range r.Series {
		out = append(out, s.Labels[0])
	}
	return out
}

// uncovered says of how much of the failures a rate is, where that is not all.
func (r *reply) uncovered() string {
	if r.NoTotals || !(r.Covered < .98) {
		return ""
	}
	return fmt.Sprintf("Rates are of the services whose requests are counted: %s of the failures.", percent(r.Covered))
}

// timed tells the browser how long the database took.
func timed(c *gin.Context, since time.Time) {
	c.Writer.Header().Add("Server-Timing", fmt.Sprintf("db;dur=%.1f", float64(time.Since(since).Microseconds())/1000))
}

// problem is what to tell about a mistake in the address, and with which
// status; other errors are returned.
func problem(err error) (string, int, error) {
	if err == nil {
		return "", http.StatusOK, nil
	}
	if f := fault.Of(err); f.Kind == fault.Unprocessable {
		return f.Message, http.StatusUnprocessableEntity, nil
	}
	return "", 0, err
}
