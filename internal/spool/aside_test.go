package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reconsidered tries what stands aside, and refuses what is among the refused.
func reconsidered(t *testing.T, s *Spool, refused ...string) (tried []string, err error) {
	t.Helper()
	err = s.Reconsider(t.Context(), func(r Record) error {
		assert.Equal(t, 3, r.Items)
		assert.False(t, r.At.IsZero())
		tried = append(tried, string(r.Payload))
		for _, p := range refused {
			if p == string(r.Payload) {
				return errors.New("not now")
			}
		}
		return nil
	})
	return tried, err
}

// What is set aside survives restarts, is found again in its turn, and does not
// come in the way of the queue.
func TestSetAside(t *testing.T) {
	opt := Options{Dir: t.TempDir(), SegmentBytes: 200}
	s := open(t, opt)
	for i := range 3 {
		require.NoError(t, s.Append(fmt.Append(nil, "record ", i), 3))
	}
	for range 2 {
		r, _, err := s.Next()
		require.NoError(t, err)
		require.NoError(t, s.SetAside(r.Payload, r.Items, r.At))
		require.NoError(t, s.Done(r))
	}
	assert.Equal(t, []string{"record 2"}, drain(t, s))
	stats := s.Stats()
	assert.Equal(t, 2, stats.Aside)
	assert.Zero(t, stats.Records)
	assert.Positive(t, stats.Bytes)
	require.NoError(t, s.Close())

	s = open(t, opt)
	assert.Equal(t, stats.Bytes, s.Stats().Bytes)
	assert.Equal(t, 2, s.Stats().Aside)
	tried, err := reconsidered(t, s, "record 0")
	require.NoError(t, err)
	assert.Equal(t, []string{"record 0", "record 1"}, tried)
	assert.Equal(t, 1, s.Stats().Aside)
	require.NoError(t, s.SetAside([]byte("record 3"), 3, testTime))

	// Who had no turn is first the next time.
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, s.Reconsider(ctx, func(Record) error { cancel(); return errors.New("not now") }))
	tried, err = reconsidered(t, s)
	require.NoError(t, err)
	assert.Equal(t, []string{"record 3", "record 0"}, tried)
	assert.Zero(t, s.Stats().Aside)
	assert.Zero(t, s.Stats().Bytes)
	left, err := filepath.Glob(filepath.Join(opt.Dir, "*"+asideSuffix))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// shorten makes the end of the oldest segment's file unreadable.
func shorten(t *testing.T, s *Spool, by int64) {
	t.Helper()
	seg := s.segments[0]
	require.NoError(t, os.Truncate(seg.file.Name(), seg.size-by))
}

// A segment that cannot be read makes room for the next one; what was done of
// it does not come again, what can be read of it comes later.
func TestSkipSegment(t *testing.T) {
	opt := Options{Dir: t.TempDir(), SegmentBytes: 200}
	s := open(t, opt)
	for i := range 8 {
		require.NoError(t, s.Append(fmt.Append(nil, "record ", i), 3))
	}
	require.Len(t, s.segments, 2)
	r, _, err := s.Next()
	require.NoError(t, err)
	require.NoError(t, s.Done(r))
	whole, err := os.ReadFile(s.segments[0].file.Name())
	require.NoError(t, err)
	shorten(t, s, 150)
	_, _, err = s.Next()
	require.Error(t, err)
	left := s.segments[0].items
	items, err := s.SkipSegment()
	require.NoError(t, err)
	assert.Equal(t, left, items)
	rest := drain(t, s)
	assert.Len(t, rest, 7-int(left/3), "the next segment")
	assert.Zero(t, s.Stats().Items)
	assert.Equal(t, 1, s.Stats().Aside)

	_, err = reconsidered(t, s)
	require.ErrorContains(t, err, ".aside")
	assert.Equal(t, 1, s.Stats().Aside, "it is kept")
	require.NoError(t, s.Append([]byte("while it is there"), 1))
	require.NoError(t, s.Close())
	names, err := filepath.Glob(filepath.Join(opt.Dir, "*"+asideSuffix))
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.NoError(t, os.WriteFile(names[0], whole, 0o600)) // the disk has come to its senses

	s = open(t, opt)
	assert.Equal(t, []string{"while it is there"}, drain(t, s))
	tried, err := reconsidered(t, s, "record 2")
	require.NoError(t, err)
	assert.Len(t, tried, int(left/3))
	assert.Equal(t, "record 1", tried[0], "record 0 was done before")
	tried, err = reconsidered(t, s)
	require.NoError(t, err)
	assert.Equal(t, []string{"record 2"}, tried, "the others landed")
	assert.Zero(t, s.Stats().Bytes)
}

// Who waits for an fsync of a segment that is skipped is refused.
func TestSkipSegmentUnderWriters(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	require.NoError(t, s.Append([]byte("kept"), 1))
	seg := s.segments[0]
	require.NoError(t, seg.write(encode([]byte("waits"), 1, testTime)))
	_, err := s.SkipSegment()
	require.NoError(t, err)
	require.Error(t, s.sync(seg, seg.size))
	require.NoError(t, s.Append([]byte("next"), 1))
	assert.Equal(t, []string{"next"}, drain(t, s))
}

// A segment that cannot be read on start is no reason not to start.
func TestAdoptUnreadable(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	require.NoError(t, s.Append([]byte("kept"), 1))
	require.NoError(t, s.Append([]byte("gone"), 1))
	seg := s.segments[0]
	shorten(t, s, 20)
	s.segments, s.stats = nil, Stats{} // as before it was found
	seg.records, seg.items = 0, 0
	require.NoError(t, s.adopt(seg))
	assert.Empty(t, s.segments)
	assert.Equal(t, Stats{Aside: 1, Bytes: seg.size}, s.Stats())
	assert.NoFileExists(t, segmentPath(s.opt.Dir, seg.number))
}
