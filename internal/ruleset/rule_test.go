package ruleset

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
)

func rule(change func(r *Rule)) Rule {
	r := New("billing")
	change(&r)
	return r
}

func TestDefaultIsARule(t *testing.T) {
	r, err := Default().Check()
	require.NoError(t, err)
	assert.Equal(t, Default(), r)
	set, err := r.Settings()
	require.NoError(t, err)
	assert.Equal(t, detect.Default(), set)
	scope, err := r.Scope()
	require.NoError(t, err)
	assert.True(t, scope.All())
	assert.True(t, scope.Holds(Failure{}))
}

func TestCheckNamesTheField(t *testing.T) {
	for want, change := range map[string]func(r *Rule){
		"name: must be one line":               func(r *Rule) { r.Name = " " },
		"name: must be 'default' for the rule": func(r *Rule) { r.ID = DefaultID },
		"query: Column 1: 'customer' is a field of failures, which alert rules do not have":             func(r *Rule) { r.Query = "customer:acme" },
		"query: Column 1: unknown field 'servic'; did you mean 'service'?":                              func(r *Rule) { r.Query = "servic:x" },
		"query: cannot search for text, such as '\"connection reset\"'":                                 func(r *Rule) { r.Query = `service:x "connection reset"` },
		"sensitivity: must be one of: low, normal, high":                                                func(r *Rule) { r.Sensitivity = "loud" },
		"level: must be one of: page, ticket, notify":                                                   func(r *Rule) { r.Level = "" },
		"channels: must hold at most 20 names or IDs":                                                   func(r *Rule) { r.Channels = []string{"sl\tack"} },
		"runbook: must be a link":                                                                       func(r *Rule) { r.Runbook = "javascript:alert(1)" },
		"advanced.z: is not known":                                                                      func(r *Rule) { r.Advanced = Overrides{"z": 5} },
		"advanced.min_rate: must be a number from 0.0001 to 1 (share of 1)":                             func(r *Rule) { r.Advanced = Overrides{"min_rate": 2} },
		"advanced.persist: must be a whole number from 1 to 30 (minutes)":                               func(r *Rule) { r.Advanced = Overrides{"persist": 2.5} },
		"advanced.count_pages: must be true or false":                                                   func(r *Rule) { r.Advanced = Overrides{"count_pages": 0.5} },
		"advanced.clear_minutes: does not fit: clear_shown (3) must not be more than clear_minutes (2)": func(r *Rule) { r.Advanced = Overrides{"clear_minutes": 2} },
		"advanced.stale_after: does not fit: stale_after (60) must not be more than missing_after (30)": func(r *Rule) { r.Advanced = Overrides{"stale_after": 60} },
		"advanced.low_rate: does not fit: low_clear (0.1) must not be more than low_rate (0.05)":        func(r *Rule) { r.Advanced = Overrides{"low_rate": 0.05} },
	} {
		_, err := rule(change).Check()
		f := fault.Of(err)
		require.Equal(t, "validation_failed", f.Code, want)
		field, why, _ := strings.Cut(want, ": ")
		assert.Equal(t, field, f.Details["field"], want)
		assert.Contains(t, f.Message, why)
	}
	_, err := rule(func(r *Rule) { r.Query = "service:x nonsens:y" }).Check()
	assert.Equal(t, 11, fault.Of(err).Details["position"])
}

func TestCheckTidies(t *testing.T) {
	const one, two = "01970000-0000-7000-8000-000000000001", "01970000-0000-7000-8000-000000000002"
	r, err := rule(func(r *Rule) {
		r.Query, r.Channels, r.Runbook, r.Advanced = ` status:500..599   method:post`, []string{strings.ToUpper(two), one, two}, " https://wiki/x ", nil
	}).Check()
	require.NoError(t, err)
	assert.Equal(t, "status:5xx method:POST", r.Query)
	assert.Equal(t, []string{one, two}, r.Channels)
	assert.Equal(t, "https://wiki/x", r.Runbook)
	again, err := r.Check()
	require.NoError(t, err)
	assert.True(t, r.Same(again))
}

