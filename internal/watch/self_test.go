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

type failingSelf struct{ times int }

func (f *failingSelf) EvaluateSelf(context.Context, time.Time) (store.Evaluated, error) {
	if f.times++; f.times%2 == 0 {
		return store.Evaluated{}, errors.New("the database is away")
	}
	return store.Evaluated{Minutes: 1}, nil
}

// Four times a minute, whatever happens, until it is told to stop.
func TestErrataIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &failingSelf{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer cancel()
		failed := 0
		require.NoError(t, Self(ctx, j, func(_ store.Evaluated, err error) {
			if err != nil {
				failed++
			}
		}, slog.New(slog.DiscardHandler)))
		assert.Equal(t, 5, j.times)
		assert.Equal(t, 2, failed)
	})
}
