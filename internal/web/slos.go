package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/slo"
	"errata/internal/stats"
)

// aims are objectives that a page is about, and what it asks to know how they
// fare.
type aims struct {
	survey  *slo.Survey
	replies []*reply
}

func (a *asked) aim(list []slo.SLO, now time.Time) aims {
	out := aims{survey: slo.NewSurvey(list)}
	for _, q := range out.survey.Questions(now) {
		out.replies = append(out.replies, a.aside(q))
	}
	return out
}

// read is how they fare, once the page's questions are answered.
func (a aims) read() []slo.Status {
	answers := make([]stats.Answer, len(a.replies))
	for i, r := range a.replies {
		answers[i] = r.Answer
	}
	return a.survey.Read(answers)
}

// aimAt asks about the objectives within the page's service and environment,
// and notes whose objective is not the default.
func (d *dashboard) aimAt(all []slo.SLO) {
	var list []slo.SLO
	d.held = map[string]bool{}
	for _, o := range all {
		d.held[o.Service] = d.held[o.Service] || o.Whole()
		if (d.filter.Service == "" || o.Service == d.filter.Service) && (d.filter.Environment == "" || o.Environment == "" || o.Environment == d.filter.Environment) {
			list = append(list, o)
		}
	}
	d.aims = d.aim(list, d.now)
}

// objectives is the part of a page that shows the objectives of a service or an
// endpoint, and the form that sets them.
type objectives struct {
	Action       string
	Rows         []budgetRow
	Environments []string
	Decides      bool
	Whole        bool // a service's page
	Problem      string
	// What was typed, where it could not be taken.
	Objective, Days, Environment string
}

// topicAims are what a page of a topic asks: about the objectives that are shown
// on it, after which comes the default where a service has none of its own.
type topicAims struct {
	aims
	about slo.SLO // the service or endpoint
}

func (w *web) askAims(c *gin.Context, t *topic, about slo.SLO) (topicAims, error) {
	all, err := w.Store.SLOs(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return topicAims{}, err
	}
	var list []slo.SLO
	held := false
	for _, o := range all {
		held = held || o.Service == about.Service && o.Whole()
		if o.Service == about.Service && (about.Whole() || o.Endpoint == about.Endpoint && (o.Method == "" || o.Method == about.Method)) {
			list = append(list, o)
		}
	}
	if about.Whole() && !held {
		list = append(list, slo.SLO{Service: about.Service, Environment: t.filter.Environment, Objective: w.SLO, WindowDays: slo.DefaultDays})
	}
	return topicAims{t.aim(list, t.now), about}, nil
}

// fillAims shows the objectives, and those figures in the page's head that are
// about what the page shows.
func (w *web) fillAims(c *gin.Context, t *topic, a topicAims, page *topicPage) {
	o := &objectives{Action: t.page.with(), Decides: member(c).Decides, Whole: a.about.Whole(), Days: itoa(slo.DefaultDays), Environments: t.environments.labels()}
	if page.Refused != nil {
		o.Problem, o.Objective, o.Days, o.Environment = page.Refused.Message, c.PostForm("objective"), c.PostForm("days"), c.PostForm("environment")
	}
	var head *slo.Status
	list := a.read()
	for i := range list {
		s := &list[i]
		row := budgetOf(s)
		if row.Name = strings.TrimSpace(s.Method + " " + s.Endpoint); s.Whole() {
			row.Name = "Whole service"
		} else if s.Method != "" && o.Whole {
			row.Path = t.about(pathOfEndpoint(s.Service, s.Method, s.Endpoint))
		}
		row.Detail = joinedWith(" · ", environmentOf(s), objectiveWords(s.SLO))
		o.Rows = append(o.Rows, row)
		if s.Whole() == o.Whole && (head == nil || nearer(s, head, t.filter.Environment)) {
			head = s
		}
	}
	page.Objectives = o
	if head != nil {
		page.Facts = append(page.Facts, headFacts(head)...)
	}
}

// nearer reports whether an objective is more about an environment ("" for all)
// than another.
func nearer(s, than *slo.Status, environment string) bool {
	fits := func(s *slo.Status) int {
		switch s.Environment {
		case environment:
			return 2
		case "":
			return 1
		}
		return 0
	}
	return fits(s) > fits(than)
}

// headFacts are the objective's in the head of a page.
func headFacts(s *slo.Status) []fact {
	name := "SLO"
	if s.ID != "" && s.Environment != "" {
		name += " in " + s.Environment
	}
	out := []fact{{name, objectiveWords(s.SLO), "#slos"}}
	if why := s.Why(); why != "" {
		return append(out, fact{"Budget", why, ""})
	}
	left := percent(max(s.Left(), 0))
	if s.Left() <= 0 {
		left = "none"
	}
	return append(out, fact{"Budget left", left, ""}, fact{"Burn 1 h, 6 h", burnCell(s, s.Hour).Text + ", " + burnCell(s, s.SixHours).Text, ""})
}

// decideService and decideEndpoint do what the form of the page asks for, and
// lead back to it.
func (w *web) decideService(c *gin.Context) error {
	service, err := nameOf(c.Param("service"))
	if err != nil {
		return err
	}
	return w.decideAim(c, slo.SLO{Service: service}, w.showService)
}

func (w *web) decideEndpoint(c *gin.Context) error {
	about, err := endpointAsked(c)
	if err != nil {
		return err
	}
	if !hasName(about) {
		return invalid("What is counted together here is no endpoint of its own. Set an objective for the service.")
	}
	return w.decideAim(c, about, w.showEndpoint)
}

func (w *web) decideAim(c *gin.Context, about slo.SLO, show func(*gin.Context, *fault.Fault) error) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	if err := w.carryOutAim(c, about); err != nil {
		switch f := fault.Of(err); f.Kind {
		case fault.Unprocessable, fault.Conflict, fault.NotFound:
			return show(c, f)
		}
		return err
	}
	c.Redirect(http.StatusSeeOther, c.Request.URL.RequestURI()+"#slos")
	return nil
}

func (w *web) carryOutAim(c *gin.Context, o slo.SLO) error {
	ctx, login := c.Request.Context(), member(c)
	switch c.PostForm("do") {
	case "remove":
		return w.Store.RemoveSLO(ctx, login.Actor, login.Workspace, c.PostForm("id"))
	case "set":
	default:
		return invalid("Choose what to do.")
	}
	typed := strings.Replace(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(c.PostForm("objective")), "%")), ",", ".", 1)
	objective, err := strconv.ParseFloat(typed, 64)
	if err != nil {
		return invalid("The objective must be a percentage, such as 99.5.")
	}
	if o.WindowDays, err = number("number of days", c.PostForm("days")); err != nil {
		return err
	}
	o.WindowDays = cmp.Or(o.WindowDays, slo.DefaultDays)
	o.Objective, o.Environment = objective, c.PostForm("environment")
	_, err = w.Store.SetSLO(ctx, login.Actor, login.Workspace, o)
	return err
}

// joinedWith leaves out what is empty.
func joinedWith(separator string, parts ...string) string {
	return strings.Join(said(parts), separator)
}