func TestSettings(t *testing.T) {
	set, err := rule(func(r *Rule) {
		r.Sensitivity, r.Advanced = detect.High, Overrides{"min_errors": 33, "count_pages": 1, "persist": 7, "new_customers": 4}
	}).Settings()
	require.NoError(t, err)
	want, err := detect.High.Settings()
	require.NoError(t, err)
	want.MinErrors, want.CountPages, want.Persist, want.NewCustomers = 33, true, 7, 4
	assert.Equal(t, want, set)
	_, err = rule(func(r *Rule) { r.Sensitivity = "x" }).Settings()
	assert.Equal(t, "sensitivity", fault.Of(err).Details["field"])
}

var upper = regexp.MustCompile(`([a-z])([A-Z0-9])`)

// Every number of the detector has its row, under its name, and every
// sensitivity is within the bounds.
func TestEveryNumberIsInTheTable(t *testing.T) {
	names := map[string]bool{}
	for i := range Numbers {
		n := &Numbers[i]
		assert.False(t, names[n.Name], n.Name)
		names[n.Name] = true
		assert.NotEmpty(t, n.Group)
		assert.NotEmpty(t, n.Unit)
		assert.True(t, strings.HasSuffix(n.About, "."), n.Name)
		for _, s := range Sensitivities {
			set, err := detect.Sensitivity(s).Settings()
			require.NoError(t, err)
			assert.Empty(t, n.check(n.Of(set)), "%s of %s", n.Name, s)
			v := n.Max
			if n.Of(set) == v {
				v = n.Min
			}
			n.set(&set, v)
			assert.Equal(t, v, n.Of(set), n.Name)
		}
	}
	fields := reflect.TypeFor[detect.Settings]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		if f.Name == "Objective" {
			continue // it is the service's
		}
		name := strings.ToLower(upper.ReplaceAllString(f.Name, "${1}_$2"))
		n := number(name)
		if !assert.NotNil(t, n, name) {
			continue
		}
		var set detect.Settings
		n.set(&set, n.Max)
		assert.False(t, reflect.ValueOf(set).Field(i).IsZero(), "%s sets another field", name)
	}
	assert.Equal(t, fields.NumField()-1, len(Numbers))
}

func TestScope(t *testing.T) {
	for q, want := range map[string]bool{
		"": true, "service:billing": true, "-service:billing": false, "service:batch,billing environment:prod*": true, "status:5xx": true, "status:>=503": false,
		"family:us": true, "provider:*": false, "-provider:*": true, "endpoint:/v1/* method:post": true, "code:INTERNAL_ERROR": true, "code:internal_error status:429": false,
	} {
		scope, err := rule(func(r *Rule) { r.Query = q }).Scope()
		require.NoError(t, err, q)
		assert.Equal(t, want, scope.Holds(Failure{Environment: "production", Service: "billing", Method: "POST", Endpoint: "/v1/charges", Status: 500, Code: "internal_error", Family: event.FamilyUs}), q)
	}
	for _, q := range []string{"timeout", "customer:acme", "release:1", "request:r*", "trace:*", "is:new"} {
		_, err := rule(func(r *Rule) { r.Query = q }).Scope()
		assert.Contains(t, fault.Of(err).Message, "service, environment, endpoint, method, status, code, provider, family", q)
	}
	for q, want := range map[string]bool{"": true, "-service:batch environment:production": true, "service:a code:b": false} {
		scope, err := rule(func(r *Rule) { r.Query = q }).Scope()
		require.NoError(t, err)
		assert.Equal(t, want, scope.ByService(), q)
	}
}

func TestOverridesInJSON(t *testing.T) {
	b, err := json.Marshal(Overrides{"count_pages": 1, "min_rate": 0.05})
	require.NoError(t, err)
	assert.JSONEq(t, `{"count_pages":true,"min_rate":0.05}`, string(b))
	var o Overrides
	require.NoError(t, json.Unmarshal(b, &o))
	assert.Equal(t, Overrides{"count_pages": 1, "min_rate": 0.05}, o)
	for body, field := range map[string]string{`{"count_pages":1}`: "advanced.count_pages", `{"min_rate":true}`: "advanced.min_rate", `{"min_rate":"5%"}`: "advanced.min_rate", `[1]`: "advanced"} {
		err := json.Unmarshal([]byte(body), &o)
		assert.Equal(t, field, fault.Of(err).Details["field"], body)
	}
}
