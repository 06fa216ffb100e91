package chart

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		v            float64
		unit         Unit
		short, exact string
	}{
		{0, Count, "0", "0"},
		{999, Count, "999", "999"},
		{1204, Count, "1.2k", "1,204"},
		{999_999, Count, "1M", "999,999"},
		{3_412_345, Count, "3.41M", "3,412,345"},
		{1e15, Count, "1000T", "1,000,000,000,000,000"},
		{.84, Percent, "0.84%", "0.84%"},
		{100, Percent, "100%", "100%"},
		{840, Milliseconds, "840 ms", "840 ms"},
		{1500, Milliseconds, "1.5 s", "1,500 ms"},
		{90_000, Milliseconds, "1.5 min", "90,000 ms"},
		{math.NaN(), Count, "–", "–"},
	} {
		assert.Equal(t, c.short, short(c.v, c.unit))
		assert.Equal(t, c.exact, exact(c.v, c.unit))
	}
}

func TestClean(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		assert.True(t, isGap(clean(v)), v)
	}
	for in, want := range map[float64]float64{0: 0, 12: 12, .123456: .1235, 312.4444: 312.4, 41234.56: 41235, 1e300: maxValue, 5e-324: 0, 123456789: 123456789} {
		assert.Equal(t, want, clean(in))
	}
	assert.False(t, math.Signbit(clean(math.Copysign(0, -1))))
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		high float64
		unit Unit
		want []float64
	}{
		{0, Count, []float64{0, 1}},
		{1, Count, []float64{0, 1}},
		{3, Count, []float64{0, 1, 2, 3}},
		{7, Count, []float64{0, 2, 4, 6, 8}},
		{1204, Count, []float64{0, 500, 1000, 1500}},
		{100, Percent, []float64{0, 50, 100}},
		{6.4, Percent, []float64{0, 2, 4, 6, 8}},
		{math.NaN(), Milliseconds, []float64{0, .5, 1}},
	} {
		assert.InDeltaSlice(t, c.want, ticks(c.high, c.unit), 1e-9, "%v", c.high)
	}
	for high := 1e-9; high < 1e16; high *= 1.37 {
		got := ticks(high, Percent)
		assert.LessOrEqual(t, len(got), 6)
		assert.GreaterOrEqual(t, got[len(got)-1], high*.999)
	}
}

func labels(ticks []tick) []string {
	var out []string
	for _, t := range ticks {
		out = append(out, t.label)
	}
	return out
}

func TestTimeTicks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	at := func(s string) time.Time {
		out, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return out
	}
	for _, c := range []struct {
		from, to string
		loc      *time.Location
		want     []string
	}{
		{"2026-11-20T14:03:00Z", "2026-11-20T15:03:00Z", time.UTC, []string{"14:10", "14:20", "14:30", "14:40", "14:50", "15:00"}},
		{"2026-11-20T14:15:00Z", "2026-11-21T14:15:00Z", time.UTC, []string{"18:00", "21 Nov", "06:00", "12:00"}},
		{"2026-11-20T14:15:00Z", "2026-11-21T14:15:00Z", kolkata, []string{"21 Nov", "06:00", "12:00", "18:00"}},
		{"2026-11-14T14:00:00Z", "2026-11-21T14:00:00Z", berlin, []string{"15 Nov", "16 Nov", "17 Nov", "18 Nov", "19 Nov", "20 Nov", "21 Nov"}},
		{"2026-10-22T00:00:00Z", "2026-11-21T00:00:00Z", time.UTC, []string{"26 Oct", "2 Nov", "9 Nov", "16 Nov"}},
		// The hour that comes twice, and the one that does not come.
		{"2026-10-24T23:00:00Z", "2026-10-25T05:00:00Z", berlin, []string{"01:00", "02:00", "03:00", "04:00", "05:00"}},
		{"2026-03-29T00:00:00Z", "2026-03-29T05:00:00Z", berlin, []string{"01:00", "03:00", "04:00", "05:00", "06:00"}},
		{"2026-11-20T14:00:00Z", "2026-11-20T14:00:30Z", time.UTC, []string{"14:00:00", "14:00:05", "14:00:10", "14:00:15", "14:00:20", "14:00:25"}},
		{"2024-11-20T14:00:00Z", "2026-11-20T14:00:00Z", time.UTC, []string{"Mar 2025", "Jul 2025", "Nov 2025", "Mar 2026", "Jul 2026", "Nov 2026"}},
	} {
		assert.Equal(t, c.want, labels(timeTicks(at(c.from), at(c.to), c.loc)), "%s in %s", c.from, c.loc)
	}
	assert.Equal(t, "Europe/Berlin", zone(morning, berlin))
	assert.Equal(t, "+05:30", zone(morning, time.FixedZone("office", 19800)))
}
