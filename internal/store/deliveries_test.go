package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/store"
)

// message is about an incident, by its number.
func message(kind alert.Kind, level alert.Level, number int) alert.Message {
	i := alert.Incident{ID: incidentID(number), Number: int64(number), Service: "billing", Level: level, State: alert.Firing, StartedAt: now, FiredAt: now}
	if kind == alert.KindResolved {
		i.State, i.ResolvedAt = alert.Resolved, now
	}
	return alert.Message{Kind: kind, Workspace: "Acme", Incidents: []alert.Incident{i}, At: now}
}

func incidentID(number int) string { return fmt.Sprintf("01930000-0000-7000-8000-%012d", number) }

// tell queues a message that is due.
func (f *fixture) tell(t testing.TB, seq int, m alert.Message, channels ...string) {
	t.Helper()
	require.NoError(t, f.QueueMessages(t.Context(), store.DefaultWorkspace, m.Incidents[0].ID, seq, m, channels, time.Now().Add(-time.Minute)))
}

func (f *fixture) claim(t testing.TB) *store.Due {
	t.Helper()
	due, err := f.ClaimDelivery(t.Context(), store.DeliveryRules{Uncapped: []string{"pagerduty"}, Paced: []string{"slack_bot"}})
	require.NoError(t, err)
	return due
}

func (f *fixture) record(t testing.TB, due *store.Due, tried store.Tried) {
	t.Helper()
	require.NotNil(t, due)
	tried.At, tried.Request, tried.Response = time.Now(), json.RawMessage(`[{"url":"https://example.com"}]`), json.RawMessage(`[{"body":"\u0000"}]`)
	require.NoError(t, f.RecordDelivery(t.Context(), due, tried))
}

var (
	done  = store.Tried{Outcome: alert.Done}
	later = store.Tried{Outcome: alert.Later, Error: "503"}
	never = store.Tried{Outcome: alert.GiveUp, Error: "404"}
)

// pass lets time go by for all that is written down about deliveries.
func (f *fixture) pass(t testing.TB, d time.Duration) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), `UPDATE deliveries SET next_at = next_at - $1::interval, ended_at = ended_at - $1::interval`, d)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `UPDATE channels SET last_sent_at = last_sent_at - $1::interval`, d)
	require.NoError(t, err)
}

// log is what became of everything, oldest first: seq, kind, state.
func (f *fixture) log(t testing.TB, channel string) (out []string) {
	t.Helper()
	list, next, err := f.Deliveries(t.Context(), store.DefaultWorkspace, store.DeliveryFilter{Channel: channel}, 200, "")
	require.NoError(t, err)
	require.Empty(t, next)
	for _, d := range list {
		out = append([]string{fmt.Sprint(d.Seq, " ", d.Kind, " ", d.State)}, out...)
	}
	return out
}

// drain sends everything that is due, and gives it in order.
func (f *fixture) drain(t testing.TB) (out []string) {
	t.Helper()
	for due := f.claim(t); due != nil; due = f.claim(t) {
		out = append(out, fmt.Sprint(due.ChannelName, " ", due.Message.Seq, " ", due.Kind))
		f.record(t, due, done)
	}
	return out
}

