package notify

import (
	"net/http"
	"net/url"

	"errata/internal/alert"
)

var opsgenieFields = []Field{
	{Name: "api_key", Label: "API key", Help: "of an API integration", Required: true, Secret: true,
		check: matches(`^[A-Za-z0-9-]{8,100}$`, "must be the key of an API integration: letters, digits and hyphens")},
	{Name: "url", Label: "API", Help: "https://api.eu.opsgenie.com in the EU; https://api.atlassian.com/jsm/ops/integration for Jira Service Management",
		Default: "https://api.opsgenie.com", check: isURL},
	{Name: "team", Label: "Team", Help: "whose alerts these are; empty: whose integration it is"},
}

// The limits of an alert, in characters.
const (
	opsgenieMessage     = 130
	opsgenieDescription = 15_000
	opsgenieNote        = 25_000
	opsgenieTag         = 50
)

type opsgenieAlert struct {
	Message     string              `json:"message"`
	Alias       string              `json:"alias"`
	Description string              `json:"description"`
	Responders  []opsgenieResponder `json:"responders,omitempty"`
	Tags        []string            `json:"tags,omitempty"`
	Details     map[string]string   `json:"details,omitempty"`
	Entity      string              `json:"entity"`
	Source      string              `json:"source"`
	Priority    string              `json:"priority"`
}

type opsgenieResponder struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type opsgenieWord struct {
	Source string `json:"source"`
	Note   string `json:"note"`
}

// sendOpsgenie creates an alert, adds notes to it, and closes it. The alias
// makes a repeated creation the same alert. Both products speak this API.
// https://docs.opsgenie.com/docs/alert-api
// https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-integration-events/
func sendOpsgenie(c *call) verdict {
	v := done
	for _, i := range c.message.Incidents {
		one := c.message
		one.Incidents = []alert.Incident{i}
		if v = c.opsgenie(one, i); !v.ok() {
			return v
		}
	}
	return v
}

func (c *call) opsgenie(m alert.Message, i alert.Incident) verdict {
	alias := "errata-" + i.ID
	if !i.Open() {
		return c.opsgenieClose(alias, alert.Write(m).Title)
	}
	switch m.Kind {
	case alert.KindUpdate:
		t := alert.Write(m)
		return c.opsgeniePost("/"+url.PathEscape(alias)+"/notes?identifierType=alias", opsgenieWord{"Errata", bound(t.Plain(), opsgenieNote)}).verdict
	case alert.KindDigest:
		m = m.Whole()
		m.Kind = alert.KindFiring
	}
	if v := c.opsgeniePost("", opsgenieCreation(alias, c.get("team"), m, i)).verdict; !v.ok() || m.Kind != alert.KindTest {
		return v
	}
	return c.opsgenieClose(alias, "That was only a test.")
}

func opsgenieCreation(alias, team string, m alert.Message, i alert.Incident) opsgenieAlert {
	t := alert.Write(m)
	a := opsgenieAlert{
		Message: bound(t.Title, opsgenieMessage), Alias: alias, Description: bound(t.Plain(), opsgenieDescription),
		Entity: i.Service, Source: "Errata", Priority: i.OpsgeniePriority(),
		Details: map[string]string{"incident": i.Name(), "workspace": i.Workspace, "environment": i.Environment, "family": string(i.Family), "rule": i.Rule.Letter, "url": i.URL()},
	}
	for _, tag := range []string{"errata", i.Environment, string(i.Family)} {
		if tag != "" {
			a.Tags = append(a.Tags, alert.Plain(tag, opsgenieTag))
		}
	}
	if team != "" {
		a.Responders = []opsgenieResponder{{team, "team"}}
	}
	return a
}

// opsgenieClose closes; one that is not there is closed.
func (c *call) opsgenieClose(alias, note string) verdict {
	a := c.opsgeniePost("/"+url.PathEscape(alias)+"/close?identifierType=alias", opsgenieWord{"Errata", note})
	if a.status == http.StatusNotFound {
		return done
	}
	return a.verdict
}

func (c *call) opsgeniePost(path string, payload any) answer {
	return c.post(under(c.get("url"), "/v2/alerts"+path), http.Header{"Authorization": {"GenieKey " + c.get("api_key")}}, payload)
}

// bound cuts a text of several lines.
func bound(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
