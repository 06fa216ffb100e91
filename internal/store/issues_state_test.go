package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/store"
)

// boom is one Event of the same issue, each time another.
func boom(at time.Time, release string) event.Envelope {
	return event.Envelope{Status: 500, FallbackCode: "boom", OccurredAt: at, Release: release, RequestID: fmt.Sprintf("req_%x", rand.Uint64())}
}

func (f *fixture) resolve(t testing.TB, id, release string) time.Time {
	t.Helper()
	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Resolved), ResolvedIn: release}))
	d := f.issue(t, id)
	require.Equal(t, event.Resolved, d.State)
	return d.ResolvedAt.Time
}

// What happened after the fix brings an issue back; what is only told after it
// does not, however it comes.
func TestRegression(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		first := boom(time.Now().Add(-time.Hour), "")
		id := f.send(t, first)[0].IssueID
		at := f.resolve(t, id, "")

		f.send(t, boom(at.Add(-time.Millisecond), ""), boom(at.Add(-30*time.Minute), ""))
		assert.Equal(t, event.Resolved, f.issue(t, id).State, "late Events never reopen")
		f.send(t, first)
		assert.Equal(t, event.Resolved, f.issue(t, id).State, "nor do duplicates")

		after := boom(at.Add(time.Minute), "r7")
		f.send(t, after, boom(at.Add(-time.Minute), ""))
		d := f.issue(t, id)
		assert.Equal(t, event.Regressed, d.State)
		assert.True(t, d.RegressedAt.Equal(at.Add(time.Minute).Truncate(time.Microsecond)), "when it happened, not when it was told")
		last := d.Activity[len(d.Activity)-1]
		assert.Equal(t, "Errata", last.Actor)
		assert.Contains(t, string(last.Details), `"release": "r7"`)
		assert.Equal(t, "boom", f.listed(t, event.IssueFilter{Filter: event.Filter{Query: "is:regressed"}}))

		n := len(d.Activity)
		f.send(t, boom(at.Add(2*time.Minute), ""))
		assert.Len(t, f.issue(t, id).Activity, n, "once is enough")

		f.resolve(t, id, "")
		reopened := reopen(t, store.Options{URL: f.url})
		(&fixture{reopened, f.db, f.url}).send(t, after)
		assert.Equal(t, event.Resolved, f.issue(t, id).State, "a duplicate of what reopened it once, at another collector")
	}
}

// Resolved in a release means: what older ones still say is known.
func TestRegressionInRelease(t *testing.T) {
	f := open(t, store.Options{})
	hour := time.Now().Add(-3 * time.Hour).Truncate(time.Minute)
	id := f.send(t, boom(hour, "v1"))[0].IssueID
	f.send(t, boom(hour.Add(10*time.Minute), "v2"))
	at := f.resolve(t, id, "v3")

	state := func(envs ...event.Envelope) event.IssueState {
		f.send(t, envs...)
		return f.issue(t, id).State
	}
	assert.Equal(t, event.Resolved, state(boom(at.Add(time.Minute), "v1"), boom(at.Add(time.Minute), "v2")), "older releases still run")
	assert.Equal(t, event.Resolved, state(boom(at.Add(time.Minute), "")), "nobody knows which release")
	assert.Equal(t, event.Resolved, state(boom(at.Add(90*time.Second), "v2.1")), "nobody has seen v3 yet")
	// v3 comes out; the first that is heard of it is another failure.
	f.send(t, event.Envelope{Status: 400, FallbackCode: "else", Release: "v3", OccurredAt: at.Add(5 * time.Minute)})
	assert.Equal(t, event.Resolved, state(boom(at.Add(6*time.Minute), "v2.1")), "older than v3")
	other := event.Envelope{Service: "other", Status: 400, FallbackCode: "else", Release: "v4", OccurredAt: at.Add(7 * time.Minute)}
	f.send(t, other)
	assert.Equal(t, event.Resolved, state(boom(at.Add(-time.Minute), "v3")), "late")
	assert.Equal(t, event.Regressed, state(boom(at.Add(8*time.Minute), "v4")), "first seen in this service after v3")

	at = f.resolve(t, id, "v5")
	assert.Equal(t, event.Regressed, state(boom(at.Add(time.Minute), "v5")), "the release itself")
}

