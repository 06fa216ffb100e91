package notify

import (
	"time"

	"errata/internal/alert"
)

// alertmanagerPayload is version 4 of what Alertmanager posts.
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
type alertmanagerPayload struct {
	Version            string              `json:"version"`
	GroupKey           string              `json:"groupKey"`
	TruncatedAlerts    int                 `json:"truncatedAlerts"`
	Status             string              `json:"status"`
	Receiver           string              `json:"receiver"`
	GroupLabels        map[string]string   `json:"groupLabels"`
	CommonLabels       map[string]string   `json:"commonLabels"`
	CommonAnnotations  map[string]string   `json:"commonAnnotations"`
	ExternalURL        string              `json:"externalURL"`
	NotificationReason string              `json:"notification_reason"`
	Alerts             []alertmanagerAlert `json:"alerts"`
}

type alertmanagerAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // year 1 while it goes on
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// sendAlertmanagerWebhook speaks as Alertmanager would, to the many receivers
// that understand it.
func sendAlertmanagerWebhook(c *call) verdict {
	return c.post(c.get("url"), c.login(), alertmanagerPayloadOf(c.message, c.channel.Name)).verdict
}

func alertmanagerPayloadOf(m alert.Message, receiver string) alertmanagerPayload {
	p := alertmanagerPayload{
		Version: "4", Status: "resolved", Receiver: receiver, NotificationReason: notificationReason(m),
		GroupKey: "errata/digest", GroupLabels: map[string]string{}, Alerts: []alertmanagerAlert{},
	}
	for _, i := range m.Incidents {
		a := alertmanagerAlert{Status: "resolved", Labels: labels(m, i), Annotations: annotations(m, i), StartsAt: i.StartedAt.UTC(), EndsAt: i.ResolvedAt.UTC(), GeneratorURL: i.URL()}
		if i.Open() {
			a.Status, a.EndsAt, p.Status = "firing", time.Time{}, "firing"
		}
		a.Fingerprint = fingerprint(a.Labels)
		p.Alerts = append(p.Alerts, a)
		p.ExternalURL = i.BaseURL
	}
	if len(p.Alerts) == 1 {
		p.GroupKey = alert.GroupKey(m.Incidents[0])
	}
	p.CommonLabels = common(p.Alerts, func(a alertmanagerAlert) map[string]string { return a.Labels })
	p.CommonAnnotations = common(p.Alerts, func(a alertmanagerAlert) map[string]string { return a.Annotations })
	for _, name := range []string{"alertname", "service", "environment", "family"} {
		if value, ok := p.CommonLabels[name]; ok {
			p.GroupLabels[name] = value
		}
	}
	return p
}

// common is what all alerts have alike.
func common(all []alertmanagerAlert, of func(alertmanagerAlert) map[string]string) map[string]string {
	out := map[string]string{}
	if len(all) == 0 {
		return out
	}
next:
	for name, value := range of(all[0]) {
		for _, other := range all[1:] {
			if v, ok := of(other)[name]; !ok || v != value {
				continue next
			}
		}
		out[name] = value
	}
	return out
}

// notificationReason says it in Alertmanager's words.
func notificationReason(m alert.Message) string {
	switch m.Kind {
	case alert.KindFiring, alert.KindReopened, alert.KindTest:
		return "first notification"
	case alert.KindResolved:
		return "all alerts resolved"
	case alert.KindUpdate:
		if len(m.Changed) == 0 {
			return "repeat interval elapsed"
		}
		return "new alerts added"
	default:
		return "new alerts added"
	}
}
