package web

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

// strange is a name of everything: what an opaque one may look like.
const strange = `a/b%2F{x}:"y" <i>z</i>`

// trade is some days of a small company: failures of all sides in three
// services, a deploy four hours ago that broke charges, and names that nobody
// should have given. Where totals are wanted, requests are counted for billing.
func (f *fixture) trade(totals bool) {
	f.t.Helper()
	r := rand.New(rand.NewPCG(3, 9))
	kinds := []event.Event{
		{Status: 429, Code: "rate_limit_exceeded", RawCode: "RATE_LIMIT_EXCEEDED", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run", Customer: "acme"},
		{Status: 502, Code: "provider_error", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run", Customer: "hooli", Upstream: &event.UpstreamInfo{Provider: "openai", Code: "overloaded"}},
		{Status: 422, Code: "validation_failed", Service: "billing", Method: "POST", Endpoint: "/v1/charges", Customer: "mia@example.com"},
		{Status: 500, Code: "internal_error", Service: "billing", Method: "POST", Endpoint: "/v1/refunds", Customer: "acme"},
		{Status: 409, Code: "ledger_drift", Service: "billing", Method: "GET", Endpoint: "/v1/invoices/{id}", Customer: "acme"},
		{Status: 503, Code: "service_unavailable", Service: "search", Endpoint: "Search/Query"},
		{Status: 400, Code: strange, Service: strange, Method: "GET", Endpoint: strange, Customer: strange},
	}
	var list []event.Event
	add := func(e event.Event, age time.Duration, release string) {
		e.OccurredAt, e.RequestID, e.Release = f.now.Add(-age), fmt.Sprintf("req_t%d", len(list)), release
		if len(list)%2 == 0 {
			e.DurationMS = ptr(float64(20 + len(list)))
		}
		list = append(list, e)
	}
	deployed := 4 * time.Hour
	for i := range 420 {
		age := time.Duration(r.Float64() * r.Float64() * float64(6*24*time.Hour))
		release := "2026.11.20-2"
		if age < deployed {
			release = "2026.11.20-3"
		}
		add(kinds[i%7], age, release)
	}
	broken := event.Event{Status: 503, Code: "db_pool_exhausted", Service: "billing", Method: "POST", Endpoint: "/v1/charges", Customer: "acme", Message: "no connection left"}
	for i := range 90 {
		add(broken, time.Duration(i)*2*time.Minute, "2026.11.20-3")
	}
	f.write(list...)
	require.NoError(f.t, f.AddDeploy(context.Background(), store.System, store.DefaultWorkspace, store.Deploy{
		Service: "billing", Environment: "production", Release: "2026.11.20-3", At: event.Time{Time: f.now.Add(-deployed)}, URL: "https://ci.example/runs/812"}))
	require.NoError(f.t, f.AddDeploy(context.Background(), store.System, store.DefaultWorkspace, store.Deploy{
		Service: strange, Environment: "production", Release: strange, At: event.Time{Time: f.now.Add(-deployed)}, URL: "javascript:alert(1)"}))
	if totals {
		f.count("billing", "POST", "/v1/charges", 30)
		f.count("billing", "GET", "/v1/invoices/{id}", 12)
		f.count("billing", "POST", "/v1/refunds", .01) // low traffic
		f.count("quiet", "GET", "/", 7)                // never fails
	}
	_, err := f.RollUp(context.Background(), f.now)
	require.NoError(f.t, err)
}

// count tells of n requests a minute in the last three days.
func (f *fixture) count(service, method, endpoint string, n float64) {
	f.t.Helper()
	var list []event.Requests
	const step = 10 * time.Minute
	for at := f.now.Add(-3 * 24 * time.Hour).Truncate(step); at.Before(f.now); at = at.Add(step) {
		list = append(list, event.Requests{Workspace: store.DefaultWorkspace, Minute: at, N: n * step.Minutes(), Source: event.TotalsRequests,
			Series: event.Series{Service: service, Environment: "production", Method: method, Endpoint: endpoint}})
	}
	require.NoError(f.t, f.CountRequests(context.Background(), list))
}

// topics are the addresses of all kinds of pages of topics.
func topics() []string {
	return []string{
		"/services", "/services/billing", pathOfService(strange), "/e/billing/POST/v1/charges", pathOfEndpoint("search", "", "Search/Query"), pathOfEndpoint(strange, "GET", strange),
		"/codes", "/codes?undocumented=1", "/codes/db_pool_exhausted", "/codes/billing/db_pool_exhausted", "/codes/prompts-api/provider_error",
		"/customers/acme", "/customers/mia@example.com", pathOfCustomer(strange), "/releases", "/releases?service=billing",
		"/releases?service=billing&environment=production&release=2026.11.20-3", pathOfRelease(strange, "production", strange),
	}
}

// without leaves out the texts that contain a word.
func without(list []string, word string) []string {
	var out []string
	for _, s := range list {
		if !strings.Contains(s, word) {
			out = append(out, s)
		}
	}
	return out
}