func TestADeliveryFromQueueToLog(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		c := f.addChannel(t, spec("ops"))
		m := message(alert.KindFiring, alert.Page, 1)
		m.Incidents[0].Service = "bill\x00ing"
		f.tell(t, 1, m)
		f.tell(t, 1, m) // replayed after a crash

		due := f.claim(t)
		require.NotNil(t, due)
		assert.Equal(t, []any{1, "", c.ID, "webhook", "hush-ops"}, []any{due.N, due.Handle, due.ChannelID, due.ChannelKind, due.Secrets["secret"]})
		assert.Equal(t, due.ID, due.Message.ID)
		assert.Equal(t, alert.DedupKey(incidentID(1), c.ID, 1), due.Message.DedupKey)
		assert.Nil(t, f.claim(t), "it is under way")
		f.record(t, due, store.Tried{Outcome: alert.Done, Took: 12 * time.Millisecond, Handle: "ts-1"})
		assert.Nil(t, f.claim(t))

		f.tell(t, 2, message(alert.KindUpdate, alert.Page, 1))
		f.tell(t, 1, message(alert.KindFiring, alert.Page, 2))
		for range 2 {
			due = f.claim(t)
			assert.Equal(t, map[bool]string{true: "ts-1", false: ""}[*due.Incident == incidentID(1)], due.Handle)
			f.record(t, due, done)
		}

		list, next, err := f.Deliveries(ctx, ws, store.DeliveryFilter{Incident: incidentID(1), State: store.Sent}, 1, "")
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, alert.KindUpdate, list[0].Kind)
		list, next, err = f.Deliveries(ctx, ws, store.DeliveryFilter{Incident: incidentID(1)}, 1, next)
		require.NoError(t, err)
		assert.Empty(t, next)
		d, err := f.Delivery(ctx, ws, list[0].ID)
		require.NoError(t, err)
		assert.Equal(t, []any{"ops", 1, store.Sent, 1, "billing"}, []any{d.Channel, d.Attempts, d.State, len(d.Tries), d.Message.Incidents[0].Service})
		assert.Equal(t, 12, d.Tries[0].TookMS)
		assert.JSONEq(t, `[{"body":"�"}]`, string(d.Tries[0].Response))
		assert.Nil(t, d.NextAt)

		_, err = f.Delivery(ctx, 2, d.ID)
		assert.Equal(t, "delivery_not_found", fault.Of(err).Code, "another workspace's")
		_, err = f.Delivery(ctx, ws, "nonsense")
		assert.True(t, fault.Is(err, fault.NotFound))
		for field, filter := range map[string]store.DeliveryFilter{"channel": {Channel: "x"}, "incident": {Incident: "x"}, "state": {State: "x"}} {
			_, _, err = f.Deliveries(ctx, ws, filter, 1, "")
			assert.Equal(t, field, fault.Of(err).Details["field"])
		}
		c, err = f.Channel(ctx, ws, c.ID)
		require.NoError(t, err)
		assert.NotNil(t, c.LastSentAt)
		assert.Nil(t, c.FailingSince)
	}
}

// Who is told about what: as loud as they want it, and what they know already.
func TestChannelsHearWhatTheyAskedFor(t *testing.T) {
	f := open(t, store.Options{})
	pages := spec("pages")
	pages.Level = alert.Page
	page, all := f.addChannel(t, pages), f.addChannel(t, spec("all"))
	off := spec("off")
	off.Enabled = false
	f.addChannel(t, off)
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 1))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 2))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 3), all.ID)
	assert.ElementsMatch(t, []string{"all 1 firing", "all 1 firing", "all 1 firing", "pages 1 firing"}, f.drain(t))
	f.tell(t, 2, message(alert.KindResolved, alert.Page, 1)) // louder at its end: who never heard of it need not
	f.tell(t, 2, message(alert.KindResolved, alert.Notify, 2))
	assert.ElementsMatch(t, []string{"all 2 resolved", "all 2 resolved", "pages 2 resolved"}, f.drain(t))
	assert.Equal(t, []string{"1 firing sent", "2 resolved sent"}, f.log(t, page.ID))
}

// What is over before it was told is told to nobody; what may have arrived is.
func TestWhatIsOverIsNotTold(t *testing.T) {
	f := open(t, store.Options{})
	c := f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 1))
	f.tell(t, 2, message(alert.KindUpdate, alert.Ticket, 1))
	f.tell(t, 3, message(alert.KindResolved, alert.Ticket, 1))
	assert.Empty(t, f.drain(t))
	assert.Equal(t, []string{"1 firing dropped", "2 update dropped", "3 resolved dropped"}, f.log(t, c.ID))

	// It comes back, is told, is over, comes back unheard and is over again.
	f.tell(t, 4, message(alert.KindReopened, alert.Ticket, 1))
	assert.Equal(t, []string{"ops 4 reopened"}, f.drain(t))
	f.tell(t, 5, message(alert.KindResolved, alert.Ticket, 1))
	assert.Equal(t, []string{"ops 5 resolved"}, f.drain(t))
	f.tell(t, 6, message(alert.KindReopened, alert.Ticket, 1))
	f.tell(t, 7, message(alert.KindResolved, alert.Ticket, 1))
	assert.Empty(t, f.drain(t))

	// Tried in vain, as far as one knows.
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 2))
	f.record(t, f.claim(t), later)
	f.tell(t, 2, message(alert.KindResolved, alert.Ticket, 2))
	assert.Equal(t, []string{"ops 2 resolved"}, f.drain(t))

	// It ends while the first attempt is under way.
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 3))
	due := f.claim(t)
	f.tell(t, 2, message(alert.KindResolved, alert.Ticket, 3))
	assert.Nil(t, f.claim(t))
	f.record(t, due, later)
	assert.Equal(t, []string{"ops 2 resolved"}, f.drain(t))

	// What was heard is heard to its end, in order.
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 4))
	f.drain(t)
	f.tell(t, 2, message(alert.KindUpdate, alert.Ticket, 4))
	f.tell(t, 3, message(alert.KindResolved, alert.Ticket, 4))
	assert.Equal(t, []string{"ops 2 update", "ops 3 resolved"}, f.drain(t))
}

