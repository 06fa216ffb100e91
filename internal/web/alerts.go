package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/store"
)

// Incidents is what the pages need of the store for incidents.
type Incidents interface {
	Incidents(ctx context.Context, ws int32, f store.IncidentFilter, limit int, cursor string) (store.IncidentPage, error)
	Incident(ctx context.Context, ws int32, ref string) (incident.Detail, error)
	IncidentsOver(ctx context.Context, ws int32, q store.IncidentSpan) ([]incident.Record, error)
	OpenIncidents(ctx context.Context, ws int32) (int, error)
	Pulse(ctx context.Context) (store.Pulse, error)
	AckIncident(ctx context.Context, actor store.Actor, ws int32, ref string, now time.Time) error
	ResolveIncident(ctx context.Context, actor store.Actor, ws int32, ref string, how store.Resolution) error
	VoteIncident(ctx context.Context, actor store.Actor, ws int32, ref string, vote incident.Vote, now time.Time) error
	Precision(ctx context.Context, ws int32) ([]incident.Precision, error)
}

// alertTabs are the pages about alerts.
var alertTabs = []link{{Label: "Firing", Path: "/alerts"}, {Label: "History", Path: "/alerts/history"}, {Label: "Rules", Path: "/alerts/rules"}, {Label: "Silences", Path: silencesPath}, {Label: "Channels", Path: "/alerts/channels"}}

func tabs(path string) []link {
	out := make([]link, len(alertTabs))
	for i, t := range alertTabs {
		t.Chosen = t.Path == path
		out[i] = t
	}
	return out
}

type alertsPage struct {
	frame
	Tabs    []link
	Rows    []incidentRow
	Last    *incidentRow // the newest that is over, where nothing fires
	Decides bool
	Silent  *silencing // how much is silent
}

// incidentRow is an incident in a list.
type incidentRow struct {
	Name, Title, Path  string
	State, Level       string
	Family             event.Family
	Now                string // how bad it is, with its numbers
	Made               string // what it is made of
	Peak, Lasted, Took string
	Customers, Useful  string
	Started, Over      moment
	Acked              string // who sees to it
	Open               bool
	Silenced           []silenceLine // on the list of those that fire
}

// shownOpen is how many incidents the list of those that fire has.
const shownOpen = 100

// alerts lists what fires.
func (w *web) alerts(c *gin.Context) error {
	if !member(c).Reads {
		return w.alertsNow(c)
	}
	ctx, ws := c.Request.Context(), member(c).Workspace
	list, err := w.Store.Incidents(ctx, ws, store.IncidentFilter{States: openStates}, shownOpen, "")
	if err != nil {
		return err
	}
	page := alertsPage{frame: w.frame(c, "Alerts", "alerts"), Tabs: tabs("/alerts"), Rows: w.incidentRows(list.Incidents), Decides: member(c).Decides}
	if err := w.fillSilent(c, list.Incidents, &page); err != nil {
		return err
	}
	if len(page.Rows) == 0 {
		last, err := w.Store.Incidents(ctx, ws, store.IncidentFilter{}, 1, "")
		if err != nil {
			return err
		}
		if rows := w.incidentRows(last.Incidents); len(rows) > 0 {
			page.Last = &rows[0]
		}
	}
	return w.render(c, http.StatusOK, "alerts", page)
}

var openStates = []string{"firing", "recovering", "stale"}

func (w *web) incidentRows(list []incident.Record) []incidentRow {
	out := make([]incidentRow, 0, len(list))
	for i := range list {
		out = append(out, w.incidentRow(&list[i]))
	}
	return out
}

func (w *web) incidentRow(r *incident.Record) incidentRow {
	row := incidentRow{Name: r.Name(), Title: r.Title, Path: incidentPath(r), State: r.State.String(), Level: r.Level.String(), Family: sideOf(r), Now: howBad(r), Made: madeOf(r),
		Peak: peakOf(r), Lasted: catalog.Span(lasted(r, w.Now())), Took: catalog.Span(max(r.OpenedAt.Sub(r.StartedAt.Time), 0)), Customers: none, Useful: usefulWords[r.Useful],
		Started: w.moment(r.StartedAt.Time), Acked: r.AckedBy, Open: r.Open()}
	if r.Facts.Customers > 0 {
		row.Customers = grouped(r.Facts.Customers)
	}
	if r.ResolvedAt != nil {
		row.Over = w.moment(r.ResolvedAt.Time)
	}
	return row
}

func incidentPath(r *incident.Record) string { return "/i/" + itoa(r.Number) }

// sideOf is the family whose colour an incident has.
func sideOf(r *incident.Record) event.Family {
	switch {
	case r.Provider != "":
		return event.FamilyUpstream
	case r.Family == detect.Limits.String():
		return event.FamilyLimits
	}
	return event.FamilyUs
}

var usefulWords = map[incident.Vote]string{incident.Useful: "useful", incident.Noisy: "too noisy", incident.Late: "too late"}

func lasted(r *incident.Record, now time.Time) time.Duration {
	if r.ResolvedAt != nil {
		now = r.ResolvedAt.Time
	}
	return max(now.Sub(r.StartedAt.Time), 0)
}

