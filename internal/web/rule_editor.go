package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/ruleset"
	"errata/internal/slo"
	"errata/internal/store"
)

// rulePage is the editor of a rule.
type rulePage struct {
	frame
	Tabs    []link
	Heading string
	Path    string
	ID      string // "": a new one
	Seen    string // when it was changed last, as whoever edits it saw it
	Default bool
	Form    *ruleForm
	Replay  *replayPart
	Remove  bool // asks whether to remove it
	Decides bool
	Problem string
	Changed moment
	By      string
	Note    string // what was filled in for whoever came here by a link
}

// newRule is an empty form, or one that a link has begun to fill.
func (w *web) newRule(c *gin.Context) error {
	r := ruleset.New(cut(strings.TrimSpace(c.Query("name")), ruleset.MaxName))
	r.Query = cut(strings.TrimSpace(c.Query("q")), 500)
	return w.showEditor(c, http.StatusOK, ruleset.Rule{}, r, nil)
}

func (w *web) rule(c *gin.Context) error {
	have, err := w.ruleAsked(c)
	if err != nil {
		return err
	}
	r := have
	fill := func(p *rulePage) {
		if s := c.Query("sensitivity"); slices.Contains(ruleset.Sensitivities, s) && s != string(have.Sensitivity) {
			p.Note = "The sensitivity is set to “" + s + "” here, but not saved yet: it is “" + string(have.Sensitivity) + "”. Replay it to see what that changes."
		}
	}
	if s := c.Query("sensitivity"); slices.Contains(ruleset.Sensitivities, s) {
		r.Sensitivity = detect.Sensitivity(s)
	}
	return w.showEditor(c, http.StatusOK, have, r, fill)
}

func (w *web) ruleAsked(c *gin.Context) (ruleset.Rule, error) {
	ref, err := pathID(c, "rule")
	if err != nil {
		return ruleset.Rule{}, err
	}
	return w.ruleCalled(c, ref)
}

// showEditor shows a rule as it is typed; have is what is saved, without an ID
// nothing is.
func (w *web) showEditor(c *gin.Context, status int, have, r ruleset.Rule, fill func(*rulePage)) error {
	ctx, login := c.Request.Context(), member(c)
	channels, err := w.Store.Channels(ctx, login.Workspace)
	if err != nil {
		return err
	}
	p := rulePage{Tabs: tabs(rulesPath), Heading: "New rule", Path: rulesPath + "/new", ID: have.ID, Default: have.IsDefault(), Decides: login.Decides}
	if have.ID != "" {
		p.Heading, p.Path, p.By = "Rule “"+have.Name+"”", rulePath(have), have.UpdatedBy
		p.Seen = cmp.Or(c.PostForm("seen"), strconv.FormatInt(have.UpdatedAt.UnixMicro(), 10))
		if !have.UpdatedAt.IsZero() {
			p.Changed = w.moment(have.UpdatedAt.Time)
		}
	}
	p.frame = w.frame(c, p.Heading, "alerts")
	days, err := strconv.Atoi(c.PostForm("days"))
	if err != nil {
		days = store.ReplayDays
	}
	p.Form = showRule(r, channels, days)
	if err := w.aimOf(c, p.Form, r); err != nil {
		return err
	}
	if fill != nil {
		fill(&p)
	}
	return w.render(c, status, "rule", p)
}

