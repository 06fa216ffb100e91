package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"errata/internal/alert"
)

var alertmanagerWebhookFields = append([]Field{
	{Name: "url", Label: "URL", Help: "of a receiver for Alertmanager's webhooks", Required: true, check: isURL},
}, loginFields...)

var alertmanagerFields = append([]Field{
	{Name: "url", Label: "URL", Help: "of Alertmanager, without /api/v2/alerts", Required: true, check: isURL},
}, loginFields...)

// labels identify an Incident: they say the same from its first message to its
// last, or Alertmanager would take them for two.
func labels(m alert.Message, i alert.Incident) map[string]string {
	name := "ErrataIncident"
	if m.Kind == alert.KindTest {
		name = "ErrataTest"
	}
	return filled(map[string]string{
		"alertname": name, "incident": i.Name(), "incident_id": i.ID, "workspace": i.Workspace, "environment": i.Environment,
		"service": i.Service, "family": string(i.Family), "rule": i.Rule.Letter, "severity": i.Severity(),
	})
}

// annotations are what people read.
func annotations(m alert.Message, i alert.Incident) map[string]string {
	one := m
	one.Incidents = []alert.Incident{i}
	if m.Kind == alert.KindDigest {
		one.Kind = alert.KindFiring
		one = one.Whole()
	}
	t := alert.Write(one)
	return filled(map[string]string{
		"summary": t.Title, "description": strings.Join(t.Lines, "\n"), "why": t.Why,
		"request_ids": strings.Join(i.Samples, " "), "runbook_url": i.Runbook,
	})
}

// filled drops empty values: Alertmanager takes an empty label for none.
func filled(m map[string]string) map[string]string {
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

// fingerprint tells label sets apart, as Alertmanager's do: 16 hex digits.
func fingerprint(labels map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(h, "%q=%q,", name, labels[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// pushed is postableAlert of Alertmanager's API.
type pushed struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// endsSoon is when a firing Incident ends in Alertmanager's eyes unless it is
// sent again, which it is every minute: long enough for a restart, short
// enough that nothing fires for ever after Errata is gone.
const endsSoon = 5 * time.Minute

// sendAlertmanager pushes Incidents as Prometheus does, for teams that have
// their routing tree there.
// https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
func sendAlertmanager(c *call) verdict {
	now := time.Now().UTC()
	alerts := []pushed{}
	for _, i := range c.message.Incidents {
		p := pushed{
			Labels: labels(c.message, i), Annotations: annotations(c.message, i),
			StartsAt: i.StartedAt.UTC(), EndsAt: now.Add(endsSoon), GeneratorURL: i.URL(),
		}
		if !i.Open() {
			p.EndsAt = i.ResolvedAt.UTC()
		}
		if c.message.Kind == alert.KindTest {
			p.EndsAt = now.Add(time.Minute)
		}
		alerts = append(alerts, p)
	}
	return c.post(under(c.get("url"), "/api/v2/alerts"), c.login(), alerts).verdict
}
