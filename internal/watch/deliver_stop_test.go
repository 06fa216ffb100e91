package watch

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/store"
)

// A message that brings the sender down is one that did not arrive.
func TestAPanicIsAFailedAttempt(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	c := b.channel(t, "ops", r.URL)
	id := b.waits(t, c.ID, 1, 1, alert.KindFiring)
	deliver(t, newCourier(t, b, &touchy{Sender: newSender()}))
	until(t, "it is recorded", func() bool {
		d, err := b.Delivery(t.Context(), store.DefaultWorkspace, id)
		return err == nil && len(d.Tries) == 1 && d.Tries[0].Outcome == alert.Later
	})
	b.hurry(t)
	assert.Equal(t, id, r.next(t).id)
}

// touchy panics once.
type touchy struct {
	Sender
	once sync.Once
}

func (s *touchy) Send(ctx context.Context, c notify.Channel, m alert.Message, h notify.Handle) (notify.Attempt, error) {
	s.once.Do(func() { panic("nobody thought of this") })
	return s.Sender.Send(ctx, c, m, h)
}

// On the way out, what a receiver takes its time with is waited for and recorded.
func TestStoppingFinishesWhatIsUnderWay(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	r.answers(func(received, *http.Request) int {
		close(begun)
		<-finish
		return http.StatusOK
	})
	c := b.channel(t, "ops", r.URL)
	b.waits(t, c.ID, 1, 1, alert.KindFiring)
	stop := deliver(t, newCourier(t, b, newSender()))
	<-begun
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		require.Fail(t, "it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	<-stopped
	assert.Equal(t, map[store.DeliveryState]int{store.Sent: 1}, b.states(t, c.ID))
}

// And what takes too long is broken off, and recorded as that.
func TestStoppingDoesNotWaitForEver(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	begun := make(chan struct{})
	r.answers(func(_ received, req *http.Request) int {
		close(begun)
		<-req.Context().Done()
		return http.StatusOK
	})
	c := b.channel(t, "ops", r.URL)
	id := b.waits(t, c.ID, 1, 1, alert.KindFiring)
	stop := deliver(t, newCourier(t, b, newSender()))
	<-begun
	stop()
	d, err := b.Delivery(t.Context(), store.DefaultWorkspace, id)
	require.NoError(t, err)
	require.Len(t, d.Tries, 1)
	assert.Equal(t, []any{store.Waiting, alert.Later}, []any{d.State, d.Tries[0].Outcome})
}

// Alertmanager forgets what is not said again: what goes on is, and what is over
// or waits to be told is not.
func TestWhatGoesOnIsSaidAgain(t *testing.T) {
	b := newBench(t)
	posts := make(chan string, 10)
	manager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		posts <- r.URL.Path + " " + string(body)
	}))
	t.Cleanup(manager.Close)
	c := b.channel(t, "am", manager.URL, func(s *store.ChannelSpec) { s.Kind, s.Secrets = "alertmanager", nil })
	courier := newCourier(t, b, newSender())
	stop := deliver(t, courier)
	for n, phase := range []string{"firing", "firing", "resolved"} {
		_, err := b.db.Exec(t.Context(), `INSERT INTO incidents (workspace_id, id, number, family, environment, service, provider, phase, level, rule_id, why, started_at, opened_at, fired_at, facts)
			VALUES (1, $1, $2, 0, 'production', 'billing', '', $3, 'page', gen_random_uuid(), '{}', now(), now(), now(), '{}')`, incident(n), n, phase)
		require.NoError(t, err)
		b.waits(t, c.ID, n, 1, alert.KindFiring)
		<-posts
	}
	until(t, "all are sent", func() bool { return b.states(t, c.ID)[store.Sent] == 3 })
	stop()
	again := func() (n int) {
		require.NoError(t, courier.refresh(t.Context()))
		for ; len(posts) > 0; n++ {
			assert.Contains(t, <-posts, "/api/v2/alerts ")
		}
		return n
	}
	assert.Equal(t, 2, again(), "the two that go on")
	b.waits(t, c.ID, 1, 2, alert.KindUpdate)
	assert.Equal(t, 1, again(), "of one there is more to say first")
	_, err := b.db.Exec(t.Context(), `UPDATE channels SET enabled = false`)
	require.NoError(t, err)
	assert.Zero(t, again())
}

// A message about a request leads to where the pages are now, and what is stored
// of it stays as it was.
func TestArrivalsLeadToTheRequest(t *testing.T) {
	c := &Courier{CourierDeps: CourierDeps{BaseURL: "https://errata.example"}}
	m := alert.Message{Kind: alert.KindArrived, Request: &alert.Request{ID: "req_1"}}
	assert.Equal(t, "https://errata.example/r/req_1", c.linked(m).Request.URL())
	assert.Empty(t, m.Request.BaseURL)
	assert.Nil(t, c.linked(alert.Message{}).Request)
}