// Two collectors take the same failures, in any order, at the same time: the
// issue is reopened once if any happened after it was resolved, else never.
func TestRegressionWithTwoCollectors(t *testing.T) {
	f := open(t, store.Options{})
	collectors := []*store.Store{f.Store, reopen(t, store.Options{URL: f.url})}
	for round := range 6 {
		code := fmt.Sprintf("boom_%d", round)
		part := func(at time.Time, request string) identity.Part {
			return report{src: event.FromHTTP, service: "billing", status: 500, code: code, at: at, request: request}.part()
		}
		seed := part(time.Now().Add(-time.Hour), "req_seed"+code)
		_, err := f.Write(t.Context(), []identity.Part{seed})
		require.NoError(t, err)
		id := seed.Event.IssueID
		at := f.resolve(t, id, "")
		again := round%2 == 0
		var wg sync.WaitGroup
		for _, c := range collectors {
			for n := range 4 {
				wg.Go(func() {
					batch := []identity.Part{part(at.Add(-time.Duration(n+1)*time.Minute), fmt.Sprintf("req_%s_late%d", code, n)), part(time.Now().Add(-time.Hour), "req_seed"+code)}
					if again {
						batch = append(batch, part(at.Add(time.Duration(n+1)*time.Second), fmt.Sprintf("req_%s_again%d", code, n)))
					}
					rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
					_, err := c.Write(t.Context(), batch)
					assert.NoError(t, err)
				})
			}
		}
		wg.Wait()
		f.requireInvariant(t)
		d := f.issue(t, id)
		reopened := 0
		for _, a := range d.Activity {
			if strings.Contains(string(a.Details), "regressed") {
				reopened++
			}
		}
		if again {
			assert.Equal(t, event.Regressed, d.State)
			assert.Equal(t, 1, reopened)
		} else {
			assert.Equal(t, event.Resolved, d.State)
			assert.Zero(t, reopened)
		}
	}
}

func TestIgnoring(t *testing.T) {
	f := open(t, store.Options{})
	id := f.send(t, boom(time.Now(), ""), boom(time.Now(), ""), boom(time.Now(), ""))[0].IssueID
	wake := func() event.IssueState {
		_, err := f.WakeIssues(t.Context())
		require.NoError(t, err)
		return f.issue(t, id).State
	}
	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Ignored)}))
	f.send(t, boom(time.Now().Add(time.Hour), ""))
	assert.Equal(t, event.Ignored, wake(), "for good")

	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Ignored), IgnoreUntil: time.Now().Add(time.Hour)}))
	assert.Equal(t, event.Ignored, wake())
	_, err := f.db.Exec(t.Context(), `UPDATE issues SET ignore_until = now() - interval '1 second'`)
	require.NoError(t, err)
	assert.Equal(t, event.Open, wake())
	activity := f.issue(t, id).Activity
	assert.Equal(t, "Errata", activity[len(activity)-1].Actor)

	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Ignored), IgnoreEvents: 3}))
	assert.EqualValues(t, 3, f.issue(t, id).IgnoreEvents)
	assert.Equal(t, event.Ignored, wake(), "what came before does not count")
	f.send(t, boom(time.Now(), ""), boom(time.Now(), ""))
	assert.Equal(t, event.Ignored, wake())
	f.send(t, boom(time.Now(), ""))
	assert.Equal(t, event.Open, wake())
	woken, err := f.WakeIssues(t.Context())
	require.NoError(t, err, "no second time")
	assert.Zero(t, woken)
}

