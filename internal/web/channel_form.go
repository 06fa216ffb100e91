package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/notify"
	"errata/internal/store"
)

// channelForm is what somebody fills in about a channel. What is secret goes
// only in: it is not in any page, not even where what was typed is shown again.
type channelForm struct {
	Action, Kind      string
	New               bool
	Name, Hourly      string
	Fields            []channelField
	Levels, Fallbacks []choice
	Enabled, Capped   bool
	Wrong             map[string]string // what is wrong, by field
}

// channelField is one thing that a kind of channel asks for.
type channelField struct {
	ID, Name       string // Name is as faults have it: settings.url
	Label, Help    string
	Value, Default string
	Required       bool
	Secret, Set    bool
	Removable      bool // a secret that it can do without
	Choices        []choice
	Wrong          string
}

// Problem is what is wrong with a field of every channel.
func (f *channelForm) Problem(name string) string { return f.Wrong[name] }

// newChannelForm shows a channel as spec has it; had are the names of the secrets
// that are set.
func newChannelForm(action string, spec *store.ChannelSpec, had []string, others []store.Channel, self string) *channelForm {
	kind := notify.Kind(spec.Kind)
	f := &channelForm{Action: action, Kind: spec.Kind, New: self == "", Name: spec.Name, Hourly: itoa(spec.Hourly), Enabled: spec.Enabled, Capped: !kind.Tracks(), Wrong: map[string]string{},
		Levels: choices(string(spec.Level), "notify", "everything", "ticket", "pages and tickets", "page", "pages only")}
	for _, field := range kind.Fields() {
		out := channelField{Name: "settings." + field.Name, Label: field.Label, Help: field.Help, Default: field.Default, Required: field.Required && field.Default == "", Secret: field.Secret}
		if field.Secret {
			out.Name, out.Set = "secrets."+field.Name, slices.Contains(had, field.Name)
			out.Removable = out.Set && !field.Required
		} else {
			out.Value = spec.Settings[field.Name]
		}
		out.ID = "f-" + strings.ReplaceAll(out.Name, ".", "-")
		chosen := out.Value
		if chosen == "" {
			chosen = field.Default
		}
		for _, one := range field.Choices {
			out.Choices = append(out.Choices, choice{one, one, one == chosen})
		}
		f.Fields = append(f.Fields, out)
	}
	f.Fallbacks = []choice{{"", "none", spec.Fallback == ""}}
	for i := range others {
		if o := &others[i]; o.ID != self {
			f.Fallbacks = append(f.Fallbacks, choice{o.ID, o.Name, o.ID == spec.Fallback})
		}
	}
	return f
}

// refuse puts what is wrong beside its field, and gives what has none.
func (f *channelForm) refuse(c *gin.Context, why *fault.Fault) string {
	f.Hourly = c.PostForm("hourly")
	field, _ := why.Details["field"].(string)
	text := wrongWords(why.Message, field)
	for i := range f.Fields {
		if f.Fields[i].Name == field {
			f.Fields[i].Wrong = text
			return "Nothing was saved: see “" + f.Fields[i].Label + "”. Secrets have to be entered again."
		}
	}
	if label := map[string]string{"name": "Name", "level": "Tell it about", "fallback": "Fallback", "hourly": "Messages an hour"}[field]; label != "" {
		f.Wrong[field] = text
		return "Nothing was saved: see “" + label + "”. Secrets have to be entered again."
	}
	return why.Message
}

// wrongWords is what is wrong with a field, to stand beside it.
func wrongWords(message, field string) string {
	for _, kind := range []string{"field", "parameter"} {
		if rest, ok := strings.CutPrefix(message, "The '"+field+"' "+kind+" "); ok && rest != "" {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return message
}

// readChannel is what somebody filled in; also what cannot be, so that it can be
// shown again.
func readChannel(c *gin.Context, kind string) (store.ChannelSpec, error) {
	spec := store.ChannelSpec{Name: strings.TrimSpace(c.PostForm("name")), Kind: kind, Settings: map[string]string{}, Secrets: store.Secrets{},
		Level: alert.Level(c.PostForm("level")), Fallback: c.PostForm("fallback"), Enabled: c.PostForm("enabled") != ""}
	for _, f := range notify.Kind(kind).Fields() {
		if !f.Secret {
			if v := strings.TrimSpace(c.PostForm("settings." + f.Name)); v != "" {
				spec.Settings[f.Name] = v
			}
			continue
		}
		if v := strings.TrimSpace(c.PostForm("secrets." + f.Name)); v != "" {
			spec.Secrets[f.Name] = v
		} else if c.PostForm("forget."+f.Name) != "" {
			spec.Secrets[f.Name] = ""
		}
	}
	if notify.Kind(kind).Tracks() { // is not asked
		spec.Hourly = store.DefaultHourly
		return spec, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(c.PostForm("hourly")))
	if err != nil {
		return spec, fault.New(fault.Unprocessable, "validation_failed", "The 'hourly' field must be a number from 1 to 1000").With("field", "hourly")
	}
	spec.Hourly = n
	return spec, nil
}

// specOf is a channel as it is: what is secret stays.
func specOf(ch *store.Channel) store.ChannelSpec {
	spec := store.ChannelSpec{Name: ch.Name, Kind: ch.Kind, Settings: ch.Settings, Level: ch.Level, Hourly: ch.Hourly, Enabled: ch.Enabled}
	if ch.Fallback != nil {
		spec.Fallback = *ch.Fallback
	}
	return spec
}
