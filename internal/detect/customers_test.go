package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func everybody(errors int64) (customers, top int64) { return errors/2 + 1, 2 }

func onlyOne(errors int64) (customers, top int64) { return 1, errors }

func TestOneCustomerOnly(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	s.who = onlyOne
	s.run(20, 0.3)
	i := s.incidents(1)
	assert.Equal(t, Notify, i.Level)
	assert.Equal(t, "one customer only", i.Why.Note)

	began := s.at
	s.who = everybody // and now it is everybody's
	s.run(10, 0.3)
	i = s.incidents(1)
	assert.Equal(t, Page, i.Level)
	assert.Contains(t, s.told, "escalated page")
	assert.LessOrEqual(t, after(i.Fired, began), 10)
}

func TestSingleTenantPages(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	s.who, s.change = onlyOne, func(in *Input) { in.SingleTenant = true }
	s.run(20, 0.3)
	assert.Equal(t, Page, s.incidents(1).Level)
}

// Errors that have no customer are not one customer's.
func TestUnattributedErrorsPage(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	s.who = func(errors int64) (int64, int64) { return 1, errors / 3 }
	s.run(20, 0.3)
	assert.Equal(t, Page, s.incidents(1).Level)
}

func TestBroadLimits(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Limits)
	s.who = everybody
	s.week().run(20, 0.3)
	i := s.incidents(1)
	assert.Equal(t, Page, i.Level)
	assert.Equal(t, "broad", i.Why.Note)
}

func TestLimitsWithoutCustomersNotify(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Limits).week().run(20, 0.3)
	assert.Equal(t, Notify, s.incidents(1).Level)
}

// A customer who outgrew a limit: support is told, once a day.
func TestConcentratedLimits(t *testing.T) {
	s := newScene(t, 3000, 0.0005, Default(), Limits).week()
	s.who = func(errors int64) (int64, int64) { return 2, max(errors-1, 1) }
	s.change = func(in *Input) { in.Customers.TopName = "acme" }
	for range 5 { // every four hours
		s.run(20, 0.01).run(220, 0)
	}
	i := s.incidents(1)
	assert.Equal(t, Concentrated, i.Rule)
	assert.Equal(t, Notify, i.Level)
	assert.Equal(t, "acme", i.Why.Customer)
	s.run(400, 0).run(20, 0.01) // the next day
	s.incidents(2)
	s.change = func(in *Input) { in.Customers.TopName = "globex" }
	s.run(60, 0).run(20, 0.01)
	s.incidents(3)
}

// Few of a large customer's requests are no outgrown limit.
func TestConcentratedKnowsTheirRequests(t *testing.T) {
	s := newScene(t, 3000, 0.0005, Default(), Limits).week()
	s.who = onlyOne
	s.change = func(in *Input) { in.Customers.TopRequests = in.Customers.Top * 10 }
	s.run(30, 0.01).incidents(0)
}

func TestNewCode(t *testing.T) {
	s := newScene(t, 300, 0, Default(), Server).week()
	s.change = func(in *Input) { in.NewCode, in.Customers = true, Customers{Distinct: 3, Top: 2} }
	s.run(10, 0.006)
	i := s.incidents(1)
	assert.Equal(t, NewCode, i.Rule)
	assert.Equal(t, Notify, i.Level)
}

func TestHeartbeat(t *testing.T) {
	s := newScene(t, 10, 0.002, Default(), Server).week()
	s.load = 0
	began := s.at
	s.run(40, 0)
	i := s.incidents(1)
	assert.Equal(t, Heartbeat, i.Rule)
	assert.Equal(t, Notify, i.Level)
	assert.Less(t, after(i.Fired, began), 35)
	assert.Zero(t, i.Resolved, "silence is what it is about")
	s.load = 10
	s.run(30, 0)
	assert.Equal(t, ReasonClear, s.incidents(1).Reason)
}

// A week in which nothing comes in notifies once, and what follows is judged by
// the weeks before it.
func TestEmptyWeek(t *testing.T) {
	s := newScene(t, 300, 0.01, Default(), Server).week()
	s.load = 0
	s.run(7*1440, 0)
	assert.Equal(t, Notify, s.incidents(1).Level)
	s.load = 300
	s.run(1440, 0.012)
	s.incidents(1)
	s.run(10, 0.4)
	assert.Equal(t, Page, s.incidents(2).Level)
}

// Where a handful of customers always meets a limit, a handful more is no outage.
func TestUsualCustomers(t *testing.T) {
	s := newScene(t, 300, 0.02, Default(), Limits)
	s.who = func(errors int64) (int64, int64) { return min(errors, 6), 1 + errors/6 }
	s.week()
	assert.InDelta(t, 6, s.replay.in.Baseline.Customers, 2)
	s.who = func(errors int64) (int64, int64) { return 10, 1 + errors/6 }
	s.run(20, 0.3)
	i := s.incidents(1)
	assert.Equal(t, Notify, i.Level)
	assert.Equal(t, "few customers", i.Why.Note)
	s.who = func(errors int64) (int64, int64) { return 40, 1 + errors/20 }
	s.run(10, 0.3)
	assert.Equal(t, Page, s.incidents(1).Level)
}
