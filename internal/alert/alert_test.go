package alert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"errata/internal/event"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr[T any](v T) *T { return &v }

// checkout is the Incident of the message contract.
func checkout() Incident {
	return Incident{
		ID: "0192f", Number: 12, Workspace: "Acme", Environment: "production", Service: "checkout-api", Family: event.FamilyUs,
		Level: Page, State: Firing, Rule: Rule{Letter: "A", Name: "spike"},
		Why:       Why{Statistic: "z", Value: 31, Limit: 5, Ratio: ptr(0.078), RatioLimit: 0.02, NormalRatio: ptr(0.002), Minutes: 5, OfMinutes: 5, WindowMinutes: 5},
		StartedAt: at("2026-11-20T14:02:00Z"), FiredAt: at("2026-11-20T14:07:00Z"),
		Errors: 412, Requests: ptr(int64(5282)), Customers: 37,
		Members: []Member{{Method: "POST", Endpoint: "/v1/charges", Share: 0.91}},
		Codes:   []Share{{"internal_error", 0.88}, {"timeout", 0.12}},
		Deploy:  &Deploy{Release: "2026.11.20-3", At: at("2026-11-20T13:58:00Z")},
		Samples: []string{"req_9f3a", "req_71bc", "req_e02d"},
		BaseURL: "https://errata.example/",
	}
}

func message(kind Kind, i Incident) Message {
	return Message{ID: "d1", Kind: kind, Incidents: []Incident{i}, Seq: 1, At: at("2026-11-20T14:07:30Z")}
}

func TestFiring(t *testing.T) {
	assert.Equal(t, `[FIRING] checkout-api 5xx  7.8% of requests (normal 0.2%), 412 errors / 5 min, 37 customers, since 14:02 UTC
POST /v1/charges 91% of it | internal_error 88%, timeout 12% | started 4 min after deploy 2026.11.20-3
Sample: req_9f3a req_71bc req_e02d        [Incident] [Silence 1h] [Ack]
Why it fired: rule A, z=31 (limit 5), 7.8% >= 2%, 5 of 5 minutes
Incident: https://errata.example/incidents/0192f
Silence 1h: https://errata.example/incidents/0192f?do=silence&for=1h
Ack: https://errata.example/incidents/0192f?do=ack
INC-12 | Acme | production | page`, Write(message(KindFiring, checkout())).Plain())
}

func TestResolved(t *testing.T) {
	i := checkout()
	i.State, i.ResolvedAt, i.PeakRatio, i.TotalErrors = Resolved, at("2026-11-21T15:40:00Z"), ptr(0.124), 3412
	m := message(KindResolved, i)
	m.At = i.ResolvedAt
	text := Write(m)
	assert.Equal(t, "[RESOLVED] checkout-api 5xx  lasted 1 d 1 h, peak 12% of requests, 3,412 errors, 37 customers, from 20 Nov 14:02 UTC to 15:40 UTC", text.Title)
	assert.Contains(t, text.Plain(), "Was this useful?\nyes: https://errata.example/incidents/0192f?do=vote&vote=useful\ntoo noisy: ")
	assert.NotContains(t, text.Plain(), "Ack")
	for by, want := range map[string]string{"missing_data": "closed because no data comes any more", "accepted": "accepted as the new normal", "rule_off": "rule was removed", "mia": "closed by mia"} {
		i.ResolvedBy = by
		assert.Contains(t, Write(message(KindResolved, i)).Title, want)
	}
}

func TestWithoutRequestTotalsThereIsNoRate(t *testing.T) {
	i := checkout()
	i.Requests, i.Why.NormalRatio, i.Why.Ratio, i.Why.NormalErrors = nil, nil, nil, ptr(3.4)
	i.Rule = Rule{Letter: "F", Name: "count"}
	text := Write(message(KindFiring, i))
	assert.Equal(t, "[FIRING] checkout-api 5xx  412 errors / 5 min (normal 3.4), 37 customers, since 14:02 UTC", text.Title)
	assert.Equal(t, "Why it fired: rule F, z=31 (limit 5), 5 of 5 minutes", text.Why)
}

