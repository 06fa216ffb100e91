package incident

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/event"
)

func at(clock string) event.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-11-20 "+clock)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return event.Time{Time: t}
}

func TestForCustomers(t *testing.T) {
	over := at("14:21")
	r := Record{Family: "5xx", Environment: "production", Service: "checkout-api", State: detect.Firing, StartedAt: at("14:02"),
		Why:   detect.Why{Rule: detect.Spike, Requests: 5282, Rate: .078, Customer: "acme"},
		Facts: Facts{Endpoints: []alert.Member{{Method: "POST", Endpoint: "/v1/charges", Share: .91}}}}
	assert.Equal(t, "Since 20 November 14:02 UTC some requests to checkout-api fail because of an error on our side, about 8 of 100. Mostly concerned: POST /v1/charges. "+
		"Our monitoring has noticed it. Please try again, with a longer pause after each attempt that fails.", ForCustomers(&r))
	r.AckedAt = &over
	assert.Contains(t, ForCustomers(&r), "Our engineers are looking into it.")
	r.State, r.ResolvedAt, r.Peak = detect.Resolved, &over, .995
	assert.Equal(t, "From 20 November 14:02 UTC to 20 November 14:21 UTC some requests to checkout-api failed because of an error on our side, nearly all of them. "+
		"Mostly concerned: POST /v1/charges. It is over. What failed in that time can be sent again.", ForCustomers(&r))

	limits := Record{Family: "429", Environment: "staging", Service: "a", State: detect.Firing, StartedAt: at("14:02"), Why: detect.Why{Rule: detect.Concentrated, Customer: "acme"}}
	assert.Contains(t, ForCustomers(&limits), "requests of one customer to a (staging) are refused")
	provider := Record{Family: "5xx", Provider: "openai", State: detect.Firing, StartedAt: at("14:02")}
	silent := Record{Family: "5xx", Service: "a", State: detect.Firing, StartedAt: at("14:02"), Why: detect.Why{Rule: detect.Heartbeat}}
	for _, r := range []Record{limits, provider, silent} {
		assert.NotContains(t, ForCustomers(&r), "acme", "customers are not told of others")
		assert.NotContains(t, ForCustomers(&r), "openai")
	}
}

func TestMostAlike(t *testing.T) {
	with := func(number int, codes ...string) Record {
		r := Record{Number: number}
		for _, c := range codes {
			r.Facts.Codes = append(r.Facts.Codes, alert.Share{Name: c})
		}
		return r
	}
	r := with(9, "a", "b")
	var got []int
	for _, o := range MostAlike(&r, []Record{with(8), with(7, "a"), with(6, "c", "b", "a"), with(5, "b")}, 3) {
		got = append(got, o.Number)
	}
	assert.Equal(t, []int{6, 7, 5}, got)
}

func TestWhoEndedIt(t *testing.T) {
	for reason, want := range map[string][2]string{"clear": {"clear", ""}, "mia": {ReasonByHand, "mia"}, "missing_data": {"missing_data", ""}} {
		var r Record
		r.Ended(reason, false)
		assert.Equal(t, want, [2]string{r.Reason, r.ResolvedBy})
	}
	var r Record
	r.Ended("mia", true)
	assert.Equal(t, "accepted", r.Reason)
}

func TestExplain(t *testing.T) {
	assert.Equal(t, "Rule A (spike): 7.8% of 5282 requests in 5 minutes failed, usually 0.2%, at least 2% wanted, z 31 (limit 5.5), 5 of 5 minutes, 37 customers.",
		Explain(&detect.Why{Rule: detect.Spike, Window: 5, Errors: 412, Requests: 5282, Rate: .078, Limit: .02, Normal: .002, Score: 31.2, MinScore: 5.5, Persist: "5 of 5 minutes", Customers: 37}))
	assert.Equal(t, "Rule F (count): 90 errors in 5 minutes, usually 0.02 a minute, at least 10 wanted, z 18 (limit 5.5), no request totals.",
		Explain(&detect.Why{Rule: detect.Count, Window: 5, Errors: 90, Limit: 10, Normal: .02, Score: 18, MinScore: 5.5, Note: "no request totals"}))
	assert.Equal(t, "Rule H (heartbeat): no request in 30 minutes, usually 1200.", Explain(&detect.Why{Rule: detect.Heartbeat, Window: 30, Normal: 1200}))
	assert.Equal(t, "Rule 429 (one customer's limits): 60 errors in 10 minutes, 92% of it one customer: acme.",
		Explain(&detect.Why{Rule: detect.Concentrated, Window: 10, Errors: 60, Customers: 1, TopShare: .92, Customer: "acme"}))
}
