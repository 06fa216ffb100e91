package normalize

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

func TestEndpoint(t *testing.T) {
	type sent struct {
		source         event.Source
		role           event.Role
		endpoint, path string
		status         int
	}
	for name, c := range map[string]struct {
		sent
		endpoint, path string
		derived        bool
	}{
		"a route":                    {sent{event.FromSpan, "", "/v1/charges/{id}", "/v1/charges/42", 500}, "/v1/charges/{id}", "/v1/charges/42", false},
		"a route with a number":      {sent{event.FromSpan, "", "/v1/tiers/1000", "/v1/tiers/1000", 500}, "/v1/tiers/1000", "/v1/tiers/1000", false},
		"no route":                   {sent{event.FromSpan, "", unmatched, "/v1/charges/42", 500}, "/v1/charges/{id}", "/v1/charges/42", true},
		"no route that was found":    {sent{event.FromSpan, "", unmatched, "/wp-login.php", 404}, unmatched, "/wp-login.php", false},
		"no path":                    {sent{event.FromSpan, "", unmatched, "", 500}, unmatched, "", false},
		"a call to others":           {sent{event.FromSpan, event.Upstream, unmatched, "/hooks/42", 500}, unmatched, "/hooks/42", false},
		"a log":                      {sent{event.FromLog, event.Context, "", "/v1/charges/42", 500}, "/v1/charges/{id}", "/v1/charges/42", true},
		"a report with a path":       {sent{event.FromHTTP, "", "", "/v1/charges/42?expand=1", 500}, "/v1/charges/{id}", "/v1/charges/42", true},
		"a report of what was not":   {sent{event.FromHTTP, "", "", "/v1/charges/42", 404}, "", "/v1/charges/42", false},
		"a path as endpoint":         {sent{event.FromHTTP, "", "/v1/charges/42?a=b", "", 404}, "/v1/charges/{id}", "/v1/charges/42", true},
		"a path as endpoint, twice":  {sent{event.FromHTTP, "", "/v1/charges/42", "/api/v1/charges/42", 500}, "/v1/charges/{id}", "/api/v1/charges/42", true},
		"a template of another sort": {sent{event.FromHTTP, "", "/v1/:version/charges/1000", "", 500}, "/v1/:version/charges/1000", "", false},
		"words":                      {sent{event.FromHTTP, "", "/v1/oauth2/token", "", 500}, "/v1/oauth2/token", "", false},
		"no path at all":             {sent{event.FromHTTP, "", "charges.create/42", "", 500}, "charges.create/42", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			ev := item(t, event.Envelope{Source: c.source, Role: c.role, Endpoint: c.sent.endpoint, Path: c.sent.path, Status: c.status}).Event
			assert.Equal(t, c.endpoint, ev.Endpoint)
			assert.Equal(t, c.path, ev.Path)
			assert.Equal(t, c.derived, ev.EndpointDerived)
		})
	}
}

// What is derived has no say in what an Issue is, and neither in what an item
// is: both stay the same when the rules become better.
func TestDerivedEndpointsMakeNoIssues(t *testing.T) {
	without := event.Envelope{Source: event.FromSpan, Endpoint: unmatched, Status: 500, FallbackMessage: "no"}
	with := without
	with.Path = "/v1/charges/42"
	a, b := item(t, without).Event, item(t, with).Event
	require.NotEqual(t, a.Endpoint, b.Endpoint)
	assert.Equal(t, a.IssueID, b.IssueID)
}

// These Issues exist in databases: a change here splits them.
func TestIssuesOfRawEndpointsStay(t *testing.T) {
	for endpoint, issue := range map[string]string{
		"/v1/charges/{id}":     "96b26911-e5b4-1ad9-60fd-e245b3066440",
		"/v1/charges/42":       "96b26911-e5b4-1ad9-60fd-e245b3066440",
		"/users/bob@x.org/s3":  "1cb5c0bd-df48-6ac5-823f-b45de917a40a",
		"/users/req_abc123/s3": "b808a4a5-d62a-f7a0-fcfc-26378cdec2a5",
	} {
		ev := item(t, event.Envelope{Source: event.FromHTTP, Method: "GET", Endpoint: endpoint, Status: 500, ExplicitCode: "x"}).Event
		assert.Equal(t, issue, ev.IssueID, endpoint)
	}
}

func TestEndpointOfTotals(t *testing.T) {
	r := event.Requests{Source: event.TotalsRequests, Minute: now, Series: event.Series{Service: "billing", Endpoint: "/v1/charges/42?a=b"}}
	got, err := Normalizer{}.Requests(r, "minute", now)
	require.NoError(t, err)
	assert.Equal(t, "/v1/charges/{id}", got.Endpoint)
	assert.Equal(t, "/v1/charges/42", got.Sent)
	assert.True(t, got.Derived)
	r.Source = event.HTTPRequests
	got, err = Normalizer{}.Requests(r, "minute", now)
	require.NoError(t, err)
	assert.Equal(t, "/v1/charges/42", got.Endpoint, "a metric's route is a route")
}
