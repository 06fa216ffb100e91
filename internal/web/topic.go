package web

import (
	"maps"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// topic is the view of a page about something with a name: a service, a code, a
// customer. Its own view is narrowed to that, and so are the questions and links
// made of it; the page's controls are of the address, which has the name already.
type topic struct {
	*view
	asked
	page                   *view
	services, environments *reply // for the pickers
}

const latestRows = 20

// newTopic reads the address of a page that shows the last period where the
// address has none. subject are pairs of a parameter of the list of failures and
// its value; an empty value is "has none". After a mistake in the address the
// topic still has controls.
func (w *web) newTopic(c *gin.Context, path, period string, subject ...string) (*topic, error) {
	v, _ := w.newView(c, path, 0) // read again below
	if v.values["from"] == "" && v.values["to"] == "" {
		v.values["from"] = "now-" + period
	}
	inner := *v
	inner.values = maps.Clone(v.values)
	for i := 0; i+1 < len(subject); i += 2 {
		v.values[subject[i]] = ""
		if inner.values[subject[i]] = subject[i+1]; subject[i+1] == "" {
			inner.values["q"] = joined("-"+subject[i]+":*", inner.values["q"])
		}
	}
	t := &topic{view: &inner, page: v}
	if err := v.read(); err != nil {
		return t, err
	}
	if err := inner.read(); err != nil {
		return t, err
	}
	t.services, t.environments = t.choices(rollup.Service), t.choices(rollup.Environment)
	return t, nil
}

// choices are all values of the period, whatever the page is narrowed to.
func (t *topic) choices(by rollup.Dim) *reply {
	q := stats.Question{Measure: stats.Errors, Whole: true, Limit: 10_000, By: []rollup.Dim{by}}
	q.Filter = event.Filter{From: t.filter.From, To: t.filter.To}
	return t.ask(q)
}

// over asks how something went; versus also how it went the time before; most
// for the largest over the whole time.
func (t *topic) over(m stats.Measure, by ...rollup.Dim) stats.Question {
	q := t.question(m)
	q.By = by
	return q
}

func (t *topic) versus(m stats.Measure, by ...rollup.Dim) stats.Question {
	q := t.over(m, by...)
	q.Compare = t.compare
	return q
}

func most(q stats.Question, limit int) stats.Question {
	q.Whole, q.Limit = true, limit
	return q
}

// controls are the page's, with the services that can be picked. Nothing else is
// offered where the topic belongs to one service.
func (t *topic) controls() controls {
	if t.services == nil { // a mistake in the address
		return t.page.controls(nil, nil)
	}
	return t.page.controls(t.services.labels(), t.environments.labels())
}

// fixed is controls of a topic that belongs to one service.
func (t *topic) fixed(service string) controls {
	c := t.controls()
	c.Services = []choice{{Label: service, Chosen: true}}
	return c
}

// about is another topic in the same period and environment, and nothing more:
// what else this one is narrowed by may make no sense there.
func (v *view) about(path string) string {
	var pairs []string
	for _, name := range filterNames {
		if !slices.Contains([]string{"from", "to", "environment"}, name) {
			pairs = append(pairs, name, "")
		}
	}
	return v.to(path, pairs...)
}

// deploysOf are the newest deploys up to the end of the period, and for at least
// the month before, so that there is a release to compare.
func (w *web) deploysOf(c *gin.Context, t *topic) ([]store.Deploy, error) {
	f := store.DeployFilter{Service: t.filter.Service, Environment: t.filter.Environment, From: t.filter.From, To: t.filter.To}
	if month := t.filter.To.Add(-30 * 24 * time.Hour); f.From.After(month) {
		f.From = month
	}
	return w.Store.Deploys(c.Request.Context(), member(c).Workspace, f)
}

// latest are the newest failures of the topic. They are looked for only where
// roll-ups know of some, since finding none takes longest.
func (w *web) latest(c *gin.Context, t *topic) ([]event.Event, error) {
	f := t.filter
	if f.Role == "" {
		f.Role = event.Primary
	}
	found, err := w.Store.Events(c.Request.Context(), member(c).Workspace, f, latestRows, "")
	return found.Events, err
}
