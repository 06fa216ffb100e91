package notify

import (
	"time"

	"errata/internal/alert"
)

var pagerDutyFields = []Field{
	{Name: "routing_key", Label: "Integration key", Help: "of an Events API v2 integration of the service, 32 characters", Required: true, Secret: true,
		check: matches(`^[A-Za-z0-9]{32}$`, "must have 32 letters and digits: the integration key of an Events API v2 integration")},
	{Name: "url", Label: "Events API", Help: "https://events.eu.pagerduty.com in the EU service region", Default: "https://events.pagerduty.com", check: isURL},
}

// The limits of PagerDuty: 1,024 characters, 255, and 512 KB in all, of which
// clean Incidents never need a tenth.
const (
	pagerDutySummary = 1024
	pagerDutyKey     = 255
)

type pagerDutyEvent struct {
	RoutingKey string            `json:"routing_key"`
	Action     string            `json:"event_action"`
	DedupKey   string            `json:"dedup_key"`
	Payload    *pagerDutyPayload `json:"payload,omitempty"` // not to resolve
	Links      []pagerDutyLink   `json:"links,omitempty"`
	Client     string            `json:"client,omitempty"`
	ClientURL  string            `json:"client_url,omitempty"`
}

type pagerDutyPayload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details"`
}

type pagerDutyLink struct {
	HRef string `json:"href"`
	Text string `json:"text"`
}

// sendPagerDuty triggers, or resolves. A digest is sent Incident by Incident:
// PagerDuty has to know of each. A test resolves what it triggered.
// https://developer.pagerduty.com/docs/send-alert-event
// https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/01-Overview.md
func sendPagerDuty(c *call) verdict {
	v := done
	for _, i := range c.message.Incidents {
		key := alert.GroupKey(i)
		if c.handle != "" && len(c.message.Incidents) == 1 && len(c.handle) <= pagerDutyKey {
			key = string(c.handle) // the one it was triggered with
		}
		one := c.message
		one.Incidents = []alert.Incident{i}
		if v = c.pagerDuty(key, one, i); !v.ok() {
			return v
		}
		if c.message.Kind == alert.KindFiring || c.message.Kind == alert.KindReopened || c.message.Kind == alert.KindUpdate {
			c.attempt.Handle = Handle(key)
		}
	}
	return v
}

func (c *call) pagerDuty(key string, m alert.Message, i alert.Incident) verdict {
	to := under(c.get("url"), "/v2/enqueue")
	resolve := pagerDutyEvent{RoutingKey: c.get("routing_key"), Action: "resolve", DedupKey: key}
	if !i.Open() {
		return c.post(to, nil, resolve).verdict
	}
	if m.Kind == alert.KindDigest {
		m = m.Whole()
		m.Kind = alert.KindFiring
	}
	if v := c.post(to, nil, pagerDutyTrigger(c.get("routing_key"), key, m, i)).verdict; !v.ok() || m.Kind != alert.KindTest {
		return v
	}
	return c.post(to, nil, resolve).verdict
}

func pagerDutyTrigger(routing, key string, m alert.Message, i alert.Incident) pagerDutyEvent {
	t := alert.Write(m)
	e := pagerDutyEvent{
		RoutingKey: routing, Action: "trigger", DedupKey: key, Client: "Errata", ClientURL: i.URL(),
		Payload: &pagerDutyPayload{
			Summary: bound(t.Title, pagerDutySummary), Source: alert.What(i), Severity: i.PagerDutySeverity(),
			Timestamp: i.StartedAt.UTC().Format(time.RFC3339), Component: i.Service, Group: i.Environment, Class: string(i.Family),
			Details: map[string]any{"incident": i.Name(), "workspace": i.Workspace, "what": t.Lines, "why": t.Why, "request_ids": i.Samples},
		},
	}
	for _, l := range t.Links {
		if l.URL != "" {
			e.Links = append(e.Links, pagerDutyLink{HRef: l.URL, Text: l.Text})
		}
	}
	return e
}
