package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/store"
)

// incidentPage is what is known of an incident, in the order in which whoever was
// woken up asks.
type incidentPage struct {
	frame
	One       incidentRow
	Path      string
	Phase     string // firing for 6 min
	Why       string
	Ended     string // how it ended
	Facts     []fact
	Runbook   string
	Chart     panel
	Rankings  []ranking
	Parts     []partRow
	Samples   []listRow
	All       string
	Tell      string
	Log       []act
	Similar   []incidentRow
	Votes     []voteButton
	Precision string
	Rule      *link // what changes it
	Decides   bool
	Accept    bool // it can be accepted as normal
	Problem   string
	Share     string // its address, for others who sign in
	Asked     string // what a link in a message asks for: ack, silence or vote
	Silenced  []silenceLine
	Silence   *silenceDeed // nil where it cannot be silenced, or is by one of its own
	Own       *ownTrouble  // where it is about Errata itself
}

type partRow struct {
	Name, Path, State, Why string
	Errors, Peak           string
	Started                moment
}

type voteButton struct {
	Value, Label string
	Chosen       bool
}

func (w *web) incident(c *gin.Context) error {
	ref, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return w.showIncident(c, http.StatusOK, ref, nil)
}

// linkedIncident is where messages lead: they know the ID.
func (w *web) linkedIncident(c *gin.Context) error {
	ref, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := w.Store.Incident(c.Request.Context(), member(c).Workspace, ref)
	if err != nil {
		return err
	}
	to := incidentPath(&d.Record)
	if q := c.Request.URL.RawQuery; q != "" {
		to += "?" + q
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// showIncident shows an incident, with what stood against a change of it.
func (w *web) showIncident(c *gin.Context, status int, ref string, refused *fault.Fault) error {
	ctx, login := c.Request.Context(), member(c)
	d, err := w.Store.Incident(ctx, login.Workspace, ref)
	if err != nil {
		return err
	}
	page := w.incidentPage(&d)
	page.frame, page.Decides = w.frame(c, page.One.Name+" "+d.Title, "alerts"), login.Decides
	page.Description = page.Phase + ". " + page.One.Now + ". " + page.Why
	page.Share = w.base(c) + page.Path
	if refused != nil {
		page.Problem = refused.Message
	}
	if do := c.Query("do"); c.Request.Method == http.MethodGet && login.Decides && (do == "vote" || do == "ack" && d.Open() && d.AckedAt == nil) {
		page.Asked = do
	}
	rules, err := w.Store.Rules(ctx, login.Workspace)
	if err != nil {
		return err
	}
	page.Rule = lessSensitive(rules, d.RuleID)
	if err := w.fillSilenced(c, &d, &page); err != nil {
		return err
	}
	if err := w.fillIncident(c, &d, &page); err != nil {
		return err
	}
	return w.render(c, status, "incident", page)
}

func (w *web) incidentPage(d *incident.Detail) incidentPage {
	now := w.Now()
	p := incidentPage{One: w.incidentRow(&d.Record), Path: incidentPath(&d.Record), Why: incident.Explain(&d.Why), Runbook: d.Facts.Runbook, Tell: incident.ForCustomers(&d.Record),
		Similar: w.incidentRows(d.Similar), Accept: d.Acceptable(now)}
	p.Phase = p.One.State + " for " + p.One.Lasted
	if !d.Open() {
		p.Phase = "over, lasted " + p.One.Lasted
		p.Ended = endedWords(&d.Record)
	}
	for _, v := range incident.Votes {
		p.Votes = append(p.Votes, voteButton{string(v), map[incident.Vote]string{incident.Useful: "Yes", incident.Noisy: "Too noisy", incident.Late: "Too late"}[v], v == d.Useful})
	}
	if v := votesOf(d.Precision); d.Precision.Votes() > 0 {
		p.Precision = "Of the rule “" + v.Name + "” " + v.Precision + " of " + v.Votes + " votes in 90 days say that it was useful."
	}
	p.Facts = incidentFacts(d)
	if p.Own = ownOf(d); p.Own != nil {
		p.Facts = ownFacts(d)
	}
	for i := range d.Members {
		m := &d.Members[i]
		row := partRow{Name: m.Name, Path: pathOfService(m.Service), State: m.State.String(), Why: incident.Explain(&m.Why), Errors: grouped(m.Errors), Peak: none, Started: w.moment(m.StartedAt.Time)}
		switch {
		case p.Own != nil:
			row.Path = ""
		case m.Endpoint != "":
			row.Path = pathOfEndpoint(m.Service, m.Method, m.Endpoint)
		case m.Code != "":
			row.Path = pathOfCode(m.Service, m.Code)
		}
		if m.Peak > 0 {
			row.Peak = percent(m.Peak)
		}
		if m.Normal {
			row.State = "accepted as normal"
		}
		p.Parts = append(p.Parts, row)
	}
	for i := range d.Events {
		e := &d.Events[i]
		p.Log = append(p.Log, act{w.moment(e.At.Time), e.Actor, happenedWords(e), ""})
	}
	return p
}

// failuresFact is what is counted anew where that can be.
const failuresFact = "Failures"

func incidentFacts(d *incident.Detail) []fact {
	var out []fact
	if d.Service != "" {
		out = append(out, fact{"Service", d.Service, pathOfService(d.Service)})
	} else {
		out = append(out, fact{"Provider", d.Provider, "/events?" + query("q", "provider:"+d.Provider)})
	}
	if d.Environment != "" {
		out = append(out, fact{"Environment", d.Environment, ""})
	}
	if d.Facts.Customers > 0 {
		out = append(out, fact{"Customers", grouped(d.Facts.Customers), ""})
	}
	out = append(out, fact{failuresFact, grouped(max(d.Errors, d.Why.Errors)), ""})
	if d.Peak > 0 {
		out = append(out, fact{"Peak", percent(d.Peak) + " of requests", ""})
	}
	out = append(out, fact{"Noticed after", catalog.Span(max(d.OpenedAt.Sub(d.StartedAt.Time), 0)), ""})
	if f := d.Facts.Deploy; f != nil {
		out = append(out, fact{"Deploy", afterDeploy(&d.Record), pathOfRelease(d.Service, d.Environment, f.Release)})
	}
	return out
}

func endedWords(r *incident.Record) string {
	switch r.Reason {
	case detect.ReasonMissing:
		return "It ended because no data comes any more."
	case detect.ReasonAccepted:
		return r.ResolvedBy + " said that this is how it is now."
	case incident.ReasonByHand:
		if r.Own() {
			return r.ResolvedBy + " ended it. It comes back if it gets worse, or once it was well."
		}
		return r.ResolvedBy + " ended it. It comes back if it gets worse, or fails anew within 30 minutes."
	case incident.ReasonRule:
		return "It ended because its rule was switched off."
	}
	return "It ended by itself."
}

// happenedWords tells a line of the timeline; who did it stands before.
func happenedWords(e *incident.Happened) string {
	switch e.Kind {
	case "fired":
		return "a rule held, the incident began"
	case "escalated":
		return "got louder"
	case "reopened":
		return "came back"
	case "recovering":
		return "recovering: clear for some minutes"
	case "relapsed":
		return "not clear after all"
	case "stale":
		return "no data comes in any more"
	case "revived":
		return "data comes in again"
	case "resolved":
		switch {
		case e.Text == "accepted":
			return "accepted it as normal"
		case e.Actor != "":
			return "ended it"
		}
		return "over"
	case "joined":
		return e.Part + " fails as well"
	case "left":
		return e.Part + " is well again"
	case "told":
		return "message: " + e.Text
	case "muted":
		return "no message: " + e.Text
	case "acknowledged":
		return "sees to it"
	case "voted":
		return "said that it was " + usefulWords[incident.Vote(e.Text)]
	}
	return e.Kind
}

// decideIncident does what a form asks for, and leads back to where it was.
func (w *web) decideIncident(c *gin.Context) error {
	ref, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	ctx, login, now := c.Request.Context(), member(c), w.Now()
	switch c.PostForm("do") {
	case "ack":
		err = w.Store.AckIncident(ctx, login.Actor, login.Workspace, ref, now)
	case "resolve":
		err = w.Store.ResolveIncident(ctx, login.Actor, login.Workspace, ref, store.Resolution{At: now, AcceptAsNormal: c.PostForm("normal") != ""})
	case "silence":
		err = w.silenceIncident(c, ref)
	case "unsilence":
		_, err = w.Store.EndSilence(ctx, login.Actor, login.Workspace, now, c.PostForm("silence"))
	case "vote":
		err = w.Store.VoteIncident(ctx, login.Actor, login.Workspace, ref, incident.Vote(c.PostForm("vote")), now)
	default:
		err = invalid("Choose what to do.")
	}
	if f := fault.Of(err); err != nil {
		switch f.Kind {
		case fault.Unprocessable:
			return w.showIncident(c, http.StatusUnprocessableEntity, ref, f)
		case fault.Conflict:
			return w.showIncident(c, http.StatusConflict, ref, f)
		}
		return err
	}
	to := "/alerts"
	if c.PostForm("back") != to {
		to = c.Request.URL.EscapedPath()
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// familyQuery are the families that count for a series of a family.
func familyQuery(r *incident.Record) string {
	if r.Family == detect.Limits.String() {
		return "family:" + string(event.FamilyLimits)
	}
	return ours
}
