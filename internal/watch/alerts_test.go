package watch

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// failingJudge is one for either kind, that fails every second time.
type failingJudge struct{ times int }

func (f *failingJudge) EvaluateAlerts(context.Context, time.Time) (store.Evaluated, error) {
	if f.times++; f.times%2 == 0 {
		return store.Evaluated{}, errors.New("the database is away")
	}
	return store.Evaluated{Minutes: 1}, nil
}

func (f *failingJudge) EvaluateSelf(ctx context.Context, now time.Time) (store.Evaluated, error) {
	return f.EvaluateAlerts(ctx, now)
}

// Every five seconds, or four times a minute, whatever happens, until it is told
// to stop; who measures hears of each.
func TestJudging(t *testing.T) {
	for name, c := range map[string]struct {
		run           func(context.Context, *failingJudge, func(store.Evaluated, error), *slog.Logger) error
		times, failed int
	}{
		"alerts": {func(ctx context.Context, j *failingJudge, seen func(store.Evaluated, error), log *slog.Logger) error {
			return Alerts(ctx, j, seen, log)
		}, 13, 6},
		"Errata itself": {func(ctx context.Context, j *failingJudge, seen func(store.Evaluated, error), log *slog.Logger) error {
			return Self(ctx, j, seen, log)
		}, 5, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, failed := &failingJudge{}, 0
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
				defer cancel()
				require.NoError(t, c.run(ctx, j, func(_ store.Evaluated, err error) {
					if err != nil {
						failed++
					}
				}, slog.New(slog.DiscardHandler)))
				assert.Equal(t, c.times, j.times)
				assert.Equal(t, c.failed, failed)
			})
		})
	}
}
