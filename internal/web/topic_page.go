package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/stats"
)

// topicNames are the templates of pages of topics.
var topicNames = []string{"topic", "release", "unseen"}

// topicPage is what pages of topics have in common; each leaves out what it has
// no use for.
type topicPage struct {
	frame
	Kind, Heading string
	Facts         []fact
	Naming        *naming  // of a customer
	Says          []string // what one should know before reading on
	Tell          string   // what to say to a customer
	Entry         *entry   // what the catalogue says
	Views         []link   // of a list
	Files         []link   // to take the catalogue along as, and to make it from
	Controls      controls
	Refresh       int
	Problem       string
	AsOf          asOf
	Quiet         *quiet
	Tiles         []tile
	Panels        []panel
	Rankings      []ranking
	Latest        []listRow
	LatestNote    string
	All           string // where all failures of the topic are; "" for no list at all
	NoTotals      bool
	Collector     string
	Objectives    *objectives
	Silenced      []silenceLine
	Refused       *fault.Fault // why what was asked for on the page was not done
}

// quiet says that nothing happened in the period, and when something did.
type quiet struct {
	First  bool   // nothing has ever been reported
	Last   string // the day of the last failure; "" for none
	Kept   int
	Chosen []link // what the page is narrowed by, each leading to it without
	Wider  []link
}

func (w *web) topicPage(c *gin.Context, kind, heading, at string) *topicPage {
	return &topicPage{frame: w.frame(c, heading, at), Kind: kind, Heading: heading, Collector: w.CollectorURL}
}

// show renders a page of a topic: the fill reads and fills it, unless there was
// a mistake in the address, which is said on the page.
func (w *web) showTopic(c *gin.Context, t *topic, page *topicPage, err error, fill func() error) error {
	page.Refresh = t.refresh
	if t.values["refresh"] != "" {
		page.Reload = t.refresh
	}
	if err == nil {
		began := time.Now()
		err = fill()
		timed(c, began)
	}
	if c.Writer.Written() { // with something else
		return err
	}
	if err == nil {
		err = w.callByName(c, page.Rankings)
	}
	var status int
	if page.Problem, status, err = problem(err); err != nil {
		return err
	}
	if page.Refused != nil && status == http.StatusOK {
		status = edge.Status(page.Refused.Kind)
	}
	if page.Controls.Path == "" {
		page.Controls = t.controls()
	}
	return w.render(c, status, "topic", page)
}

// read answers the topic's questions. of is the one that says whether there is
// anything: if not, the page says since when there is not, and read is false. A
// topic that nobody has seen within what is kept is a 404, with a page that helps.
func (w *web) read(c *gin.Context, t *topic, page *topicPage, failures, requests *reply) (bool, error) {
	ctx, ws := c.Request.Context(), member(c).Workspace
	if err := w.answer(ctx, ws, t.now, &t.asked); err != nil {
		return false, err
	}
	collectors, err := w.Store.Collectors(ctx)
	if err != nil {
		return false, err
	}
	page.AsOf = t.asOf(failures, collectors)
	if failures.Why != "" || failures.sum() > 0 || requests != nil && requests.total() > 0 {
		return true, w.overlay(ctx, ws, t.view)
	}
	page.Quiet, err = w.quiet(c, t)
	return false, err
}

// sum is over all series.
func (r *reply) sum() (n float64) {
	for i := range r.Series {
		n += r.Series[i].Total
	}
	return n
}

// quiet looks at all that is kept of the topic, whatever else the page is
// narrowed by.
func (w *web) quiet(c *gin.Context, t *topic) (*quiet, error) {
	o, err := w.Store.Overview(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return nil, err
	}
	out := &quiet{First: o.Newest.IsZero(), Kept: o.RetentionDays}
	for _, name := range filterNames {
		if value := t.page.values[name]; value != "" && name != "from" && name != "to" {
			out.Chosen = append(out.Chosen, link{Label: name + " " + value, Path: t.page.with(name, "")})
		}
	}
	last, err := w.lastSeen(c, t, o.RetentionDays)
	if err != nil || last.IsZero() {
		return out, err
	}
	out.Last = last.Format("2 January")
	for _, r := range []struct {
		label  string
		length time.Duration
	}{{"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"30d", 30 * 24 * time.Hour}} {
		if last.After(t.now.Add(-r.length-24*time.Hour)) && r.length > t.length() {
			out.Wider = append(out.Wider, link{Label: r.label, Path: t.page.with("from", "now-"+r.label, "to", "")})
		}
	}
	return out, nil
}

// lastSeen is the day on which the topic failed last, or was last asked for;
// zero for not within what is kept.
func (w *web) lastSeen(c *gin.Context, t *topic, days int) (time.Time, error) {
	about := *t.view
	about.values = map[string]string{}
	for name, value := range t.values {
		if t.page.values[name] != value { // the subject
			about.values[name] = value
		}
	}
	if err := about.read(); err != nil {
		return time.Time{}, err
	}
	q := about.question(stats.Errors)
	q.Step, q.Filter.To = 24*time.Hour, t.now
	q.Filter.From = t.now.Add(-time.Duration(max(days, 9)) * 24 * time.Hour)
	a := &asked{}
	failures := a.ask(q)
	q.Measure = stats.Requests
	requests := a.ask(q)
	if err := w.answer(c.Request.Context(), member(c).Workspace, t.now, a); err != nil {
		return time.Time{}, err
	}
	var last time.Time
	for _, r := range []*reply{failures, requests} {
		if s := r.one(); s != nil {
			for i, at := range r.Points() {
				if i < len(s.Values) && s.Values[i] > 0 && at.After(last) {
					last = at
				}
			}
		}
	}
	return last, nil
}

// known reports whether a topic was seen within what is kept.
func (q *quiet) known() bool { return q == nil || q.Last != "" }

// unseenPage says that nobody has seen what an address names.
type unseenPage struct {
	frame
	Kind, Name string
	Kept       int
	Near       []link // that are written alike
	Places     []link // to go on from
	Collector  string
	First      bool
}

func (w *web) unseen(c *gin.Context, q *quiet, kind, name string, near []link, places ...link) error {
	page := unseenPage{frame: w.frame(c, "Not seen", ""), Kind: kind, Name: name, Kept: q.Kept, First: q.First, Collector: w.CollectorURL, Near: near,
		Places: slices.Concat(places, []link{{Label: "all failures", Path: "/events"}})}
	return w.render(c, http.StatusNotFound, "unseen", page)
}

// newest is the first of the latest failures, for what roll-ups do not know.
func newest(list []event.Event) *event.Event {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}
