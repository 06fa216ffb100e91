package query

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
)

// Issues are searched in the same language, by the fields that they have.
func TestIssuesHaveFieldsOfTheirOwn(t *testing.T) {
	q, err := Issues.Parse(`is:unresolved state:OPEN,regressed -assignee:* exception:Io* "slow down"`)
	require.NoError(t, err)
	assert.Equal(t, []Term{
		is(Is, text("unresolved")), is(State, text("open"), text("regressed")), isNot(Assignee, anything), is(Exception, prefix("Io")), is(Text, text("slow down")),
	}, q.Terms)
	again, err := Issues.Parse(q.String())
	require.NoError(t, err)
	assert.Equal(t, q, again)

	for given, want := range map[string]string{
		"customer:acme":  "Column 1: 'customer' is a field of failures, which issues do not have. The fields here are service, status",
		"a request_id:x": "Column 3: 'request_id' is a field of failures",
		"stat:open":      "Column 1: unknown field 'stat'; did you mean 'state'?",
		"state:opn":      "state 'opn' must be one of: open, acknowledged, resolved, regressed, ignored; did you mean 'open'?",
		"is:old":         "is 'old' must be one of: unresolved, new, regressed",
	} {
		_, err := Issues.Parse(given)
		require.True(t, fault.Is(err, fault.Unprocessable), given)
		assert.Contains(t, fault.Of(err).Message, want)
	}
	_, err = Parse("state:open")
	assert.Contains(t, fault.Of(err).Message, "'state' is a field of issues, which failures do not have")
	q, err = Parse("what it is: down")
	require.NoError(t, err, "a field of another list takes nothing from the text of this one")
	assert.Len(t, q.Terms, 4)
}

func TestCompleteIssues(t *testing.T) {
	assert.Equal(t, []string{"status:", "state:"}, Issues.Complete("sta", 3).Candidates)
	assert.Equal(t, []string{"regressed"}, Issues.Complete("is:r", 4).Candidates)
	assert.Equal(t, []string{"status:"}, Complete("sta", 3).Candidates)
	assert.Equal(t, Values, Issues.Complete("assignee:m", 10).Kind)
	assert.Equal(t, Nothing, Complete("assignee:m", 10).Kind)
}
