package web

import (
	"math"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/store"
)

// whyAbsent says why there is nothing under an ID.
func (w *web) whyAbsent(a store.Absence) string {
	switch a.Reason {
	case store.Rejected:
		return "A report with this ID came in " + w.moment(a.RejectedAt).Human + " and was rejected: " + a.Message + " (" + a.Because + ")"
	case store.ProbablyExpired:
		why := "It was probably reported on " + a.Day
		if at := w.moment(a.ExpiredAt); !a.ExpiredAt.After(w.Now()) {
			return why + ", and expired on " + at.Human + "."
		}
		return why + ", and has expired since." // sooner than the setting says: it was longer then
	case store.Thinned:
		return a.WhyThinned()
	default:
		return "No failure with this ID has been reported."
	}
}

// reachRow is how far the data of an environment goes.
type reachRow struct {
	Environment string
	Newest      moment
	Lag         string
}

func (w *web) reach(c *gin.Context) (out []reachRow, err error) {
	list, err := w.Store.Reach(c.Request.Context(), member(c).Workspace)
	for _, r := range list {
		row := reachRow{Environment: r.Environment, Newest: w.moment(r.NewestAt.Time), Lag: "not known: its newest failure is too old"}
		if r.LagSeconds != nil {
			row.Lag = lagWords(*r.LagSeconds)
		}
		out = append(out, row)
	}
	return out, err
}

func lagWords(seconds float64) string {
	if seconds < 1 {
		return "under a second"
	}
	return catalog.Span(time.Duration(math.Round(seconds)) * time.Second)
}
