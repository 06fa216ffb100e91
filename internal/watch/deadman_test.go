package watch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/notify"
	"errata/internal/store"
)

// life is what a dead-man's switch sees, and who hears of it.
type life struct {
	pulse  func() (store.Pulse, error)
	looked func() time.Time
	ill    *life // what it sees from half past two minutes to twenty past seven
	answer error
	pings  []time.Duration // when, from the beginning
	began  time.Time
}

func (l *life) now() *life {
	if at := time.Since(l.began); l.ill != nil && at > 2*time.Minute+30*time.Second && at < 7*time.Minute+20*time.Second {
		return l.ill
	}
	return l
}

func (l *life) FullPulse(context.Context) (store.Pulse, error) { return l.now().pulse() }

func (l *life) Ping(_ context.Context, to notify.Secret) error {
	if to.Reveal() != "https://hc.example.com/8c1fsecret" {
		return errors.New("another URL")
	}
	l.pings = append(l.pings, time.Since(l.began))
	return l.answer
}

// live runs a switch for ten minutes, and gives what was logged.
func (l *life) live(t *testing.T) string {
	t.Helper()
	l.began = time.Now()
	var log bytes.Buffer
	d, err := NewDeadMan(DeadManDeps{URL: notify.NewSecret("https://hc.example.com/8c1fsecret"), Every: time.Minute, Pulse: l, Pinger: l, Looked: func() time.Time { return l.now().looked() },
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute-time.Second)
	defer cancel()
	require.NoError(t, d.Run(ctx))
	assert.NotContains(t, log.String(), "8c1fsecret")
	return log.String()
}

func alive() (store.Pulse, error) {
	return store.Pulse{At: time.Now(), Judged: time.Now().Add(-90 * time.Second)}, nil
}

// Once a minute as long as all is well. In whatever way it is not, nothing is
// given, and it goes on within 15 s once it is.
func TestDeadMan(t *testing.T) {
	for name, ill := range map[string]life{
		"nobody judges": {looked: time.Now, pulse: func() (store.Pulse, error) {
			return store.Pulse{At: time.Now(), Judged: time.Now().Add(-4 * time.Minute)}, nil
		}},
		"nothing was judged yet": {looked: time.Now, pulse: func() (store.Pulse, error) { return store.Pulse{At: time.Now()}, nil }},
		"messages wait": {looked: time.Now, pulse: func() (store.Pulse, error) {
			p, err := alive()
			p.Overdue = 3 * time.Minute
			return p, err
		}},
		"the database is away":  {looked: time.Now, pulse: func() (store.Pulse, error) { return store.Pulse{}, errors.New("away") }},
		"who delivers is stuck": {looked: func() time.Time { return time.Now().Add(-2 * time.Minute) }, pulse: alive},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &life{pulse: alive, looked: time.Now, ill: &ill}
				log := l.live(t)
				require.Len(t, l.pings, 6)
				assert.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, l.pings[:3])
				assert.InDelta(t, (7*time.Minute + 20*time.Second).Seconds(), l.pings[3].Seconds(), againAfter.Seconds())
				assert.Contains(t, log, "outcome=held")
				assert.Contains(t, log, "again")
			})
		})
	}
}

// A receiver that does not take it is asked again sooner, and said once.
func TestDeadManWhoseReceiverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{pulse: alive, looked: time.Now, answer: errors.New("it answered 503")}
		log := l.live(t)
		assert.Len(t, l.pings, 40)
		assert.Equal(t, 1, bytes.Count([]byte(log), []byte("outcome=failed")))
	})
}

// A courier says when it last looked for messages.
func TestCourierSaysThatItLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := NewCourier(CourierDeps{Store: &emptyDeliveries{failFrom: time.Now().Add(10 * time.Second)}, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, c.Deliver(ctx))
		assert.WithinDuration(t, began.Add(10*time.Second), c.Looked(), time.Second)
	})
}

// emptyDeliveries has none, and fails from some time on.
type emptyDeliveries struct {
	Deliveries
	failFrom time.Time
}

func (e *emptyDeliveries) ClaimDelivery(context.Context, store.DeliveryRules) (*store.Due, error) {
	if !time.Now().Before(e.failFrom) {
		return nil, errors.New("away")
	}
	return nil, nil //nolint:nilnil // none
}
