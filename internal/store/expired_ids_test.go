package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An ID that was there is found, always; one that never was is taken for one of
// 400 days' in one case of a hundred.
func TestFiltersOfAllDaysAreHardlyEverWrong(t *testing.T) {
	const ids, asked = 3000, 10_000
	filters := make([]*idFilter, MaxIDDays)
	for day := range filters {
		f := newIDFilter(ids, goneBy{})
		for n := range ids {
			f.add(spotOf(fmt.Sprintf("req_%d_%d", day, n)))
		}
		filters[day] = f
	}
	require.Greater(t, filters[0].blocks, 1)
	assert.Less(t, filters[0].room(), int64(ids/2))
	for n := range ids {
		require.True(t, filters[7].has(spotOf(fmt.Sprintf("req_7_%d", n))))
	}
	wrong := 0
	for n := range asked {
		if remembered(filters, spotOf(fmt.Sprintf("never_%d", n))) {
			wrong++
		}
	}
	t.Logf("%d bytes a day, %.1f bits an ID, wrong in %.2f %%", len(filters[0].set), 8*float64(len(filters[0].set))/ids, 100*float64(wrong)/asked)
	assert.Less(t, wrong, asked*2/100)
	assert.Positive(t, wrong, "a filter that is never wrong is too large")
}

// What a rule let go is said outright: its filters, of which there may be twenty times
// as many, are wrong once in ten thousand of all together.
func TestFiltersOfRulesAreNotWrong(t *testing.T) {
	const ids, asked = 3000, 20_000
	filters := make([]*idFilter, MaxIDDays)
	for day := range filters {
		f := newIDFilter(ids, goneBy{"bots", 100, 3})
		for n := range ids {
			f.add(spotOf(fmt.Sprintf("req_%d_%d", day, n)))
		}
		filters[day] = f
	}
	for n := range ids {
		require.True(t, filters[7].has(spotOf(fmt.Sprintf("req_7_%d", n))))
	}
	wrong := 0
	for n := range asked {
		if remembered(filters, spotOf(fmt.Sprintf("never_%d", n))) {
			wrong++
		}
	}
	t.Logf("%d bytes a day, %.1f bits an ID, wrong %d times", len(filters[0].set), 8*float64(len(filters[0].set))/ids, wrong)
	assert.LessOrEqual(t, wrong, 1)
	assert.Less(t, 8*len(filters[0].set)/ids, 60)
}

func TestFiltersAreBounded(t *testing.T) {
	f := newIDFilter(1<<40, goneBy{})
	assert.LessOrEqual(t, len(f.set), 32<<20)
	assert.Len(t, newIDFilter(0, goneBy{}).set, 8)
	f = newIDFilter(1, goneBy{})
	f.add(spotOf("x"))
	assert.True(t, f.has(spotOf("x")))
	assert.False(t, f.has(spotOf("y")))
}
