package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// minuteOf is a minute of a series that fails steadily for an hour.
func minuteOf(at Minute, errors int64) *Input {
	in := &Input{Minute: at, Baseline: Baseline{Rate: .002, Requests: 300, Phi: 1}, Customers: Customers{Distinct: 9, Top: 10}}
	for i := range in.Last {
		in.Last[i] = Counts{Errors: errors, Requests: 300}
	}
	return in
}

func TestDismissedIncidentStaysAway(t *testing.T) {
	set := Default()
	s, all := Evaluate(State{}, minuteOf(1000, 40), &set)
	require.Equal(t, Firing, s.Phase)
	require.Equal(t, Fired, all[0].Kind)
	kept, err := MarshalState(Dismiss(s, Quiet, 1000))
	require.NoError(t, err)
	s, err = ReadState(kept)
	require.NoError(t, err)
	at := Minute(1001)
	for ; at <= 1000+Minute(set.Reopen); at++ {
		s, all = Evaluate(s, minuteOf(at, 40), &set)
		require.Empty(t, all, "minute %d", at)
		require.False(t, s.Active())
	}
	s, all = Evaluate(s, minuteOf(at, 40), &set)
	require.Len(t, all, 1)
	assert.Equal(t, Fired, all[0].Kind, "what goes on for so long is an incident of its own")
	assert.False(t, s.Dismissed)
}

func TestDismissedIncidentComesBack(t *testing.T) {
	set := Default()
	s, _ := Evaluate(State{}, minuteOf(1000, 40), &set)
	s = Dismiss(s, Quiet, 1000)
	s, all := Evaluate(s, minuteOf(1001, 0), &set)
	require.Empty(t, all)
	_, all = Evaluate(s, minuteOf(1002, 40), &set)
	require.Len(t, all, 1)
	assert.Equal(t, Reopened, all[0].Kind, "it was well in between")

	s, _ = Evaluate(State{}, minuteOf(1000, 40), &set)
	s.Level = Notify
	_, all = Evaluate(Dismiss(s, Quiet, 1000), minuteOf(1001, 40), &set)
	require.Len(t, all, 1)
	assert.Equal(t, Escalated, all[0].Kind, "it is louder than what was dismissed")
}

func TestDismissingWhatIsNotThere(t *testing.T) {
	assert.Equal(t, State{Minute: 7}, Dismiss(State{Minute: 7}, Page, 8))
	pending := Dismiss(State{Minute: 7, Phase: Pending, Baseline: &Baseline{}}, Page, 8)
	assert.Equal(t, Resolved, pending.Phase)
	assert.Equal(t, Page, pending.Level)
}

func TestUsual(t *testing.T) {
	low, high := Usual(100, 1)
	assert.InDelta(t, 81, low, 1)
	assert.InDelta(t, 121, high, 1)
	assert.InDelta(t, 2, score(high, 100, 1), 1e-9, "as the rules measure it")
	low, high = Usual(.1, 4)
	assert.InDelta(t, 0, low, 1e-9)
	assert.InDelta(t, 2, score(high, .1, 4), 1e-9)
}
