package ruleset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"errata/internal/yamldoc"
)

// Act is what is done to a rule.
type Act string

// The acts.
const (
	Create Act = "create"
	Change Act = "change"
	Remove Act = "remove" // of the rule that every workspace has: reset
)

// Op is one step of a Plan. Have is the rule as it is, Want as it would be.
type Op struct {
	Act     Act
	Have    Rule   // but for Create
	Want    Rule   // but for Remove; its ID is that of Have
	Changes []Edit // of Change
}

// Edit is how a field changes, in words.
type Edit struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Plan is what would make the rules of a workspace those of a file.
type Plan struct {
	Ops  []Op
	Left []Rule // are not in the file, and stay unless they are pruned
	Same int    // are as they should be
}

// Compare plans. Rules are known by their names. What the file does not have
// stays, unless prune says otherwise; the rule that every workspace has is then
// as it was in the beginning. Removals come first, so that there is room.
func Compare(have, want []Rule, prune bool) Plan {
	var p Plan
	var rest []Op
	is := map[string]Rule{}
	for _, h := range have {
		is[h.Name] = h
	}
	wanted := map[string]bool{}
	for _, w := range Sorted(want) {
		wanted[w.Name] = true
		h, ok := is[w.Name]
		switch {
		case !ok:
			rest = append(rest, Op{Act: Create, Want: w})
		case h.Same(w):
			p.Same++
		default:
			w.ID = h.ID
			rest = append(rest, Op{Act: Change, Have: h, Want: w, Changes: edits(h, w)})
		}
	}
	for _, h := range Sorted(have) {
		switch {
		case wanted[h.Name], h.IsDefault() && h.Same(Default()):
		case prune:
			p.Ops = append(p.Ops, Op{Act: Remove, Have: h})
		default:
			p.Left = append(p.Left, h)
		}
	}
	p.Ops = append(p.Ops, rest...)
	return p
}

func edits(h, w Rule) (out []Edit) {
	add := func(field, from, to string) {
		if from != to {
			out = append(out, Edit{field, from, to})
		}
	}
	add("query", orWord(h.Query, "everything"), orWord(w.Query, "everything"))
	add("sensitivity", string(h.Sensitivity), string(w.Sensitivity))
	add("level", h.Level, w.Level)
	add("channels", orWord(strings.Join(h.Channels, ", "), "all"), orWord(strings.Join(w.Channels, ", "), "all"))
	add("runbook", orWord(h.Runbook, "none"), orWord(w.Runbook, "none"))
	add("enabled", fmt.Sprint(h.Enabled), fmt.Sprint(w.Enabled))
	for i := range Numbers {
		n := &Numbers[i]
		add("advanced."+n.Name, own(n, h), own(n, w))
	}
	return out
}

func own(n *Number, r Rule) string {
	if v, ok := r.Advanced[n.Name]; ok {
		return n.Text(v)
	}
	return "as the sensitivity has it"
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// Words says what is done, a line for each thing.
func (o Op) Words() []string {
	switch o.Act {
	case Create:
		return []string{"create " + o.Want.Name}
	case Remove:
		if o.Have.IsDefault() {
			return []string{"reset " + o.Have.Name + " to what a workspace begins with"}
		}
		return []string{"remove " + o.Have.Name}
	}
	out := []string{"change " + o.Want.Name}
	for _, e := range o.Changes {
		out = append(out, fmt.Sprintf("  %s: %s → %s", e.Field, e.From, e.To))
	}
	return out
}

// Listing is the same as the lines of YAML that go (-), come (+) and stay.
func (o Op) Listing() []string {
	var before, after []string
	if o.Act != Create {
		before = lines(o.Have)
	}
	switch {
	case o.Act != Remove:
		after = lines(o.Want)
	case o.Have.IsDefault():
		after = lines(Default())
	}
	return yamldoc.Diff(before, after)
}

// Details is a rule in the audit log, which outlives it: field by field, what
// is not as for a New rule.
func (r Rule) Details() map[string]any {
	out := map[string]any{"name": r.Name, "sensitivity": r.Sensitivity, "level": r.Level, "enabled": r.Enabled}
	if r.Query != "" {
		out["query"] = r.Query
	}
	if len(r.Channels) > 0 {
		out["channels"] = r.Channels
	}
	if r.Runbook != "" {
		out["runbook"] = r.Runbook
	}
	if len(r.Advanced) > 0 {
		out["advanced"] = maps.Clone(r.Advanced)
	}
	return out
}

// Edits is what stands in the audit log about a change: each field with what it
// was and what it is.
func Edits(before, after Rule) []Edit {
	out := edits(before, after)
	if before.Name != after.Name {
		out = slices.Insert(out, 0, Edit{"name", before.Name, after.Name})
	}
	return out
}
