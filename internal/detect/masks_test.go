package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An incident of more than a day masks all that there is to learn from. What was
// normal before it goes on being that, and the next outage is found as soon as any.
func TestIncidentOfDays(t *testing.T) {
	for _, base := range []float64{0.0005, 0.01} {
		s := newScene(t, 300, base, Default(), Server).week()
		before := s.replay.in.Baseline
		s.run(40*60, 0.3).run(60, base)
		s.incidents(1)
		now := s.replay.in.Baseline
		require.Less(t, now.Minutes, 60, "the day is masked")
		state := &s.replay.State
		require.Equal(t, OK, state.Phase)
		require.NotNil(t, state.Before)
		assert.False(t, state.Blank(), "the store keeps it")
		b := inForce(state, &s.replay.in, s.replay.settings)
		assert.InEpsilon(t, before.Rate, b.Rate, 0.3)
		assert.InEpsilon(t, 300, b.Requests, 0.1)
		assert.GreaterOrEqual(t, b.Minutes, 1000)

		raw, err := MarshalState(*state)
		require.NoError(t, err)
		s.replay.State, err = ReadState(raw)
		require.NoError(t, err)
		s.run(2, 0.3).run(20, base)
		s.incidents(1) // a blip was pending, and forgot nothing
		require.NotNil(t, s.replay.State.Before)
		began := s.at
		s.run(30, 0.06) // below what pages of a service that nobody knows
		i := s.incidents(2)
		assert.LessOrEqual(t, after(i.Fired, began), 10)
		assert.InEpsilon(t, before.Rate, i.Why.Normal, 0.3)

		s.run(9*60, base)
		assert.Nil(t, s.replay.State.Before, "by now the day says it")
		assert.True(t, s.replay.State.Blank())
	}
}

// Who accepts an incident as normal wants what was normal before forgotten.
func TestAcceptForgetsWhatWasNormal(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week().run(40*60, 0.3).run(60, 0.002).run(20, 0.3)
	require.Nil(t, s.replay.State.Before, "one of them is enough")
	require.NotNil(t, s.replay.State.Baseline)
	state, _ := Accept(s.replay.State, s.at)
	assert.Nil(t, state.Before)
}
