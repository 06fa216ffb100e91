package ruleset

import (
	"cmp"
	"slices"
	"strings"

	"errata/internal/yamldoc"
)

// Write gives rules as YAML. The same rules make the same file, whatever their
// order: the one that every workspace has comes first, the others by name. What
// is as it is for a New rule is left out, but for the sensitivity and the level.
// IDs are no part of it, so that a file fits other workspaces: a rule is known
// by its name.
func Write(rules []Rule) []byte {
	var b strings.Builder
	if len(rules) == 0 {
		return []byte("rules: []\n")
	}
	b.WriteString("rules:\n")
	for _, r := range Sorted(rules) {
		for i, l := range lines(r) {
			b.WriteString(map[bool]string{true: "  - ", false: "    "}[i == 0] + l + "\n")
		}
	}
	return []byte(b.String())
}

// Sorted gives rules as they are listed: the one that every workspace has
// first, the others by name.
func Sorted(rules []Rule) []Rule {
	out := slices.Clone(rules)
	slices.SortStableFunc(out, func(a, b Rule) int {
		rest := func(r Rule) int {
			if r.Name == DefaultName {
				return 0
			}
			return 1
		}
		return cmp.Or(rest(a)-rest(b), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// lines is a rule in YAML, without what stands in front of its lines.
func lines(r Rule) []string {
	out := []string{"name: " + yamldoc.Scalar(r.Name)}
	if r.Query != "" {
		out = append(out, "query: "+yamldoc.Scalar(r.Query))
	}
	out = append(out, "sensitivity: "+yamldoc.Scalar(string(r.Sensitivity)), "level: "+yamldoc.Scalar(r.Level))
	if len(r.Channels) > 0 {
		out = append(out, "channels:")
		for _, id := range r.Channels {
			out = append(out, "  - "+yamldoc.Scalar(id))
		}
	}
	if r.Runbook != "" {
		out = append(out, "runbook: "+yamldoc.Scalar(r.Runbook))
	}
	if !r.Enabled {
		out = append(out, "enabled: false")
	}
	if len(r.Advanced) > 0 {
		out = append(out, "advanced:")
		for i := range Numbers { // in the table's order
			if v, ok := r.Advanced[Numbers[i].Name]; ok {
				out = append(out, "  "+Numbers[i].Name+": "+Numbers[i].Text(v))
			}
		}
	}
	return out
}