// peakOf is how bad it got: as a share where requests are counted.
func peakOf(r *incident.Record) string {
	if r.Own() {
		return none
	}
	if r.Peak > 0 {
		return percent(r.Peak)
	}
	return times(max(r.Errors, r.Why.Errors))
}

// howBad is what a rule saw, as messages say it.
func howBad(r *incident.Record) string {
	var parts []string
	w := &r.Why
	switch {
	case r.Own():
		return strings.TrimSuffix(w.Note, ".")
	case w.Rule == detect.Heartbeat:
		parts = append(parts, "no requests")
	case w.Requests > 0:
		parts = append(parts, incident.Percent(w.Rate)+" of requests (usual "+incident.Percent(w.Normal)+")")
		fallthrough
	default:
		parts = append(parts, times(w.Errors)+" in "+itoa(w.Window)+" min")
	}
	switch n := r.Facts.Customers; {
	case n == 1:
		parts = append(parts, "1 customer")
	case n > 1:
		parts = append(parts, grouped(n)+" customers")
	}
	return strings.Join(parts, ", ")
}

// madeOf is where it fails, with what, and after which deploy.
func madeOf(r *incident.Record) string {
	var parts []string
	for i, e := range r.Facts.Endpoints {
		if i < 2 {
			parts = append(parts, joined(e.Method, e.Endpoint)+" "+incident.Percent(e.Share))
		}
	}
	for i, c := range r.Facts.Codes {
		if i < 2 {
			parts = append(parts, c.Name+" "+incident.Percent(c.Share))
		}
	}
	if d := r.Facts.Deploy; d != nil {
		parts = append(parts, afterDeploy(r))
	}
	return strings.Join(parts, " · ")
}

func afterDeploy(r *incident.Record) string {
	if after := r.StartedAt.Sub(r.Facts.Deploy.At.Time); after >= time.Minute {
		return "began " + catalog.Span(after) + " after " + r.Facts.Deploy.Release
	}
	return "began with " + r.Facts.Deploy.Release
}

type historyPage struct {
	frame
	Tabs                 []link
	Service, Environment string
	Families, Levels     []choice
	Rows                 []incidentRow
	Older, Problem       string
	Narrowed             bool
	Rules                []ruleVotes
}

// ruleVotes says how often a rule was worth its message.
type ruleVotes struct {
	Name, Fired, Votes, Precision string
	Change                        *link
}

// history lists incidents, newest first, and how useful their rules are.
func (w *web) history(c *gin.Context) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	f := store.IncidentFilter{Service: strings.TrimSpace(c.Query("service")), Environment: strings.TrimSpace(c.Query("environment")), Family: c.Query("family"), Level: c.Query("level")}
	page := historyPage{frame: w.frame(c, "Incidents", "alerts"), Tabs: tabs("/alerts/history"), Service: f.Service, Environment: f.Environment, Narrowed: f.Service+f.Environment+f.Family+f.Level != "",
		Families: choices(f.Family, "", "5xx and 429", "5xx", "5xx", "429", "429"), Levels: choices(f.Level, "", "all", "page", "page", "ticket", "ticket", "notify", "notify")}
	_, err := newFilter(map[string]string{"service": f.Service, "environment": f.Environment, "level": f.Level + f.Family}, w.Now(), time.UTC)
	var list store.IncidentPage
	if err == nil {
		list, err = w.Store.Incidents(ctx, ws, f, pageSize, c.Query("cursor"))
	}
	var status int
	if page.Problem, status, err = problem(err); err != nil {
		return err
	}
	if page.Rows = w.incidentRows(list.Incidents); list.Next != "" {
		v := url.Values{"cursor": {list.Next}}
		for name, value := range map[string]string{"service": f.Service, "environment": f.Environment, "family": f.Family, "level": f.Level} {
			if value != "" {
				v.Set(name, value)
			}
		}
		page.Older = "/alerts/history?" + v.Encode()
	}
	rules, err := w.Store.Precision(ctx, ws)
	if err != nil {
		return err
	}
	there, err := w.Store.Rules(ctx, ws)
	if err != nil {
		return err
	}
	for _, p := range rules {
		v := votesOf(p)
		v.Change = lessSensitive(there, p.RuleID)
		page.Rules = append(page.Rules, v)
	}
	return w.render(c, status, "history", page)
}

func votesOf(p incident.Precision) ruleVotes {
	out := ruleVotes{Name: p.Rule, Fired: grouped(int64(p.Fired)), Votes: grouped(int64(p.Votes())), Precision: none}
	if n := p.Votes(); n > 0 {
		out.Precision = percent(float64(p.Yes) / float64(n))
	}
	return out
}

// openNow is how many incidents last, for the menu; a menu is not worth an error.
func (w *web) openNow(c *gin.Context) int {
	ctx, cancel := context.WithTimeout(c.Request.Context(), time.Second)
	defer cancel()
	n, err := w.Store.OpenIncidents(ctx, member(c).Workspace)
	if err != nil {
		w.Logger.DebugContext(ctx, "open incidents are not known", "error", err)
	}
	return n
}
