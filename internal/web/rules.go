package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/ruleset"
	"errata/internal/store"
)

// Rules is what the pages need of the store for rules.
type Rules interface {
	Rules(ctx context.Context, ws int32) ([]ruleset.Rule, error)
	SaveRule(ctx context.Context, actor store.Actor, ws int32, r ruleset.Rule) (ruleset.Rule, error)
	RemoveRule(ctx context.Context, actor store.Actor, ws int32, id string) error
	ReplayRule(ctx context.Context, ws int32, r ruleset.Rule, span store.ReplaySpan) (store.Replayed, error)
	Channels(ctx context.Context, ws int32) ([]store.Channel, error)
}

func (w *web) ruleRoutes(member *gin.RouterGroup) {
	member.GET(rulesPath, edge.Handle(w.rules))
	member.GET(rulesPath+"/complete", edge.Handle(w.completeRules))
	member.GET(rulesPath+"/export", edge.Handle(w.exportRules))
	member.GET(rulesPath+"/import", edge.Handle(w.importForm))
	member.POST(rulesPath+"/import", edge.Handle(w.importRules))
	member.GET(rulesPath+"/new", edge.Handle(w.newRule))
	member.POST(rulesPath+"/new", edge.Handle(w.decideRule))
	member.GET(rulesPath+"/:rule", edge.Handle(w.rule))
	member.POST(rulesPath+"/:rule", edge.Handle(w.decideRule))
}

const rulesPath = "/alerts/rules"

// ruleNames are the templates of these pages.
var ruleNames = []string{"rules", "rule", "rules_import"}

type rulesPage struct {
	frame
	Tabs    []link
	Rows    []ruleRow
	Groups  []numberGroup // what every rule has, unless it says otherwise
	Alone   bool          // there is only the rule that every workspace has, as it is from the start
	Decides bool
	Done    string
}

// ruleRow is a rule in the list.
type ruleRow struct {
	Name, Path, Query  string
	Sensitivity, Level string
	Tells, Numbers     string
	Default, Off       bool
	Changed            moment
	By                 string
	Useful, Fired      string // of the incidents that it found in 90 days
}

// rules lists the rules.
func (w *web) rules(c *gin.Context) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	list, err := w.Store.Rules(ctx, ws)
	if err != nil {
		return err
	}
	channels, err := w.Store.Channels(ctx, ws)
	if err != nil {
		return err
	}
	votes, err := w.Store.Precision(ctx, ws)
	if err != nil {
		return err
	}
	page := rulesPage{frame: w.frame(c, "Rules of alerts", "alerts"), Tabs: tabs(rulesPath), Decides: member(c).Decides, Done: ruleDone(c.Query("done"))}
	var numbers ruleForm
	numbers.numbers(ruleset.Default())
	page.Groups = numbers.Groups
	page.Alone = len(list) == 1 && list[0].Same(ruleset.Default())
	for _, r := range list {
		row := ruleRow{Name: r.Name, Path: rulePath(r), Query: r.Query, Sensitivity: string(r.Sensitivity), Level: r.Level, Tells: tells(r, channels), Default: r.IsDefault(), Off: !r.Enabled, By: r.UpdatedBy,
			Useful: none, Fired: "0"}
		if n := len(r.Advanced); n > 0 {
			row.Numbers = plural(n, "number", "numbers") + " of its own"
		}
		if !r.UpdatedAt.IsZero() {
			row.Changed = w.moment(r.UpdatedAt.Time)
		}
		for _, p := range votes {
			if p.RuleID == r.ID {
				v := votesOf(p)
				row.Fired, row.Useful = v.Fired, v.Precision
			}
		}
		page.Rows = append(page.Rows, row)
	}
	return w.render(c, http.StatusOK, "rules", page)
}

func tells(r ruleset.Rule, channels []store.Channel) string {
	if len(r.Channels) == 0 {
		return "all channels"
	}
	var names []string
	for _, id := range r.Channels {
		name := "a channel that is gone"
		for _, ch := range channels {
			if ch.ID == id {
				name = ch.Name
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func ruleDone(what string) string {
	switch what {
	case "saved":
		return "Saved. It judges from the next minute on."
	case "removed":
		return "Removed. What it had found ends."
	case "reset":
		return "Reset to what every workspace begins with."
	case "applied":
		return "Applied. The rules are those of the file."
	}
	return ""
}

// rulePath is where a rule is edited: by its name, or where that is the name of a
// page, by its ID.
func rulePath(r ruleset.Rule) string {
	if slices.Contains([]string{"new", "import", "export", "complete", ".", ".."}, r.Name) {
		return rulesPath + "/" + r.ID
	}
	return rulesPath + "/" + url.PathEscape(r.Name)
}

// ruleCalled finds a rule by its name or ID.
func (w *web) ruleCalled(c *gin.Context, ref string) (ruleset.Rule, error) {
	list, err := w.Store.Rules(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return ruleset.Rule{}, err
	}
	for _, by := range []func(ruleset.Rule) string{func(r ruleset.Rule) string { return r.Name }, func(r ruleset.Rule) string { return r.ID }} {
		for _, r := range list {
			if by(r) == ref {
				return r, nil
			}
		}
	}
	return ruleset.Rule{}, fault.New(fault.NotFound, "rule_not_found", "There is no rule called '%s'; somebody may have removed or renamed it.", cut(ref, 100))
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func (w *web) completeRules(c *gin.Context) error { return w.offer(c, ql.Rules) }

// lessSensitive is where a rule is made so, for links beside what it found.
func lessSensitive(rules []ruleset.Rule, id string) *link {
	for _, r := range rules {
		if r.ID != id {
			continue
		}
		at := slices.Index(ruleset.Sensitivities, string(r.Sensitivity))
		if at < 1 { // there is nothing below
			return &link{Label: "Change the rule “" + r.Name + "”", Path: rulePath(r)}
		}
		return &link{Label: "Make “" + r.Name + "” less sensitive", Path: rulePath(r) + "?" + url.Values{"sensitivity": {cmp.Or(ruleset.Sensitivities[at-1], "low")}}.Encode()}
	}
	return nil
}
