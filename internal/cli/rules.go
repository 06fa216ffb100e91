package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"errata/internal/fault"
	"errata/internal/ruleset"
)

func rulesOf(ctx context.Context, c *client) (rules []ruleset.Rule, raw json.RawMessage, err error) {
	if err = c.call(ctx, http.MethodGet, "/v1/alerts/rules", nil, &raw); err != nil {
		return nil, nil, err
	}
	var list struct {
		Rules []ruleset.Rule `json:"rules"`
	}
	err = c.decode(answer{body: raw}, &list)
	return list.Rules, raw, err
}

// ListRules prints the rules, one on a line.
func ListRules(ctx context.Context, opt Options) error {
	rules, raw, err := rulesOf(ctx, newClient(opt.Server, opt.Key))
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	rows := [][]string{{"ID", "NAME", "LOOKS AT", "SENSITIVITY", "LEVEL", "TELLS", "ENABLED"}}
	for _, r := range rules {
		sensitivity := string(r.Sensitivity)
		if n := len(r.Advanced); n > 0 {
			sensitivity += ", " + plural(n, "number of its own", "numbers of its own")
		}
		tells := "all"
		if n := len(r.Channels); n > 0 {
			tells = plural(n, "channel", "channels")
		}
		rows = append(rows, []string{safe(r.ID), safe(r.Name), orWord(safe(cutText(r.Query, 60)), "everything"), safe(sensitivity), safe(r.Level), tells, map[bool]string{true: "yes", false: "no"}[r.Enabled]})
	}
	p.table(rows)
	return p.err
}

// ExportRules prints the rules as YAML.
func ExportRules(ctx context.Context, opt Options) error {
	rules, _, err := rulesOf(ctx, newClient(opt.Server, opt.Key))
	if err != nil {
		return err
	}
	_, err = opt.Out.Write(ruleset.Write(ruleset.Named(rules, ruleset.ChannelsOf(rules))))
	return err
}

// LintRules says everything that is wrong with files of rules, without asking
// anybody.
func LintRules(opt Options, files []string) error {
	return lint(opt.Out, files, "rule", "rules", func(file string) ([]ruleset.Rule, []ruleset.Mistake, error) { return readRules(opt, file) })
}

func readRules(opt Options, file string) ([]ruleset.Rule, []ruleset.Mistake, error) {
	name, text, err := readFile(opt.In, file, ruleset.MaxFile)
	if err != nil {
		return nil, nil, err
	}
	rules, mistakes := ruleset.Read(name, text)
	return rules, mistakes, nil
}

// Ask says how applying is agreed to.
type Ask int

// The ways.
const (
	AskRefuse Ask = iota // nobody is there to be asked
	AskPerson
	AskNobody // --yes
)

// DiffRules shows what applying a file would change. It tells whether there is
// anything.
func DiffRules(ctx context.Context, opt Options, file string, prune bool) (differ bool, err error) {
	plan, err := planRules(ctx, newClient(opt.Server, opt.Key), opt, file, prune)
	return len(plan.Ops) > 0, err
}

// ApplyRules makes the rules those of a file, after it has shown what that
// changes. What the file does not have stays, unless prune says otherwise.
func ApplyRules(ctx context.Context, opt Options, file string, prune bool, ask Ask) error {
	c := newClient(opt.Server, opt.Key)
	plan, err := planRules(ctx, c, opt, file, prune)
	if err != nil || len(plan.Ops) == 0 {
		return err
	}
	p := printer{out: opt.Out}
	switch {
	case ask == AskRefuse, file == "-" && ask == AskPerson:
		return exitf("Nothing was changed: nobody can be asked here. Say --yes to apply this.")
	case ask == AskPerson:
		p.line("Apply this? Type yes:")
		said, err := bufio.NewReader(opt.In).ReadString('\n')
		if strings.ToLower(strings.TrimSpace(said)) != "yes" || err != nil && !errors.Is(err, io.EOF) {
			return exitf("Nothing was changed.")
		}
	}
	for n, op := range plan.Ops {
		if err := applyRule(ctx, c, op); err != nil {
			p.line("%d of %d were applied. Mend what is wrong and apply the file again: what is done is not done twice.", n, len(plan.Ops))
			return errors.Join(p.err, err)
		}
	}
	p.line("Applied.")
	return p.err
}

// planRules compares a file with what is there, and prints that.
func planRules(ctx context.Context, c *client, opt Options, file string, prune bool) (plan ruleset.Plan, err error) {
	want, mistakes, err := readRules(opt, file)
	if err != nil {
		return plan, err
	}
	p := printer{out: opt.Out}
	for _, m := range mistakes {
		p.line("%s", safe(m.String()))
	}
	if len(mistakes) > 0 {
		return plan, errors.Join(p.err, exitf("%s to mend; nothing was changed.", plural(len(mistakes), "mistake", "mistakes")))
	}
	have, _, err := rulesOf(ctx, c)
	if err != nil {
		return plan, err
	}
	known := ruleset.ChannelsOf(have)
	if slices.ContainsFunc(want, namesChannels) {
		if known, err = channelsNamed(ctx, c, want); err != nil {
			return plan, err
		}
	}
	plan = ruleset.Compare(ruleset.Named(have, known), ruleset.Named(want, known), prune)
	p.plan(plan)
	return plan, p.err
}

func namesChannels(r ruleset.Rule) bool {
	return slices.ContainsFunc(r.Channels, func(ref string) bool { return !ruleset.IsID(ref) })
}

// channelsNamed gives the channels that rules can name, and says which ones they
// name that are not there: before anything is changed.
func channelsNamed(ctx context.Context, c *client, rules []ruleset.Rule) (all []ruleset.Channel, err error) {
	list, _, err := c.channels(ctx)
	if err != nil {
		return nil, err
	}
	for _, found := range list {
		all = append(all, ruleset.Channel{ID: found.ID, Name: found.Name})
	}
	for _, r := range rules {
		if _, err := ruleset.Resolve(r.Channels, all); err != nil {
			return nil, exitf("The rule %s: %s", safe(r.Name), safe(fault.Of(err).Message))
		}
	}
	return all, nil
}

func (p *printer) plan(plan ruleset.Plan) {
	for _, op := range plan.Ops {
		for _, l := range op.Words() {
			p.line("%s", safe(l))
		}
		for _, l := range op.Listing() {
			p.line("    %s", safe(l))
		}
	}
	for _, r := range plan.Left {
		p.line("%s is not in the file, and stays; --prune removes it", safe(r.Name))
	}
	if len(plan.Ops) == 0 {
		p.line("Nothing to change.")
	}
}

func applyRule(ctx context.Context, c *client, op ruleset.Op) error {
	if op.Act == ruleset.Remove {
		return c.call(ctx, http.MethodDelete, "/v1/alerts/rules/"+url.PathEscape(op.Have.ID), nil, nil)
	}
	r := op.Want
	body := map[string]any{"name": r.Name, "query": r.Query, "sensitivity": r.Sensitivity, "advanced": r.Advanced, "level": r.Level, "channels": r.Channels, "runbook": r.Runbook, "enabled": r.Enabled}
	if op.Act == ruleset.Create {
		return c.call(ctx, http.MethodPost, "/v1/alerts/rules", body, nil)
	}
	return c.call(ctx, http.MethodPut, "/v1/alerts/rules/"+url.PathEscape(r.ID), body, nil)
}