func TestOtherEnvironmentsAreNamed(t *testing.T) {
	i := checkout()
	i.Environment = "staging"
	assert.Contains(t, Write(message(KindFiring, i)).Title, "[FIRING] checkout-api (staging) 5xx  7.8%")
	i.Family, i.Rule.Name = "", "ingest heartbeat"
	assert.Contains(t, Write(message(KindFiring, i)).Title, "checkout-api (staging) ingest heartbeat  ")
}

func TestWhoIsConcerned(t *testing.T) {
	i := checkout()
	i.Family, i.TopCustomer, i.TopCustomerShare, i.Deploy = event.FamilyLimits, "acme", 0.92, nil
	assert.Equal(t, "POST /v1/charges 91% of it | internal_error 88%, timeout 12% | customer acme 92%", Write(message(KindFiring, i)).Lines[0])
	i.TopCustomerShare = 0.49
	assert.NotContains(t, Write(message(KindFiring, i)).Plain(), "acme", "one among others is nobody's business")
}

func TestUpdatesSayWhatChanged(t *testing.T) {
	m := message(KindUpdate, checkout())
	m.Changed = []string{"GET /v1/refunds joined"}
	assert.Equal(t, "GET /v1/refunds joined", Write(m).Lines[0])
	assert.Equal(t, KindFiring, m.Whole().Kind)
	assert.NotContains(t, Write(m.Whole()).Lines, "GET /v1/refunds joined")
}

func TestDigest(t *testing.T) {
	resolved := checkout()
	resolved.State, resolved.ResolvedAt, resolved.Number = Resolved, at("2026-11-20T14:30:00Z"), 13
	m := message(KindDigest, checkout())
	m.Incidents = append(m.Incidents, resolved)
	text := Write(m)
	assert.Equal(t, "[DIGEST] 2 incidents: 1 firing, 1 resolved", text.Title)
	assert.Contains(t, text.Lines[0], "INC-12 [FIRING] checkout-api 5xx  7.8%")
	assert.Contains(t, text.Lines[1], "INC-13 [RESOLVED] checkout-api 5xx  lasted 28 min")
}

func TestTheTestMessageSaysSo(t *testing.T) {
	m := Test("d9", "Acme", "https://errata.example", at("2026-11-20T14:07:30Z"))
	assert.Contains(t, Write(m).Title, "[TEST] Nothing is wrong. An incident would look like this: example-api (test) 5xx  7.8%")
	assert.Equal(t, m.Kind, m.Whole().Kind)
	assert.NotContains(t, Write(m).Plain(), "/incidents/", "links must not lead nowhere")
}

func TestNumbers(t *testing.T) {
	for x, want := range map[float64]string{31.4: "31", 9.96: "10", 5: "5", 7.82: "7.8", 0.2: "0.2", 0.05: "0.05", 0: "0", 1234567: "1234567"} {
		assert.Equal(t, want, number(x))
	}
	assert.Equal(t, "<0.01%", percent(0.00001))
	assert.Equal(t, "1,234,567 errors", count(1234567, "error"))
	assert.Equal(t, "1 error", count(1, "error"))
	assert.Equal(t, "999 errors", count(999, "error"))
}

func TestKeys(t *testing.T) {
	assert.Equal(t, "0192f:c7:3", DedupKey("0192f", "c7", 3))
	assert.Equal(t, "errata/production/0192f", GroupKey(checkout()))
	i := checkout()
	i.Environment, i.ID = "", string(make([]rune, 500))
	assert.LessOrEqual(t, len(GroupKey(i)), 255)
}

func TestSeverities(t *testing.T) {
	for _, c := range []struct {
		i                             Incident
		pagerduty, opsgenie, severity string
	}{
		{Incident{Level: Page}, "critical", "P1", "critical"},
		{Incident{Level: Page, LowUrgency: true}, "error", "P2", "critical"},
		{Incident{Level: Ticket}, "warning", "P3", "warning"},
		{Incident{Level: Notify}, "info", "P4", "info"},
	} {
		assert.Equal(t, []string{c.pagerduty, c.opsgenie, c.severity}, []string{c.i.PagerDutySeverity(), c.i.OpsgeniePriority(), c.i.Severity()})
	}
}
