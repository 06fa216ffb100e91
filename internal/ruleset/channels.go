package ruleset

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"errata/internal/fault"
	"errata/internal/query"
	"errata/internal/yamldoc"
)

// Channel is what a rule may name of a channel: its ID, or its name, which is
// unique in a workspace. What is stored is the ID, so that a channel can be
// renamed; files have the name, so that people can read them and they fit other
// workspaces.
type Channel struct{ ID, Name string }

// maxChannelName is that of a channel's name, in characters.
const maxChannelName = 100

// IsID reports whether a rule names a channel by its ID.
func IsID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// references gives what a rule says of channels, each once and in order, and
// whether it can be IDs and names.
func references(given []string) ([]string, bool) {
	out := make([]string, 0, len(given))
	for _, g := range given {
		if g = strings.TrimSpace(g); IsID(g) {
			g = strings.ToLower(g)
		} else if g == "" || utf8.RuneCountInString(g) > maxChannelName || !utf8.ValidString(g) || strings.ContainsFunc(g, unicode.IsControl) {
			return nil, false
		}
		out = append(out, g)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out, len(out) <= MaxChannels
}

// Resolve gives the IDs of channels that are named by ID or name. A fault
// Unprocessable names the first that is not there, and what may have been meant.
func Resolve(given []string, all []Channel) ([]string, error) {
	ids := make([]string, 0, len(given))
	for _, g := range given {
		at := slices.IndexFunc(all, func(c Channel) bool { return c.ID == g })
		if at < 0 {
			at = slices.IndexFunc(all, func(c Channel) bool { return c.Name == g })
		}
		if at < 0 {
			return nil, unknownChannel(g, all)
		}
		ids = append(ids, all[at].ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// shownNames is how many names are told to somebody who knows none.
const shownNames = 10

func unknownChannel(given string, all []Channel) error {
	names := make([]string, 0, len(all))
	for _, c := range all {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	advice := fmt.Sprintf("There are: %s", strings.Join(names[:min(len(names), shownNames)], ", "))
	switch near := meant(given, names); {
	case near != "":
		advice = fmt.Sprintf("Did you mean '%s'?", near)
	case len(names) == 0:
		advice = "There is no channel yet. Add one, or leave the field empty to tell all there will be."
	case len(names) > shownNames:
		advice += fmt.Sprintf(" and %d more.", len(names)-shownNames)
	default:
		advice += "."
	}
	return fault.New(fault.Unprocessable, "validation_failed", "The 'channels' field names a channel that is not there: '%s'. %s", given, advice).With("field", "channels").With("missing", []string{given})
}

// meant is the name that was probably meant, whatever its case.
func meant(given string, names []string) string {
	folded := make([]string, len(names))
	for i, n := range names {
		folded[i] = strings.ToLower(n)
	}
	if near := query.Nearest(strings.ToLower(given), folded); near != "" {
		return names[slices.Index(folded, near)]
	}
	return ""
}

// Named gives rules that name channels by their names, as files do, where all
// knows them and YAML can hold them on a line; in their order.
func Named(rules []Rule, all []Channel) []Rule {
	out := slices.Clone(rules)
	for i := range out {
		named := make([]string, 0, len(out[i].Channels))
		for _, ref := range out[i].Channels {
			at := slices.IndexFunc(all, func(c Channel) bool { return c.ID == ref })
			if at >= 0 && yamldoc.Line(all[at].Name) && !IsID(all[at].Name) {
				ref = all[at].Name
			}
			named = append(named, ref)
		}
		slices.Sort(named)
		out[i].Channels = slices.Compact(named)
	}
	return out
}

// ChannelsOf are the channels that rules tell, as the rules themselves know
// them.
func ChannelsOf(rules []Rule) (out []Channel) {
	for _, r := range rules {
		if len(r.Channels) != len(r.ChannelNames) {
			continue
		}
		for i, id := range r.Channels {
			out = append(out, Channel{id, r.ChannelNames[i]})
		}
	}
	return out
}