// aimOf finds the objective of the service that a rule is about.
func (w *web) aimOf(c *gin.Context, f *ruleForm, r ruleset.Rule) error {
	service, environment := theService(r.Query)
	if service == "" {
		return nil
	}
	list, err := w.Store.SLOs(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	f.Aim = &slo.SLO{Service: service, Environment: environment}
	f.AimPath, f.WindowDays = pathOfService(service)+"#slos", itoa(slo.DefaultDays)
	for _, o := range list {
		if o.Whole() && o.Service == service && o.Environment == environment {
			f.Aim, f.Objective, f.WindowDays = &o, strconv.FormatFloat(o.Objective, 'f', -1, 64), itoa(o.WindowDays)
		}
	}
	if c.Request.Method == http.MethodPost && c.PostForm("aim") == service+"\x1f"+environment {
		f.Objective, f.WindowDays = c.PostForm("objective"), c.PostForm("window")
	}
	return nil
}

// AimKey says whose objective a form was filled in for.
func (f *ruleForm) AimKey() string { return f.Aim.Service + "\x1f" + f.Aim.Environment }

// decideRule replays, saves or removes a rule.
func (w *web) decideRule(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	var have ruleset.Rule
	if c.Param("rule") != "" {
		var err error
		if have, err = w.ruleAsked(c); err != nil {
			return err
		}
	}
	do := c.PostForm("do")
	if do != "replay" {
		if err := mayDecide(c); err != nil {
			return err
		}
	}
	r, wrong, given := typedRule(c)
	if r.ID = have.ID; have.IsDefault() {
		r.Name = have.Name
	}
	again := func(status int, more func(*rulePage)) error {
		return w.showEditor(c, status, have, r, func(p *rulePage) {
			p.Form.Wrong = wrong
			if more != nil {
				more(p)
			}
			p.Form.mark(given)
		})
	}
	if do == "remove" && have.ID != "" {
		return w.removeRule(c, have)
	}
	if len(wrong) > 0 {
		return again(http.StatusUnprocessableEntity, nil)
	}
	refused := func(err error) error {
		f := fault.Of(err)
		status := map[fault.Kind]int{fault.Unprocessable: http.StatusUnprocessableEntity, fault.Conflict: http.StatusConflict, fault.Unavailable: http.StatusServiceUnavailable}[f.Kind]
		if status == 0 || f.Kind == fault.Unavailable && f.Code != "replay_busy" {
			return err
		}
		return again(status, func(p *rulePage) {
			if !p.Form.refuse(f) {
				p.Problem = f.Message
			}
		})
	}
	switch do {
	case "replay":
		part, err := w.replayed(c, r)
		if err != nil {
			return refused(err)
		}
		return again(http.StatusOK, func(p *rulePage) { p.Replay = part })
	case "save":
		if err := w.saveRule(c, have, r); err != nil {
			return refused(err)
		}
		c.Redirect(http.StatusSeeOther, rulesPath+"?done=saved")
		return nil
	}
	return invalid("Choose what to do.")
}

// saveRule saves what was typed, unless somebody changed the rule meanwhile.
func (w *web) saveRule(c *gin.Context, have, r ruleset.Rule) error {
	ctx, login := c.Request.Context(), member(c)
	if have.ID != "" && c.PostForm("seen") != strconv.FormatInt(have.UpdatedAt.UnixMicro(), 10) {
		return fault.New(fault.Conflict, "conflict", "%s changed this rule while you edited it. Open it again in another tab, compare, and save there.", cmp.Or(have.UpdatedBy, "Somebody"))
	}
	aim, err := typedAim(c, r)
	if err != nil {
		return err
	}
	if _, err := w.Store.SaveRule(ctx, login.Actor, login.Workspace, r); err != nil || aim == nil {
		return err
	}
	if _, err = w.Store.SetSLO(ctx, login.Actor, login.Workspace, *aim); err != nil {
		return fault.New(fault.Unprocessable, "validation_failed", "The rule is saved, but not the objective: %s", fault.Of(err).Message).With("field", "objective").Because(err)
	}
	return nil
}

// typedAim is the objective that was typed, if that is one, and about what the rule
// is about now.
func typedAim(c *gin.Context, r ruleset.Rule) (*slo.SLO, error) {
	service, environment := theService(r.Query)
	typed := strings.Replace(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(c.PostForm("objective")), "%")), ",", ".", 1)
	if service == "" || typed == "" || c.PostForm("aim") != service+"\x1f"+environment {
		return nil, nil //nolint:nilnil // none
	}
	objective, err := strconv.ParseFloat(typed, 64)
	days, daysErr := number("number of days", c.PostForm("window"))
	if err != nil || daysErr != nil {
		return nil, fault.New(fault.Unprocessable, "validation_failed", "The objective must be a percentage, such as 99.5, over a number of days.").With("field", "objective")
	}
	o := slo.SLO{Service: service, Environment: environment, Objective: objective, WindowDays: cmp.Or(days, slo.DefaultDays)}
	if o, err = o.Check(); err != nil {
		return nil, fault.New(fault.Unprocessable, "validation_failed", "%s", fault.Of(err).Message).With("field", "objective")
	}
	return &o, nil
}

// removeRule removes a rule once somebody has said so twice.
func (w *web) removeRule(c *gin.Context, have ruleset.Rule) error {
	if c.PostForm("sure") == "" {
		return w.showEditor(c, http.StatusOK, have, have, func(p *rulePage) { p.Remove = true })
	}
	login := member(c)
	if err := w.Store.RemoveRule(c.Request.Context(), login.Actor, login.Workspace, have.ID); err != nil {
		return err
	}
	done := "removed"
	if have.IsDefault() {
		done = "reset"
	}
	c.Redirect(http.StatusSeeOther, rulesPath+"?"+url.Values{"done": {done}}.Encode())
	return nil
}

// replayed is the part of the page that says what a rule would have found.
func (w *web) replayed(c *gin.Context, r ruleset.Rule) (*replayPart, error) {
	days, err := strconv.Atoi(c.PostForm("days"))
	if err != nil {
		days = store.ReplayDays
	}
	ctx, ws, began := c.Request.Context(), member(c).Workspace, time.Now()
	out, err := w.Store.ReplayRule(ctx, ws, r, store.ReplaySpan{Days: days, Now: w.Now()})
	if err != nil {
		return nil, err
	}
	part := w.replayPart(&out, r)
	if part.Chart, err = w.replayChart(c, &out, r); err != nil {
		return nil, err
	}
	timed(c, began)
	return part, nil
}
