package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	ql "errata/internal/query"
)

// silencePage is the form of a silence, or of a maintenance window.
type silencePage struct {
	frame
	Tabs, Kinds     []link
	Action          string
	Window, Edit    bool
	Matches, Times  []silenceField
	Reason          silenceField
	All, AskAll     bool // it is to match everything; that has to be said
	Problem         string
	Words, When     string // what is typed, in words
	Next            []moment
	Preview         *silencePreview
	Services, Zones []string
	Environments    []string
}

// silenceField is a field of a form, with what stood against its value.
type silenceField struct {
	Name, Label, Value, Hint, Placeholder string
	Kind                                  string // of the input: text, datetime-local, number
	List                                  string // of values that it may have
	Options                               []choice
	Problem                               string
	Required                              bool
}

// Note is the field's ID of what is said about it; "" for nothing.
func (f silenceField) Note() string {
	if f.Hint+f.Problem == "" {
		return ""
	}
	return f.Name + "-note"
}

// silencePreview is what a silence would have muted.
type silencePreview struct {
	Said string
	Rows []mutedRow
	More bool
}

type mutedRow struct {
	Name, Title, Path, Level string
	Opened                   moment
	Muted, Told              int
}

// showSilence shows the form as it was filled in, with what stood against it, or
// what it would have done.
func (w *web) showSilence(c *gin.Context, in typedSilence, id string, refused *fault.Fault, preview *silencePreview) error {
	window := in["kind"] == "window"
	title, action := "New silence", silencesPath+"/new"
	switch {
	case id != "" && window:
		title, action = "Change the maintenance window", silencesPath+"/"+url.PathEscape(id)
	case id != "":
		title, action = "Change the silence", silencesPath+"/"+url.PathEscape(id)
	case window:
		title = "New maintenance window"
	}
	page := silencePage{frame: w.frame(c, title, "alerts"), Tabs: tabs(silencesPath), Action: action, Window: window, Edit: id != "", Preview: preview, All: in["all"] != "", Zones: someZones}
	if id == "" {
		about := query("environment", in["environment"], "service", in["service"], "method", in["method"], "endpoint", in["endpoint"], "code", in["code"], "customer", in["customer"], "family", in["family"], "rule_id", in["rule_id"])
		page.Kinds = []link{{Label: "Once", Path: action + "?" + about, Chosen: !window}, {Label: "Again and again", Path: action + "?" + strings.TrimPrefix(about+"&kind=window", "&"), Chosen: window}}
	}
	status, where := http.StatusOK, ""
	if refused != nil {
		status = http.StatusUnprocessableEntity
		if refused.Kind == fault.Conflict {
			status = http.StatusConflict
		}
		where, _ = refused.Details["field"].(string) //nolint:errcheck // where it is none, it is said at the top
		page.AskAll = where == "service" && in["service"] == ""
	}
	rules, err := w.Store.Rules(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	pick := []choice{{Label: "any"}}
	names := namesOfRules{}
	for i := range rules {
		names[rules[i].ID] = rules[i].Name
		pick = append(pick, choice{rules[i].ID, rules[i].Name, rules[i].ID == in["rule_id"]})
	}
	if gone := in["rule_id"]; gone != "" && names[gone] == "" { // not "any", which is more
		pick = append(pick, choice{gone, "one that is gone", true})
	}
	page.Matches, page.Times, page.Reason = silenceMatches(in, pick), silenceTimes(in, id != ""), silenceReason(in)
	if refused != nil && !page.place(where, atField(where, refused.Message)) {
		page.Problem = refused.Message
	}
	w.offerPlaces(c, &page)
	w.inWords(&page, in, names)
	return w.render(c, status, "silence", page)
}

// atField is what stands against a field, said where the field is: there it needs
// no name, and others have those that people read.
func atField(name, message string) string {
	if rest, ok := strings.CutPrefix(message, "The '"+name+"' field "); ok {
		message = "This " + rest
	}
	return strings.NewReplacer("'starts_at'", "the start", "'ends_at'", "the end").Replace(message)
}

// place puts what stood against a field at that field.
func (p *silencePage) place(name, message string) bool {
	for _, list := range [][]silenceField{p.Matches, p.Times} {
		for i := range list {
			if list[i].Name == name {
				list[i].Problem = message
				return true
			}
		}
	}
	if name == p.Reason.Name {
		p.Reason.Problem = message
		return true
	}
	return false
}

// offerPlaces gives names to choose from; they are not worth an error.
func (w *web) offerPlaces(c *gin.Context, page *silencePage) {
	for _, o := range []struct {
		field ql.Field
		into  *[]string
	}{{ql.Service, &page.Services}, {ql.Environment, &page.Environments}} {
		values, err := w.Store.Values(c.Request.Context(), member(c).Workspace, o.field, "", offeredPlaces)
		if err != nil {
			w.Logger.WarnContext(c.Request.Context(), "no suggestions", "error", err)
		}
		*o.into = values
	}
}

// inWords says what was typed, where that makes sense.
func (w *web) inWords(page *silencePage, in typedSilence, rules namesOfRules) {
	now := w.Now()
	s, err := in.read(now, true)
	if err == nil {
		s, err = s.Check(now)
	}
	if err != nil {
		return
	}
	page.Words, page.When = s.What(rules[s.RuleID]), s.When()
	for _, t := range s.Next(now, nextWindows) {
		page.Next = append(page.Next, w.moment(t))
	}
}