// A failure holds up its own incident and nothing else.
func TestOrderUnderFailure(t *testing.T) {
	f := open(t, store.Options{})
	f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	f.drain(t)
	f.tell(t, 2, message(alert.KindUpdate, alert.Page, 1))
	f.record(t, f.claim(t), later)
	f.tell(t, 3, message(alert.KindUpdate, alert.Page, 1))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 2))
	assert.Equal(t, []string{"ops 1 firing"}, f.drain(t))
	f.pass(t, 10*time.Second)
	assert.Equal(t, []string{"ops 2 update", "ops 3 update"}, f.drain(t))
}

// A receiver that asks for patience gets it, for all messages.
func TestRetryAfterHoldsTheChannel(t *testing.T) {
	f := open(t, store.Options{})
	f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 2))
	f.record(t, f.claim(t), store.Tried{Outcome: alert.Later, Error: "429", RetryAfter: 5 * time.Minute})
	assert.Nil(t, f.claim(t))
	f.pass(t, 4*time.Minute)
	assert.Nil(t, f.claim(t))
	f.pass(t, 2*time.Minute)
	assert.Len(t, f.drain(t), 2)
}

func TestPacedChannelsTakeOneASecond(t *testing.T) {
	f := open(t, store.Options{})
	slack := spec("slack")
	slack.Kind = "slack_bot"
	f.addChannel(t, slack)
	for n := range 2 {
		f.tell(t, 1, message(alert.KindFiring, alert.Page, n))
	}
	assert.Len(t, f.drain(t), 1)
	f.pass(t, time.Second)
	assert.Len(t, f.drain(t), 1)
}

// Whoever claimed and never came back had it for a minute; the ID stays.
func TestALeaseEnds(t *testing.T) {
	f := open(t, store.Options{})
	c := f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	first := f.claim(t)
	for n := 2; n <= alert.MaxAttempts; n++ {
		f.pass(t, 59*time.Second)
		require.Nil(t, f.claim(t))
		f.pass(t, time.Second)
		again := f.claim(t)
		require.NotNil(t, again)
		assert.Equal(t, []any{first.ID, n}, []any{again.ID, again.N})
	}
	f.record(t, first, never)
	assert.Equal(t, []string{"1 firing waiting"}, f.log(t, c.ID), "it is another one's by now")
	f.pass(t, time.Minute)
	assert.Nil(t, f.claim(t))
	assert.Equal(t, []string{"1 firing dead"}, f.log(t, c.ID), "what kills whoever sends it is not sent for ever")
	f.record(t, first, done)
	assert.Equal(t, []string{"1 firing sent"}, f.log(t, c.ID), "but it had arrived")
}

func TestDeadLettersGoToTheFallback(t *testing.T) {
	f := open(t, store.Options{})
	night := f.addChannel(t, spec("night"))
	ops := spec("ops")
	ops.Fallback = night.ID
	c := f.addChannel(t, ops)
	back := spec("night")
	back.Fallback, back.Secrets = c.ID, nil // each other's
	_, err := f.SetChannel(t.Context(), ada, store.DefaultWorkspace, night.ID, back, asIs)
	require.NoError(t, err)

	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 1), c.ID)
	for n := 1; n < alert.MaxAttempts; n++ {
		f.record(t, f.claim(t), later)
		require.Nil(t, f.claim(t))
		f.pass(t, 10*time.Hour)
	}
	f.record(t, f.claim(t), later)
	assert.Equal(t, []string{"1 firing dead"}, f.log(t, c.ID))
	due := f.claim(t)
	assert.Equal(t, []string{"night", alert.DedupKey(incidentID(1), c.ID, 1) + ":fallback"}, []string{due.ChannelName, due.Message.DedupKey})
	f.record(t, due, never)
	assert.Nil(t, f.claim(t), "it goes no further")
	now, err := f.Channel(t.Context(), store.DefaultWorkspace, c.ID)
	require.NoError(t, err)
	assert.Equal(t, []any{1, 0, "503"}, []any{now.Dead, now.Waiting, now.LastError})
	assert.NotNil(t, now.FailingSince)

	// Who heard how it began hears how it ends; the channel itself may have got it.
	f.tell(t, 2, message(alert.KindResolved, alert.Ticket, 1), c.ID)
	assert.ElementsMatch(t, []string{"ops 2 resolved", "night 2 resolved"}, f.drain(t))

	// Who is told anyway is told once.
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 2))
	told := 0
	for due := f.claim(t); due != nil; due = f.claim(t) {
		if due.ChannelName == "ops" {
			f.record(t, due, never)
			continue
		}
		told++
		f.record(t, due, done)
	}
	assert.Equal(t, 1, told)
}

