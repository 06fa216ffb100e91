package query

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
)

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		term, value string
		want        bool
	}{
		{"service:billing", "billing", true}, {"service:billing", "billing-2", false}, {"service:billing*", "billing-2", true}, {"service:a,b", "b", true},
		{"-service:a,b", "b", false}, {"-service:a,b", "c", true}, {"status:5xx", "503", true}, {"status:5xx", "429", false}, {"status:5xx", "", false},
		{"-status:5xx", "", true}, {"status:*", "", false}, {"status:*", "200", true}, {"-provider:*", "", true}, {"-provider:*", "openai", false},
		{"method:post", "POST", true}, {"code:RATE_LIMIT*", "rate_limit_exceeded", true}, {"family:us,upstream", "upstream", true},
	} {
		q, err := Parse(c.term)
		require.NoError(t, err)
		assert.Equal(t, c.want, q.Terms[0].Holds(c.value), "%s of %q", c.term, c.value)
	}
}

// A rule is about what is counted by the minute: who was hit is not.
func TestFieldsOfRules(t *testing.T) {
	_, err := Rules.Parse("service:billing -status:503 family:us provider:*")
	require.NoError(t, err)
	_, err = Rules.Parse("service:billing customer:acme")
	f := fault.Of(err)
	assert.Equal(t, "Column 17: 'customer' is a field of failures, which alert rules do not have. The fields here are service, environment, endpoint, method, status, code, provider, family.", f.Message)
	_, err = Rules.Parse("assignee:leo")
	assert.Contains(t, fault.Of(err).Message, "is a field of issues, which alert rules do not have")
}