// An issue can wait for so many customers, its own and those of what was merged
// into it; who met it before does not count.
func TestIgnoringUntilCustomers(t *testing.T) {
	f := open(t, store.Options{})
	from := func(customer string, at time.Time) event.Envelope {
		e := boom(at, "")
		e.Customer = customer
		return e
	}
	id := f.send(t, from("acme", time.Now()))[0].IssueID
	other := f.send(t, event.Envelope{Status: 500, FallbackCode: "bang"})[0].IssueID
	require.NoError(t, f.change(t, other, store.IssueChange{MergedInto: &id}))
	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Ignored), IgnoreCustomers: 3}))
	// Another collector, which has not asked yet.
	late := &fixture{reopen(t, store.Options{URL: f.url}), f.db, f.url}
	state := func(envs ...event.Envelope) event.IssueState {
		late.send(t, envs...)
		_, err := f.WakeIssues(t.Context())
		require.NoError(t, err)
		return f.issue(t, id).State
	}
	soon := time.Now().Add(time.Minute)
	assert.Equal(t, event.Ignored, state(from("acme", time.Now().Add(-time.Hour)), from("globex", time.Now().Add(-time.Hour)), from("initech", time.Now().Add(-time.Hour))), "before")
	assert.Equal(t, event.Ignored, state(from("acme", soon), from("acme", soon), from("", soon), from("globex", soon)))
	assert.Equal(t, event.Open, state(event.Envelope{Status: 500, FallbackCode: "bang", Customer: "initech", OccurredAt: soon}))
	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Ignored)}))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM issue_customers`), "forgotten with the decision")
}

func TestIssueActivity(t *testing.T) {
	f := open(t, store.Options{})
	id := f.send(t, boom(time.Now(), ""))[0].IssueID
	leo := store.Actor{Kind: "session", ID: "link", Label: "leo"}
	who := "leo"
	require.NoError(t, f.change(t, id, store.IssueChange{State: to(event.Acknowledged), Assignee: &who}))
	require.NoError(t, f.CommentIssue(t.Context(), leo, ws, id, "the ledger is full"))
	require.NoError(t, f.LinkTicket(t.Context(), leo, ws, id, "https://jira.example.com/OPS-1"))
	require.NoError(t, f.LinkTicket(t.Context(), leo, ws, id, "https://jira.example.com/OPS-1"), "once more is no harm")
	f.resolve(t, id, "v3")
	d := f.issue(t, id)
	var told []string
	for _, a := range d.Activity {
		told = append(told, a.Actor+" "+a.Action)
	}
	assert.Equal(t, []string{"mia state", "mia assign", "leo comment", "leo ticket", "mia state"}, told)
	assert.Equal(t, "the ledger is full", d.Activity[2].Text)
	assert.Contains(t, string(d.Activity[4].Details), `"resolved_in": "v3"`)
	assert.Equal(t, "leo", d.Assignee)
	require.Len(t, d.Tickets, 1)
	assert.Equal(t, "boom", f.listed(t, event.IssueFilter{Filter: event.Filter{Query: "assignee:leo state:resolved"}}))
	assert.Equal(t, 5, f.count(t, `SELECT count(*) FROM audit WHERE action LIKE 'issue.%' AND target = $1 AND workspace_id = 1`, id))

	require.NoError(t, f.UnlinkTicket(t.Context(), leo, ws, id, "https://jira.example.com/OPS-1"))
	assert.Empty(t, f.issue(t, id).Tickets)
	assert.True(t, fault.Is(f.UnlinkTicket(t.Context(), leo, ws, id, "https://jira.example.com/OPS-1"), fault.NotFound))
	for n := range 60 {
		err := f.LinkTicket(t.Context(), leo, ws, id, fmt.Sprintf("https://x.test/%d", n))
		assert.Equal(t, n >= 50, err != nil)
	}
	for _, err := range []error{
		f.CommentIssue(t.Context(), mia, 2, id, "x"), f.LinkTicket(t.Context(), mia, 2, id, "https://x.test/"), f.UnlinkTicket(t.Context(), mia, 2, id, "x"),
		f.ChangeIssue(t.Context(), mia, 2, id, store.IssueChange{State: to(event.Resolved)}), f.change(t, "x", store.IssueChange{}),
	} {
		assert.True(t, fault.Is(err, fault.NotFound), "of another workspace")
	}
}

func TestIssueChangesAreChecked(t *testing.T) {
	f := open(t, store.Options{})
	id := f.send(t, boom(time.Now(), ""))[0].IssueID
	long, tomorrow := strings.Repeat("ä", 101), time.Now().Add(24*time.Hour)
	for field, changes := range map[string][]store.IssueChange{
		"state":            {{}, {State: to("")}, {State: to(event.Regressed)}, {State: to("x")}},
		"resolved_in":      {{ResolvedIn: "v1"}, {State: to(event.Open), ResolvedIn: "v1"}, {State: to(event.Resolved), ResolvedIn: long}, {State: to(event.Resolved), ResolvedIn: "a\nb"}},
		"ignore_until":     {{State: to(event.Open), IgnoreUntil: tomorrow}, {State: to(event.Ignored), IgnoreUntil: time.Now()}, {State: to(event.Ignored), IgnoreUntil: tomorrow.AddDate(2, 0, 0)}},
		"ignore_events":    {{State: to(event.Resolved), IgnoreEvents: 1}, {State: to(event.Ignored), IgnoreEvents: -1}},
		"ignore_customers": {{State: to(event.Resolved), IgnoreCustomers: 1}, {State: to(event.Ignored), IgnoreCustomers: 1 << 20}},
		"assignee":         {{Assignee: &long}},
	} {
		for _, c := range changes {
			err := f.change(t, id, c)
			require.True(t, fault.Is(err, fault.Unprocessable), "%s %+v", field, c)
			assert.Equal(t, field, fault.Of(err).Details["field"])
		}
	}
	for _, url := range []string{"", "OPS-1", "javascript:alert(1)", "https://", "https://me:pw@x.test/", "https://x.test/\n", "https://x.test/" + strings.Repeat("x", 600), "//x.test"} {
		assert.True(t, fault.Is(f.LinkTicket(t.Context(), mia, ws, id, url), fault.Unprocessable), url)
	}
	for _, body := range []string{"", " \n", "a\x00b", "\xff", strings.Repeat("x", 10_001)} {
		assert.True(t, fault.Is(f.CommentIssue(t.Context(), mia, ws, id, body), fault.Unprocessable))
	}
	assert.Equal(t, event.Open, f.issue(t, id).State)
	assert.Empty(t, f.issue(t, id).Activity)
}
