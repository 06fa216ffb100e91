package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOutagePagesInThreeMinutes(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	began := s.at
	s.run(20, 0.6).run(60, s.base)
	i := s.incidents(1)
	assert.Equal(t, Fast, i.Rule)
	assert.Equal(t, Page, i.Level)
	assert.Equal(t, 0, after(i.Started, began))
	assert.Equal(t, 2, after(i.Fired, began), "in the third minute")
	assert.LessOrEqual(t, after(i.Resolved, began), 20+5+10)
	assert.Equal(t, ReasonClear, i.Reason)
	assert.Equal(t, []string{"became", "fired page", "recovering page", "resolved page clear"}, s.told)
	assert.InDelta(t, 0.6, i.Why.Rate, 0.05)
	assert.InDelta(t, 0.002, i.Why.Normal, 0.0005)
}

func TestRulesByTheirTraffic(t *testing.T) {
	for _, c := range []struct {
		name          string
		load, base    float64
		rate          float64
		minutes, soon int
		rule          Rule
	}{
		{"a spike", 300, 0.002, 0.10, 20, 5, Spike},
		{"barely three times normal", 300, 0.01, 0.032, 90, 45, Slow},
		{"few requests, all bad", 0.5, 0.002, 0.95, 180, 60, LowVolume},
		{"ten a minute, one in twelve bad", 10, 0.002, 0.083, 150, 80, Slow},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, c.load, c.base, Default(), Server).week()
			began := s.at
			s.run(c.minutes, c.rate).run(120, c.base)
			i := s.incidents(1)
			assert.Equal(t, Page, i.Level)
			assert.Equal(t, c.rule.String(), i.Rule.String())
			assert.Less(t, after(i.Fired, began), c.soon)
			assert.NotZero(t, i.Resolved)
			assert.Equal(t, c.rule == LowVolume, i.Why.Urgency == "low")
		})
	}
}

func TestBlipsDoNotPage(t *testing.T) {
	s := newScene(t, 300, 0.01, Default(), Server).week()
	for range 20 {
		s.run(2, 0.3).run(25, s.base) // two an hour
	}
	s.incidents(0)
	assert.Contains(t, s.told, "became", "they are pending, and that is all")
}

// One incident, however often it comes and goes within half an hour.
func TestHysteresis(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	s.run(10, 0.4)
	for range 6 {
		s.run(7, s.base).run(4, 0.4)
	}
	s.run(25, s.base)
	assert.NotZero(t, s.incidents(1).Resolved)
	s.run(10, 0.4) // within 30 minutes: the same, silently
	i := s.incidents(1)
	assert.Equal(t, 1, i.Reopened)
	assert.Zero(t, i.Resolved)
	s.run(80, s.base).run(10, 0.4)
	s.incidents(2)
}

// What is normal is not learned from incidents, not even from long ones.
func TestMasking(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	before := Learn(s.replay.History.Past(s.at), s.replay.settings).Rate
	s.run(20*60, 0.3)
	assert.InDelta(t, before, s.replay.State.Baseline.Rate, 0.0005, "frozen while it fires")
	assert.InDelta(t, before, Learn(s.replay.History.Past(s.at), s.replay.settings).Rate, 0.0005)
	s.run(120, s.base)
	began := s.at
	s.run(30, 0.04) // which would be nothing new, had it been learned
	assert.Less(t, after(s.incidents(2).Fired, began), 10)
}

func TestAcceptAsNewNormal(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week().run(1500, 0.05)
	s.incidents(1)
	state, out := Accept(s.replay.State, s.at)
	assert.Equal(t, OK, state.Phase)
	assert.Equal(t, ReasonAccepted, out[0].Reason)
	again, none := Accept(state, s.at)
	assert.Equal(t, state, again)
	assert.Empty(t, none)
}

// A release that changes the share of errors for good pages at most once, and
// not at all below the limit.
func TestLevelShifts(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week().run(3*1440, 0.012)
	s.incidents(0)
	s.run(2*1440, 0.08)
	assert.Zero(t, s.incidents(1).Resolved)
}

func TestMissingData(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week().run(10, 0.5)
	s.change = func(in *Input) { in.Missing = true }
	s.run(3, 0)
	assert.Equal(t, Stale, s.replay.State.Phase)
	s.change = func(in *Input) { in.Missing = false }
	s.run(2, 0.5)
	assert.Equal(t, Firing, s.replay.State.Phase)
	s.load = 0 // the whole service is silent: no recovery either
	s.run(29, 0)
	assert.Equal(t, Stale, s.replay.State.Phase)
	s.run(5, 0)
	assert.Equal(t, ReasonMissing, s.incidents(1).Reason)
}

// Where there are few requests, minutes without any are not clear.
func TestSilenceIsNoRecovery(t *testing.T) {
	s := newScene(t, 0.5, 0.002, Default(), Server).week().run(120, 0.95)
	s.incidents(1)
	s.load = 0
	s.run(100, 0)
	assert.Equal(t, Firing, s.replay.State.Phase)
	s.load = 0.5
	s.run(60, 0)
	assert.Equal(t, ReasonClear, s.incidents(1).Reason)
}

// Nobody knows what is normal for a service that is new: only what is bad for
// any service pages, and what it does is learned.
func TestNewServices(t *testing.T) {
	s := newScene(t, 300, 0.04, Default(), Server).run(2*1440, 0.04)
	s.incidents(0)
	s = newScene(t, 300, 0.04, Default(), Server).run(30, 0.04).run(10, 0.5)
	s.incidents(1)
	counts(t, 300, 0.04, Default()).run(2*1440, 0.04).incidents(0)
}

func TestObjective(t *testing.T) {
	set := Default()
	set.Objective = 0.999
	s := newScene(t, 3000, 0.0002, set, Server).week()
	began := s.at
	s.run(180, 0.016) // below two percent, sixteen times the budget
	i := s.incidents(1)
	assert.Equal(t, Burn, i.Rule)
	assert.Less(t, after(i.Fired, began), 60)
}

func TestSensitivity(t *testing.T) {
	fired := map[Sensitivity]int{}
	for _, word := range []Sensitivity{Low, Normal, High} {
		set, err := word.Settings()
		assert.NoError(t, err)
		s := newScene(t, 300, 0.002, set, Server).week()
		s.run(30, 0.012).run(120, s.base).run(30, 0.035).run(120, s.base).run(30, 0.2).run(120, s.base)
		fired[word] = len(s.book.Incidents)
	}
	assert.Equal(t, map[Sensitivity]int{Low: 1, Normal: 2, High: 3}, fired)
	_, err := Sensitivity("loud").Settings()
	assert.ErrorContains(t, err, "low, normal or high")
}
