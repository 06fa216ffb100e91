package alert

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheScheduleLastsForHoursAndEnds(t *testing.T) {
	var total time.Duration
	for n := range MaxAttempts {
		wait, ok := Wait(n, 0, 0.5)
		require.True(t, ok)
		total += wait
	}
	assert.Equal(t, 15*time.Hour+52*time.Minute+35*time.Second, total)
	for _, n := range []int{MaxAttempts, MaxAttempts + 1, -1} {
		_, ok := Wait(n, time.Minute, 0.5)
		assert.False(t, ok)
	}
}

func TestWaitsAreSpreadWithinAFifth(t *testing.T) {
	first, ok := Wait(0, time.Hour, 0.9)
	assert.True(t, ok)
	assert.Zero(t, first, "nobody has said anything yet")
	for range 1000 {
		wait, _ := Wait(3, 0, rand.Float64())
		assert.GreaterOrEqual(t, wait, 96*time.Second)
		assert.LessOrEqual(t, wait, 144*time.Second)
	}
}

func TestAReceiversWishLengthensAWait(t *testing.T) {
	for wish, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: 5 * time.Second, time.Minute: time.Minute, 30 * time.Hour: time.Hour, -time.Hour: 5 * time.Second} {
		wait, _ := Wait(1, wish, 0.5)
		assert.Equal(t, want, wait)
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for status, want := range map[int]Outcome{
		200: Done, 202: Done, 204: Done, 299: Done,
		301: GiveUp, 302: GiveUp, 304: GiveUp, 307: GiveUp, 400: GiveUp, 401: GiveUp, 403: GiveUp, 404: GiveUp, 413: GiveUp, 422: GiveUp,
		410: Disable,
		408: Later, 423: Later, 425: Later, 429: Later, 500: Later, 502: Later, 503: Later, 504: Later, 0: Later, 100: Later, 999: Later,
	} {
		assert.Equal(t, want, JudgeHTTP(status), "%d", status)
	}
	for code, want := range map[int]Outcome{250: Done, 421: Later, 450: Later, 452: Later, 550: GiveUp, 535: GiveUp, 0: Later} {
		assert.Equal(t, want, JudgeSMTP(code), "%d", code)
	}
}

func TestRetryAfter(t *testing.T) {
	now := at("2026-11-20T14:00:00Z")
	for header, want := range map[string]time.Duration{
		"30": 30 * time.Second, " 7 ": 7 * time.Second, "0": 0, "-5": 0, "soon": 0, "": 0, "99999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		assert.Equal(t, want, RetryAfter(header, now), "%q", header)
	}
}
