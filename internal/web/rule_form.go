package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/detect"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/ruleset"
	"errata/internal/slo"
	"errata/internal/store"
)

// ruleForm is a rule as it is typed, with what is wrong with it at its fields.
type ruleForm struct {
	Name, Query, Runbook  string
	Enabled               bool
	Sensitivities, Levels []choice
	Channels              []channelTick
	Groups                []numberGroup
	Advanced              bool // is open
	Own                   int  // numbers of its own
	Days                  []choice
	// The objective of the one service that the rule looks at, if it is one.
	Aim                   *slo.SLO
	AimPath               string
	Objective, WindowDays string
	Wrong                 map[string]string // by field
	Mistake               *mistake
}

type channelTick struct {
	ID, Name, Kind string
	Chosen, Off    bool
}

type numberGroup struct {
	Name string
	Rows []numberField
}

type numberField struct {
	Name, About, Unit, Range string
	Low, Normal, High        string
	Given                    string // "": as the sensitivity has it
	Usual                    string // what that is
	Switch                   bool
	Wrong                    string
}

var sensitivityWords = map[string]string{"low": "low: only what is plain", "normal": "normal", "high": "high: soon, and wrong more often"}

// showRule makes a form of a rule.
func showRule(r ruleset.Rule, channels []store.Channel, days int) *ruleForm {
	f := &ruleForm{Name: r.Name, Query: r.Query, Runbook: r.Runbook, Enabled: r.Enabled, Own: len(r.Advanced), Advanced: len(r.Advanced) > 0, Wrong: map[string]string{},
		Levels: choices(r.Level, "page", "page: somebody is woken up", "ticket", "ticket", "notify", "notify: a message"),
		Days:   choices(itoa(days), "14", "14 days", "7", "7 days", "3", "3 days", "1", "1 day")}
	for _, s := range ruleset.Sensitivities {
		f.Sensitivities = append(f.Sensitivities, choice{s, sensitivityWords[s], s == string(r.Sensitivity)})
	}
	for _, ch := range channels {
		f.Channels = append(f.Channels, channelTick{ch.ID, ch.Name, ch.Kind, slices.Contains(r.Channels, ch.ID), !ch.Enabled})
	}
	for _, id := range r.Channels {
		if !slices.ContainsFunc(channels, func(ch store.Channel) bool { return ch.ID == id }) {
			f.Channels = append(f.Channels, channelTick{id, "a channel that is gone", "", true, true})
		}
	}
	f.numbers(r)
	return f
}

func (f *ruleForm) numbers(r ruleset.Rule) {
	of := func(s detect.Sensitivity) detect.Settings {
		set, err := s.Settings()
		if err != nil {
			set = detect.Default()
		}
		return set
	}
	low, normal, high, usual := of(detect.Low), of(detect.Normal), of(detect.High), of(r.Sensitivity)
	for i := range ruleset.Numbers {
		n := &ruleset.Numbers[i]
		if len(f.Groups) == 0 || f.Groups[len(f.Groups)-1].Name != n.Group {
			f.Groups = append(f.Groups, numberGroup{Name: n.Group})
		}
		g := &f.Groups[len(f.Groups)-1]
		row := numberField{Name: n.Name, About: n.About, Unit: n.Unit, Switch: n.Switch(), Range: n.Text(n.Min) + " … " + n.Text(n.Max), Low: n.Text(n.Of(low)), Normal: n.Text(n.Of(normal)), High: n.Text(n.Of(high)), Usual: n.Text(n.Of(usual))}
		if v, ok := r.Advanced[n.Name]; ok {
			row.Given = n.Text(v)
		}
		g.Rows = append(g.Rows, row)
	}
}

// typed reads a rule from a form; what cannot be read at all is told at its field.
func typedRule(c *gin.Context) (r ruleset.Rule, wrong map[string]string, given map[string]string) {
	r = ruleset.New(strings.TrimSpace(c.PostForm("name")))
	wrong, given = map[string]string{}, map[string]string{}
	r.Query, r.Runbook, r.Enabled = strings.TrimSpace(c.PostForm("query")), strings.TrimSpace(c.PostForm("runbook")), c.PostForm("enabled") != ""
	r.Sensitivity, r.Level, r.Channels = detect.Sensitivity(c.PostForm("sensitivity")), c.PostForm("level"), c.PostFormArray("channel")
	for i := range ruleset.Numbers {
		n := &ruleset.Numbers[i]
		text := strings.TrimSpace(c.PostForm("advanced." + n.Name))
		if text == "" {
			continue
		}
		given[n.Name] = text
		v, ok := numberTyped(n, text)
		if !ok {
			wrong["advanced."+n.Name] = "must be a number from " + n.Text(n.Min) + " to " + n.Text(n.Max) + " (" + n.Unit + ")"
			continue
		}
		r.Advanced[n.Name] = v
	}
	return r, wrong, given
}

// numberTyped reads a number as people write it: 0.02, 0,02 or 2 % of a share.
func numberTyped(n *ruleset.Number, text string) (float64, bool) {
	if n.Switch() {
		b, err := strconv.ParseBool(text)
		if b {
			return 1, err == nil
		}
		return 0, err == nil
	}
	percent := strings.HasSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(strings.TrimSuffix(text, "%")), ",", ".", 1), 64)
	if percent {
		v /= 100
	}
	return v, err == nil && !(percent && n.Unit != "share of 1")
}

// refuse puts a fault at its field; false where it is about none of them.
func (f *ruleForm) refuse(err error) bool {
	fl := fault.Of(err)
	field, _ := fl.Details["field"].(string)
	if fl.Kind != fault.Unprocessable && fl.Kind != fault.Conflict || field == "" {
		return false
	}
	if field == "query" && fl.Details["position"] != nil {
		at := fault.New(fl.Kind, fl.Code, "%s", fl.Message).With("field", "q").With("position", fl.Details["position"]).With("length", fl.Details["length"])
		f.Mistake = newMistake(at, rulesPath, map[string]string{"q": f.Query})
	}
	f.Wrong[field] = fl.Message
	return true
}

// mark gives numbers what was typed and what is wrong with it.
func (f *ruleForm) mark(given map[string]string) {
	for g := range f.Groups {
		for i := range f.Groups[g].Rows {
			row := &f.Groups[g].Rows[i]
			if text, ok := given[row.Name]; ok {
				row.Given = text
			}
			if row.Wrong = f.Wrong["advanced."+row.Name]; row.Wrong != "" {
				f.Advanced = true
			}
		}
	}
	f.Own = max(f.Own, len(given))
}

// theService is the one service, and environment if it is one, that a query is
// about and whose objective therefore is the rule's.
func theService(text string) (service, environment string) {
	q, err := ql.Rules.Parse(text)
	if err != nil {
		return "", ""
	}
	for _, t := range q.Terms {
		if t.Not || len(t.Values) != 1 || t.Values[0].Prefix {
			continue
		}
		switch t.Field {
		case ql.Service:
			service = t.Values[0].Text
		case ql.Environment:
			environment = t.Values[0].Text
		}
	}
	return service, environment
}
