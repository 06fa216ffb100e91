package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

// everyString visits all strings of a JSON document, keys too.
func everyString(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, one := range v {
			everyString(one, f)
		}
	case map[string]any:
		for key, one := range v {
			f(key)
			everyString(one, f)
		}
	}
}

// Whatever services and customers write, what leaves is JSON within the
// receiver's limits, and calls, links and controls nothing.
func FuzzPayloads(f *testing.F) {
	for _, s := range []string{"checkout-api", "<!channel>", "@here <@U1>", "a\r\nb", "\u202e\u200b", "\"}],{\"", "\xff\xfe\x00", "{{ .Labels }}", strings.Repeat("&", 3000), strings.Repeat("🙂", 400)} {
		f.Add(s, "req_1", uint8(3))
	}
	f.Fuzz(func(t *testing.T, s, id string, n uint8) {
		m := message(alert.KindFiring)
		i := m.Incidents[0]
		i.ID, i.Service, i.Environment, i.Workspace, i.TopCustomer, i.TopCustomerShare, i.ResolvedBy = id, s, s, s, s, 1, s
		i.Members, i.Codes, i.Samples = []alert.Member{{Method: s, Endpoint: s, Share: 1}}, []alert.Share{{Name: s, Share: 1}}, []string{s, id, s, s}
		i.Deploy, i.Rule.Name, i.Rule.Letter, i.Runbook, i.BaseURL = &alert.Deploy{Release: s}, s, s, s, s
		for _, kind := range []alert.Kind{alert.KindFiring, alert.KindUpdate, alert.KindResolved, alert.KindTest, alert.KindDigest} {
			m.Kind, m.Changed, m.Incidents = kind, []string{s, id}, nil
			for range 1 + int(n)%60 {
				m.Incidents = append(m.Incidents, i)
			}
			if kind != alert.KindDigest {
				m.Incidents = m.Incidents[:1]
			}
			m := m.Clean()
			i := m.Incidents[0]
			text := alert.Write(m)
			slack := slackWords(text)
			require.LessOrEqual(t, len(slack.Blocks), 50)
			require.NotEmpty(t, slack.Text)
			for _, b := range slack.Blocks {
				if b.Text != nil {
					require.LessOrEqual(t, utf8.RuneCountInString(b.Text.Text), 3000)
					require.NotEmpty(t, b.Text.Text)
				}
			}
			event := pagerDutyTrigger("k", alert.GroupKey(i), m, i)
			require.LessOrEqual(t, utf8.RuneCountInString(event.Payload.Summary), 1024)
			require.LessOrEqual(t, utf8.RuneCountInString(event.DedupKey), 255)
			created := opsgenieCreation("errata-"+i.ID, "", m, i)
			require.LessOrEqual(t, utf8.RuneCountInString(created.Message), 130)
			require.LessOrEqual(t, utf8.RuneCountInString(created.Description), 15_000)
			require.LessOrEqual(t, utf8.RuneCountInString(created.Alias), 512)
			require.LessOrEqual(t, utf8.RuneCountInString(subject(m)), 151)
			for name, payload := range map[string]any{
				"slack": slack, "pagerduty": event, "opsgenie": created, "teams": teamsCardOf(text, "Good"), "alertmanager": alertmanagerPayloadOf(m, "r"), "labels": labels(m, i),
				"webhook": webhookData{Title: text.Title, Text: text.Plain(), Incidents: m.Incidents},
			} {
				raw := encode(payload)
				require.LessOrEqual(t, len(raw), 512_000, name)
				var back any
				require.NoError(t, json.Unmarshal(raw, &back), name)
				everyString(back, func(one string) {
					require.False(t, strings.ContainsFunc(one, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }), "%s: %q", name, one)
					if name == "slack" {
						require.NotContains(t, one, "<!")
						require.NotContains(t, one, "<@")
						require.NotContains(t, strings.ToLower(one), "@here")
					}
				})
			}
		}
	})
}
