package web

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
	"errata/internal/thin"
)

// Thinning is what the pages need of the store for thinning rules.
type Thinning interface {
	ThinningRules(ctx context.Context, ws int32) ([]thin.Rule, error)
	SetThinningRule(ctx context.Context, actor store.Actor, ws int32, r thin.Rule) (thin.Rule, error)
	RemoveThinningRule(ctx context.Context, actor store.Actor, ws int32, name string) error
	ThinnedBy(ctx context.Context, ws int32, from, to time.Time) ([]string, error)
	PlanThinning(ctx context.Context, ws int32, r thin.Rule, now time.Time) (store.ThinningPlan, error)
}

const (
	thinningPath    = "/settings/thinning"
	maxThinningForm = 16 << 10
)

type thinningPage struct {
	frame
	Done, Problem string
	Rules         []thinningRow
	Full          bool // no more rules
	Form          thinningForm
	Plan          *thinningPreview
}

type thinningRow struct {
	Name, Match, Keeps string
	Path, Matched      string // to change it; what it matches
	Enabled            bool
	By                 string
	At                 moment
}

type thinningForm struct {
	Had                    string // the name of the rule that is changed; "": a new one
	Name, Match, Keep, Age string
	Off                    bool
	Wrong                  map[string]string
	MinDays, MaxKeep       int
}

// Problem is what is wrong with a field.
func (f thinningForm) Problem(name string) string { return f.Wrong[name] }

// thinningPreview is what a rule would let go now.
type thinningPreview struct{ Says, Note string }

func (w *web) thinning(c *gin.Context) error {
	page := thinningPage{Form: thinningForm{Keep: itoa(thin.DefaultKeep), Age: itoa(thin.MinDays)}}
	switch c.Query("done") {
	case "saved":
		page.Done = "Saved. The next run of retention, within the hour, goes by it."
	case "removed":
		page.Done = "Removed. What the rule has let go stays gone, and is still said to have been."
	}
	rules, err := w.Store.ThinningRules(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Name == c.Query("rule") {
			page.Form = thinningForm{Had: r.Name, Name: r.Name, Match: r.Match, Keep: itoa(r.Keep), Age: itoa(r.AfterDays), Off: !r.Enabled}
		}
	}
	return w.showThinning(c, http.StatusOK, page, rules)
}

func (w *web) showThinning(c *gin.Context, status int, page thinningPage, rules []thin.Rule) error {
	for _, r := range rules {
		page.Rules = append(page.Rules, thinningRow{Name: r.Name, Match: r.Match, Keeps: keepsWords(r), Path: thinningPath + "?" + query("rule", r.Name), Matched: "/events?" + query("q", r.Match),
			Enabled: r.Enabled, By: r.UpdatedBy, At: w.moment(r.UpdatedAt.Time)})
	}
	page.Full = len(rules) >= thin.MaxRules
	page.Form.MinDays, page.Form.MaxKeep = thin.MinDays, thin.MaxKeep
	page.frame = w.frame(c, "Thinning", "settings")
	return w.render(c, status, "thinning", page)
}

func keepsWords(r thin.Rule) string {
	return grouped(int64(r.Keep)) + " of each issue and hour, after " + plural(r.AfterDays, "day", "days")
}

// decideThinning previews a rule, saves one, turns one on or off, or takes one away.
func (w *web) decideThinning(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxThinningForm)
	ctx, login := c.Request.Context(), member(c)
	rules, err := w.Store.ThinningRules(ctx, login.Workspace)
	if err != nil {
		return err
	}
	switch c.PostForm("do") {
	case "remove":
		if err := w.Store.RemoveThinningRule(ctx, login.Actor, login.Workspace, c.PostForm("name")); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		c.Redirect(http.StatusSeeOther, thinningPath+"?done=removed")
		return nil
	case "on", "off":
		for _, r := range rules {
			if r.Name != c.PostForm("name") {
				continue
			}
			r.Enabled = c.PostForm("do") == "on"
			if _, err := w.Store.SetThinningRule(ctx, login.Actor, login.Workspace, r); err != nil {
				return err
			}
		}
		c.Redirect(http.StatusSeeOther, thinningPath+"?done=saved")
		return nil
	}
	return w.typedThinning(c, rules)
}

