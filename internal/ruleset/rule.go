// Package ruleset holds what people say about alerting: rules. A rule says which
// failures it looks at (Scope), how sensitive it is to them, in one word and,
// for those who want to, number by number (Settings), how loud it may become
// and who is told.
//
// It also reads and writes rules as YAML, so that they can be kept beside the
// services that they are about: Read finds every fault of a file with its line,
// Compare says what applying it would change, and the same rules always make
// the same file (Write). The package is pure: whoever applies a Plan asks the
// API, and what package detect makes of Settings is its business.
package ruleset

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/query"
	"errata/internal/yamldoc"
)

// Rule is a condition and who is told when it holds.
type Rule struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`        // unique in a workspace
	Query       string             `json:"query"`       // which failures; "": all
	Sensitivity detect.Sensitivity `json:"sensitivity"` // all numbers in one word
	Advanced    Overrides          `json:"advanced"`    // the numbers that are not as that word has them
	Level       string             `json:"level"`       // the loudest that it may be
	Channels    []string           `json:"channels"`    // IDs or, on the way in, names; none: all
	Runbook     string             `json:"runbook"`     // a link; "": none
	Enabled     bool               `json:"enabled"`
	CreatedAt   event.Time         `json:"created_at"`
	UpdatedAt   event.Time         `json:"updated_at"`
	UpdatedBy   string             `json:"updated_by"`

	// ChannelNames are the names of Channels, in their order, where it comes from
	// the store.
	ChannelNames []string `json:"channel_names"`
}

// DefaultID and DefaultName are of the rule that every workspace has.
const (
	DefaultID   = "00000000-0000-0000-0000-000000000000"
	DefaultName = "default"
)

// The bounds of a rule.
const (
	MaxName     = 100 // bytes
	MaxRunbook  = 2000
	MaxChannels = 20
)

// Levels are the words for how loud a rule may be, loudest first, and
// Sensitivities those for how soon it holds, latest first.
var (
	Levels        = []string{detect.Page.String(), detect.Ticket.String(), detect.Notify.String()}
	Sensitivities = []string{string(detect.Low), string(detect.Normal), string(detect.High)}
)

// Default is the rule that a workspace begins with: it looks at everything, may
// page, and tells all channels.
func Default() Rule {
	r := New(DefaultName)
	r.ID = DefaultID
	return r
}

// New is a rule about which nothing more was said than its name.
func New(name string) Rule {
	return Rule{Name: name, Sensitivity: detect.Normal, Advanced: Overrides{}, Level: detect.Page.String(), Channels: []string{}, ChannelNames: []string{}, Enabled: true}
}

// IsDefault reports the rule that every workspace has.
func (r Rule) IsDefault() bool { return r.ID == DefaultID }

// Same reports whether two rules say the same, whoever said it and when.
func (r Rule) Same(o Rule) bool {
	return r.Name == o.Name && r.Query == o.Query && r.Sensitivity == o.Sensitivity && maps.Equal(r.Advanced, o.Advanced) && r.Level == o.Level &&
		slices.Equal(r.Channels, o.Channels) && r.Runbook == o.Runbook && r.Enabled == o.Enabled
}

// Check gives the rule as it is stored. What cannot be right is a fault
// Unprocessable that names the field; where several are wrong, the first.
func (r Rule) Check() (Rule, error) {
	out, problems := r.checked()
	if len(problems) > 0 {
		return out, problems[0].fault()
	}
	return out, nil
}

// problem is what is wrong with a field, which is what details.field says and,
// in YAML, the last part of a path.
type problem struct {
	field, why string
	err        error // a fault that says more
}

func (p problem) fault() error {
	if p.err != nil {
		return p.err
	}
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' field %s.", p.field, p.why).With("field", p.field)
}

// checked finds everything that is wrong.
func (r Rule) checked() (Rule, []problem) {
	var found []problem
	wrong := func(ok bool, field, why string) {
		if !ok {
			found = append(found, problem{field: field, why: why})
		}
	}
	r.Name, r.Query, r.Runbook = strings.TrimSpace(r.Name), strings.TrimSpace(r.Query), strings.TrimSpace(r.Runbook)
	wrong(r.Name != "" && len(r.Name) <= MaxName && yamldoc.Line(r.Name), "name", "must be one line of 1 to 100 bytes that says what the rule is for")
	wrong(r.ID == "" || r.IsDefault() == (r.Name == DefaultName), "name", "must be 'default' for the rule that every workspace has, and something else for all others")
	if q, err := query.Rules.Parse(r.Query); err != nil {
		found = append(found, inQuery(err))
	} else if text := wordIn(q); text != "" {
		wrong(false, "query", "cannot search for text, such as "+text+": alerts are counted by the minute and know only "+strings.Join(query.Rules.Fields(), ", ")+". Put a field and a colon in front, such as service:billing")
	} else {
		r.Query = q.String()
	}
	wrong(slices.Contains(Sensitivities, string(r.Sensitivity)), "sensitivity", "must be one of: "+strings.Join(Sensitivities, ", "))
	wrong(slices.Contains(Levels, r.Level), "level", "must be one of: "+strings.Join(Levels, ", "))
	channels, ok := references(r.Channels)
	wrong(ok, "channels", "must hold at most 20 names or IDs of channels; leave it empty to tell all")
	wrong(r.Runbook == "" || isLink(r.Runbook), "runbook", "must be a link that begins with https:// or http://, of at most 2,000 bytes")
	found = append(found, r.checkNumbers()...)
	if ok {
		r.Channels = channels
	}
	if r.Advanced == nil {
		r.Advanced = Overrides{}
	}
	return r, found
}

// inQuery is a mistake in the query, whose position stays with it; the field of
// a rule is called query, where that of a search is q.
func inQuery(err error) problem {
	f := *fault.Of(err)
	f.Details = maps.Clone(f.Details)
	return problem{"query", strings.TrimSuffix(f.Message, "."), f.With("field", "query")}
}

// wordIn is the first term that asks for text.
func wordIn(q query.Query) string {
	for _, t := range q.Terms {
		if t.Field == query.Text {
			return "'" + t.String() + "'"
		}
	}
	return ""
}

func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(s) <= MaxRunbook && yamldoc.Line(s)
}
