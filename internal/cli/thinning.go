package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"errata/internal/thin"
)

// ListThinning prints the thinning rules, one on a line, in the order in which they
// go.
func ListThinning(ctx context.Context, opt Options) error {
	var list struct {
		Rules []thin.Rule `json:"rules"`
	}
	p, done, err := opt.ask(ctx, http.MethodGet, "/v1/thinning", nil, &list)
	if err != nil || done {
		return err
	}
	if len(list.Rules) == 0 {
		p.line("There is no thinning rule: every failure is kept for as long as failures are.")
		return p.err
	}
	rows := [][]string{{"NAME", "MATCH", "KEEP", "AFTER", "STATE", "BY", "SINCE"}}
	for _, r := range list.Rules {
		state := "on"
		if !r.Enabled {
			state = "off"
		}
		rows = append(rows, []string{safe(r.Name), safe(r.Match), strconv.Itoa(r.Keep), plural(r.AfterDays, "day", "days"), state, safe(r.UpdatedBy), r.UpdatedAt.UTC().Format(clock)})
	}
	p.table(rows)
	return p.err
}

// SetThinning sets a rule in place of the one of its name.
func SetThinning(ctx context.Context, opt Options, r thin.Rule) error {
	var set thin.Rule
	p, done, err := opt.ask(ctx, http.MethodPost, "/v1/thinning", thinningBody(r), &set)
	if err != nil || done {
		return err
	}
	if !set.Enabled {
		p.line("The rule '%s' is off: it lets nothing go.", safe(set.Name))
		return p.err
	}
	p.line("From the next run of retention on, %s, of %s. What it would take now: errata thinning plan %s", thin.Does(safe(set.Name), set.Keep, set.AfterDays), safe(set.Match), safe(set.Name))
	return p.err
}

func thinningBody(r thin.Rule) map[string]any {
	return map[string]any{"name": r.Name, "match": r.Match, "after_days": r.AfterDays, "keep": r.Keep, "enabled": r.Enabled}
}

// RemoveThinning takes rules away, in the order given, up to the first that is not
// there.
func RemoveThinning(ctx context.Context, opt Options, names []string) error {
	c := newClient(opt.Server, opt.Key)
	p := printer{out: opt.Out}
	for _, name := range names {
		if err := c.call(ctx, http.MethodDelete, "/v1/thinning/"+url.PathEscape(name), nil, nil); err != nil {
			return err
		}
		p.line("%s removed. What it has let go stays gone.", safe(name))
	}
	return p.err
}

// thinningPlan is what a rule would let go now.
type thinningPlan struct {
	Rule    thin.Rule `json:"rule"`
	Days    int       `json:"days"`
	Counted int       `json:"counted_days"`
	Matched int64     `json:"matched"`
	Late    int64     `json:"late"`
	Goes    int64     `json:"goes"`
	Share   float64   `json:"share"`
	Bytes   int64     `json:"bytes"`
}

// PlanThinning prints what rules would let go now, each as if it were the only one:
// one that is not there yet, or (where r matches nothing) those that are, or the one
// of that name.
func PlanThinning(ctx context.Context, opt Options, r thin.Rule) error {
	rules := []thin.Rule{r}
	if r.Match == "" {
		var list struct {
			Rules []thin.Rule `json:"rules"`
		}
		if err := newClient(opt.Server, opt.Key).call(ctx, http.MethodGet, "/v1/thinning", nil, &list); err != nil {
			return err
		}
		rules = nil
		for _, have := range list.Rules {
			if r.Name == "" || have.Name == r.Name {
				rules = append(rules, have)
			}
		}
		if len(rules) == 0 && r.Name != "" {
			return exitf("There is no thinning rule named %s. To try one that is not there yet, say what it matches: --match 'service:edge status:429'", safe(r.Name))
		}
	}
	for _, rule := range rules {
		var plan thinningPlan
		p, done, err := opt.ask(ctx, http.MethodPost, "/v1/thinning/plan", thinningBody(rule), &plan)
		if err != nil {
			return err
		}
		if !done {
			p.thinning(&plan)
		}
		if p.err != nil {
			return p.err
		}
	}
	return nil
}

func (p *printer) thinning(plan *thinningPlan) {
	of := plural(plan.Days, "day", "days")
	if plan.Counted < plan.Days {
		of = fmt.Sprintf("the newest %d of %d days: the others took too long to count", plan.Counted, plan.Days)
	}
	switch {
	case plan.Days == 0:
		p.line("%s: no day is old enough yet.", safe(plan.Rule.Name))
	case plan.Goes == 0:
		p.line("%s: would let nothing go of %s failures (%s).", safe(plan.Rule.Name), grouped(plan.Matched), of)
	default:
		p.line("%s: would let go %s of %s failures (%.0f%%), about %s, of %s.", safe(plan.Rule.Name), grouped(plan.Goes), grouped(plan.Matched), 100*plan.Share, size(plan.Bytes), of)
	}
	if plan.Late > 0 {
		p.line("  %s came in less than two days ago, though older: they stay while they may be reported again.", grouped(plan.Late))
	}
}