// typedThinning previews or saves what somebody typed.
func (w *web) typedThinning(c *gin.Context, rules []thin.Rule) error {
	ctx, login := c.Request.Context(), member(c)
	form := thinningForm{Had: c.PostForm("had"), Name: c.PostForm("name"), Match: c.PostForm("match"), Keep: c.PostForm("keep"), Age: c.PostForm("after_days"), Off: c.PostForm("off") != ""}
	page := thinningPage{Form: form}
	rule := thin.Rule{Name: form.Name, Match: form.Match, Keep: numberOr(form.Keep, 0), AfterDays: numberOr(form.Age, 0), Enabled: !form.Off}
	err := nameTaken(rules, strings.TrimSpace(form.Name), form.Had)
	if err == nil && c.PostForm("do") == "save" {
		if err = w.saveThinning(c, rule, form.Had); err == nil {
			c.Redirect(http.StatusSeeOther, thinningPath+"?done=saved")
			return nil
		}
	} else if err == nil {
		var plan store.ThinningPlan
		if plan, err = w.Store.PlanThinning(ctx, login.Workspace, rule, w.Now()); err == nil {
			page.Plan = previewOf(plan)
			return w.showThinning(c, http.StatusOK, page, rules)
		}
	}
	f := fault.Of(err)
	switch {
	case f == nil || f.Kind != fault.Unprocessable && f.Kind != fault.Conflict:
		return err
	case f.Code == "filter_too_broad":
		page.Plan = &thinningPreview{Says: "Counting took too long: a day has too many failures to look through while you wait. The rule can be saved all the same."}
		return w.showThinning(c, http.StatusOK, page, rules)
	case f.Kind == fault.Conflict:
		page.Problem = f.Message
	default:
		field, _ := f.Details["field"].(string)
		page.Form.Wrong = map[string]string{field: f.Message}
	}
	return w.showThinning(c, http.StatusUnprocessableEntity, page, rules)
}

// nameTaken refuses a name that another rule has.
func nameTaken(rules []thin.Rule, name, had string) error {
	for _, r := range rules {
		if r.Name == name && name != had {
			return fault.New(fault.Unprocessable, "validation_failed", "There is a rule of this name already. Change that one, or take another name.").With("field", "name")
		}
	}
	return nil
}

// saveThinning saves a rule, which may have had another name.
func (w *web) saveThinning(c *gin.Context, rule thin.Rule, had string) error {
	ctx, login := c.Request.Context(), member(c)
	set, err := w.Store.SetThinningRule(ctx, login.Actor, login.Workspace, rule)
	if err != nil || had == "" || had == set.Name {
		return err
	}
	if err := w.Store.RemoveThinningRule(ctx, login.Actor, login.Workspace, had); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return nil
}

// thinnedNote says of a list of failures that rules have let others go of its days;
// "" where none has.
func (w *web) thinnedNote(c *gin.Context, f event.Filter, found store.Page) (string, error) {
	from, to := f.From, f.To
	if n := len(found.Events); n > 0 {
		to = found.Events[0].OccurredAt
		if found.Next != "" {
			from = found.Events[n-1].OccurredAt
		}
	}
	if to.IsZero() {
		to = w.Now()
	}
	if oldest := to.AddDate(0, 0, -store.MaxIDDays); from.Before(oldest) {
		from = oldest
	}
	rules, err := w.Store.ThinnedBy(c.Request.Context(), member(c).Workspace, from, to)
	if err != nil || len(rules) == 0 {
		return "", err
	}
	return "Of some of these days not every failure is kept (" + strings.Join(rules, ", ") + "): numbers count all of them, this list has those that are kept.", nil
}

func numberOr(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}

func previewOf(plan store.ThinningPlan) *thinningPreview {
	days := "the " + plural(plan.Days, "day that is old enough", "days that are old enough")
	if plan.Counted < plan.Days {
		days = "the newest " + itoa(plan.Counted) + " of " + itoa(plan.Days) + " days that are old enough (the others took too long to count)"
	} else if plan.Days == 1 {
		days = "the one day that is old enough"
	}
	out := &thinningPreview{}
	switch {
	case plan.Days == 0:
		out.Says = "No day is old enough yet: nothing would go now."
	case plan.Matched == 0:
		out.Says = "It matches no failure of " + days + "."
	case plan.Goes == 0:
		out.Says = "It would let nothing go: it matches " + grouped(plan.Matched) + " failures of " + days + ", and keeps all of them."
	default:
		out.Says = "It would let go " + grouped(plan.Goes) + " of " + grouped(plan.Matched) + " failures (" + itoa(int(math.Round(100*plan.Share))) + "%) of " + days + ", about " + sizeWords(plan.Bytes) + "."
	}
	if plan.Late > 0 {
		out.Note = grouped(plan.Late) + " of what it matches came in less than two days ago, though it is older, and stay while they may be reported again."
	}
	return out
}

// sizeWords is a number of bytes for people.
func sizeWords(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= 10*unit.bytes {
			return grouped(int64(math.Round(float64(n)/float64(unit.bytes)))) + " " + unit.name
		}
		if n >= unit.bytes {
			return strconv.FormatFloat(float64(n)/float64(unit.bytes), 'f', 1, 64) + " " + unit.name
		}
	}
	return itoa(int(n)) + " bytes"
}
