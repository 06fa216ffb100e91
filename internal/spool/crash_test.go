package spool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What was drained before a restart does not make the spool forget what came
// after it.
func TestSecondOutage(t *testing.T) {
	dir := t.TempDir()
	for outage := range 3 {
		want := []string{fmt.Sprint("outage ", outage)}
		s, err := Open(Options{Dir: dir})
		require.NoError(t, err)
		require.NoError(t, s.Append([]byte(want[0]), 1))
		require.NoError(t, s.Close())
		s, err = Open(Options{Dir: dir})
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Stats().Records)
		assert.Equal(t, want, drain(t, s))
		require.NoError(t, s.Close())
	}
}

// Processes that append, take out, and end at any moment, after which the
// cursor may be one of before (it is not synced): each record is delivered
// until it was done, in order, and none twice but what a lost cursor brings back.
func TestAnyEnd(t *testing.T) {
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
		dir := t.TempDir()
		var pending []int // appended and not done
		n := 0
		for range 12 {
			s, err := Open(Options{Dir: dir, SegmentBytes: 100})
			require.NoError(t, err)
			expected := slices.Clone(pending)
			cursors := [][]byte{cursorOf(t, dir)}
			for range rng.IntN(12) {
				if rng.IntN(2) == 0 {
					require.NoError(t, s.Append(fmt.Append(nil, n), 1))
					pending, expected, n = append(pending, n), append(expected, n), n+1
					continue
				}
				few, err := s.Few(1+rng.IntN(3), 1000)
				require.NoError(t, err)
				for _, r := range few {
					var got int
					_, err := fmt.Sscan(string(r.Payload), &got)
					require.NoError(t, err)
					if len(expected) == 0 || got < expected[0] { // once more, because the cursor was lost
						require.NotContains(t, expected, got, "seed %d: out of order", seed)
						continue
					}
					require.Equal(t, expected[0], got, "seed %d: in order, and none left out", seed)
					expected = expected[1:]
				}
				if rng.IntN(5) > 0 {
					require.NoError(t, s.Done(few...))
					pending = slices.Clone(expected)
					cursors = append(cursors, cursorOf(t, dir))
				} else {
					expected = slices.Clone(pending)
				}
			}
			require.NoError(t, s.Close())
			if lost := cursors[rng.IntN(len(cursors))]; rng.IntN(2) == 0 {
				restore(t, dir, lost)
			}
		}
		s := open(t, Options{Dir: dir})
		var got []int
		for _, text := range drain(t, s) {
			var i int
			_, err := fmt.Sscan(text, &i)
			require.NoError(t, err)
			got = append(got, i)
		}
		assert.True(t, slices.IsSorted(got), "seed %d", seed)
		for _, i := range pending {
			require.Contains(t, got, i, "seed %d", seed)
		}
	}
}

func cursorOf(t *testing.T, dir string) []byte {
	raw, err := os.ReadFile(filepath.Join(dir, cursorName))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	return raw
}

func restore(t *testing.T, dir string, cursor []byte) {
	name := filepath.Join(dir, cursorName)
	if cursor == nil {
		if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
		return
	}
	require.NoError(t, os.WriteFile(name, cursor, 0o600))
}
