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
)

type countingWaker struct{ times int }

func (c *countingWaker) WakeIssues(context.Context) (int64, error) {
	c.times++
	return 0, errors.New("the database is away")
}

// Once a minute, whatever happens, until it is told to stop.
func TestIssuesAreWokenEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &countingWaker{}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		require.NoError(t, Issues(ctx, w, slog.New(slog.DiscardHandler)))
		assert.Equal(t, 10, w.times)
	})
}
