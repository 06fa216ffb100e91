package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRelative(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 7, 12, 0, time.UTC)
	for text, want := range map[string]time.Duration{"now": 0, "now-15m": -15 * time.Minute, "now-7d": -7 * 24 * time.Hour, "now+2w": 14 * 24 * time.Hour, "now-90s": -90 * time.Second} {
		got, ok := Relative(text, now)
		assert.True(t, ok, text)
		assert.Equal(t, want, got.Sub(now), text)
	}
	for _, text := range []string{"", "now-", "now-1", "now-1y", "now - 1h", "Now", "now-1234567s", "2026-11-20"} {
		_, ok := Relative(text, now)
		assert.False(t, ok, text)
	}
}