// A page that cannot be delivered does not wait sixteen hours for somebody else.
func TestPagesAskForHelpEarly(t *testing.T) {
	f := open(t, store.Options{})
	night := f.addChannel(t, spec("night"))
	ops := spec("ops")
	ops.Fallback = night.ID
	c := f.addChannel(t, ops)
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1), c.ID)
	for range 5 {
		f.record(t, f.claim(t), later)
		f.pass(t, 6*time.Minute)
	}
	assert.Equal(t, []string{"1 firing waiting"}, f.log(t, c.ID), "and is tried on")
	assert.Equal(t, []string{"1 firing waiting"}, f.log(t, night.ID))
}

// Gone means gone: nothing that waits is tried again, all of it is another one's.
func TestAReceiverThatWantsNoMoreIsDisabled(t *testing.T) {
	f := open(t, store.Options{})
	night := f.addChannel(t, spec("night"))
	ops := spec("ops")
	ops.Fallback = night.ID
	c := f.addChannel(t, ops)
	for n := range 3 {
		f.tell(t, 1, message(alert.KindFiring, alert.Page, n), c.ID)
	}
	f.record(t, f.claim(t), store.Tried{Outcome: alert.Disable, Error: "410"})
	got, err := f.Channel(t.Context(), store.DefaultWorkspace, c.ID)
	require.NoError(t, err)
	assert.False(t, got.Enabled)
	assert.Contains(t, got.DisabledWhy, "410")
	assert.Equal(t, []string{"1 firing dead", "1 firing dead", "1 firing dead"}, f.log(t, c.ID))
	assert.Len(t, f.drain(t), 3)
	assert.Len(t, f.log(t, night.ID), 3)
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM audit WHERE action = 'channel.disable'`))
	f.tell(t, 2, message(alert.KindUpdate, alert.Page, 1), c.ID)
	assert.Len(t, f.log(t, c.ID), 3)
}

func TestAPersonDisablesAChannel(t *testing.T) {
	f := open(t, store.Options{})
	c := f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	off := spec("ops")
	off.Enabled = false
	_, err := f.SetChannel(t.Context(), ada, store.DefaultWorkspace, c.ID, off, asIs)
	require.NoError(t, err)
	assert.Nil(t, f.claim(t))
	assert.Equal(t, []string{"1 firing dropped"}, f.log(t, c.ID))
	require.NoError(t, f.RemoveChannel(t.Context(), ada, store.DefaultWorkspace, c.ID))
	assert.Len(t, f.log(t, c.ID), 1, "its log stays")
}

func TestTheDeliveryLogIsForgotten(t *testing.T) {
	f := open(t, store.Options{})
	c := f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	f.drain(t)
	require.NoError(t, f.Expire(t.Context(), time.Now().AddDate(0, 0, 29)))
	assert.Len(t, f.log(t, c.ID), 1)
	require.NoError(t, f.Expire(t.Context(), time.Now().AddDate(0, 0, 31)))
	assert.Empty(t, f.log(t, c.ID))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM delivery_attempts`))
}

func TestDeliveryStats(t *testing.T) {
	f := open(t, store.Options{})
	f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 2))
	f.record(t, f.claim(t), never)
	got, err := f.DeliveryStats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 1, 1}, []int64{got.Waiting, got.Dead, got.Channels})
	assert.InDelta(t, 60, got.Overdue.Seconds(), 20)
}
