package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t testing.TB, opt Options) *Spool {
	t.Helper()
	s, err := Open(opt)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// drain takes everything out.
func drain(t testing.TB, s *Spool) (out []string) {
	t.Helper()
	for {
		r, ok, err := s.Next()
		require.NoError(t, err)
		if !ok {
			return out
		}
		out = append(out, string(r.Payload))
		require.NoError(t, s.Done(r))
	}
}

func TestFirstInFirstOut(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), SegmentBytes: 256})
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprint("record ", i))
		require.NoError(t, s.Append([]byte(want[i]), 2))
	}
	stats := s.Stats()
	assert.EqualValues(t, 50, stats.Records)
	assert.EqualValues(t, 100, stats.Items)
	assert.False(t, stats.Oldest.IsZero())
	again, ok, err := s.Next()
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, want[0], string(again.Payload), "until Done")
	assert.Equal(t, want, drain(t, s))
	stats = s.Stats()
	assert.Zero(t, stats.Records)
	assert.Zero(t, stats.Bytes, "the space is given back")
	assert.True(t, stats.Oldest.IsZero())
	require.NoError(t, s.Append([]byte("and on"), 1))
	assert.Equal(t, []string{"and on"}, drain(t, s))
}

func TestSurvivesRestarts(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, SegmentBytes: 200})
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, s.Append(fmt.Append(nil, i), 1))
	}
	for range 7 {
		r, _, err := s.Next()
		require.NoError(t, err)
		require.NoError(t, s.Done(r))
	}
	_, err = Open(Options{Dir: dir})
	require.ErrorContains(t, err, "another collector")
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Append([]byte("x"), 1), ErrClosed)

	s = open(t, Options{Dir: dir, SegmentBytes: 200})
	assert.EqualValues(t, 13, s.Stats().Records)
	require.NoError(t, s.Append([]byte("new"), 1))
	got := drain(t, s)
	require.Len(t, got, 14)
	assert.Equal(t, "7", got[0])
	assert.Equal(t, "new", got[13])
}

// Wherever a crash tears the last record, those before it are there.
func TestTornTail(t *testing.T) {
	whole := append([]byte{}, magic...)
	var ends []int
	for i := range 3 {
		whole = append(whole, encode(fmt.Append(nil, "record ", i), 1, testTime)...)
		ends = append(ends, len(whole))
	}
	for cut := range len(whole) + 1 {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(segmentPath(dir, 5), whole[:cut], 0o600))
		s, err := Open(Options{Dir: dir})
		require.NoError(t, err)
		n := 0
		for _, end := range ends {
			if end <= cut {
				n++
			}
		}
		assert.Len(t, drain(t, s), n, "cut at %d", cut)
		assert.Zero(t, s.Stats().Damaged)
		require.NoError(t, s.Close())
	}
}

// Whichever byte the disk damages, only that record is lost, and counted.
func TestDamage(t *testing.T) {
	whole := append([]byte{}, magic...)
	starts := []int{}
	for i := range 3 {
		starts = append(starts, len(whole))
		whole = append(whole, encode(bytes.Repeat([]byte{byte('a' + i)}, 40), 1, testTime)...)
	}
	for at := starts[1]; at < starts[2]; at++ {
		dir := t.TempDir()
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x40
		require.NoError(t, os.WriteFile(segmentPath(dir, 0), damaged, 0o600))
		s, err := Open(Options{Dir: dir})
		require.NoError(t, err)
		assert.EqualValues(t, 1, s.Stats().Damaged)
		assert.Equal(t, []string{string(bytes.Repeat([]byte("a"), 40)), string(bytes.Repeat([]byte("c"), 40))}, drain(t, s), "damaged at %d", at)
		require.NoError(t, s.Close())
	}
}

// Whatever the cursor says, what is not done is delivered.
func TestCursorIsOnlyAHint(t *testing.T) {
	end := headerSize + len(encode([]byte("one"), 1, testTime))
	for cursor, want := range map[string][]string{
		"":                                {"one", "two"},
		"{":                               {"one", "two"},
		`{"segment":-1,"offset":-7}`:      {"one", "two"},
		`{"segment":1,"offset":3}`:        {"one", "two"},
		`{"segment":1,"offset":20}`:       {"one", "two"}, // within a record
		`{"segment":1,"offset":999999}`:   {"one", "two"},
		`{"segment":7,"offset":8}`:        {"one", "two"},
		`{"segment":9223372036854775807}`: {"one", "two"},
		fmt.Sprintf(`{"segment":1,"offset":%d}`, end):              {"two"},
		fmt.Sprintf(`{"segment":1,"offset":%d}`, 2*end-headerSize): nil,
	} {
		dir := t.TempDir()
		s, err := Open(Options{Dir: dir})
		require.NoError(t, err)
		require.NoError(t, errors.Join(s.Append([]byte("one"), 1), s.Append([]byte("two"), 1)))
		require.NoError(t, s.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, cursorName), []byte(cursor), 0o600))
		s, err = Open(Options{Dir: dir})
		require.NoError(t, err)
		assert.EqualValues(t, len(want), s.Stats().Records, cursor)
		require.NoError(t, s.Append([]byte("new"), 1))
		assert.Equal(t, append(want, "new"), drain(t, s), cursor)
		require.NoError(t, s.Close())
	}
}

func TestBound(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), MaxBytes: 1000, SegmentBytes: 300})
	n := 0
	for ; n < 100; n++ {
		if err := s.Append(make([]byte, 100), 1); err != nil {
			require.ErrorIs(t, err, ErrFull)
			break
		}
	}
	assert.Positive(t, n)
	assert.Less(t, n, 10)
	assert.LessOrEqual(t, s.Stats().Bytes, int64(1000))
	assert.Len(t, drain(t, s), n)
	require.NoError(t, s.Append(make([]byte, 100), 1), "room again")
}

// A full disk is an error for who asks, not for what is there.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs a file system of its own, which takes root: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, 0)) })
	s, err := Open(Options{Dir: dir, SegmentBytes: 1 << 20})
	require.NoError(t, err)
	n := 0
	for ; n < 100; n++ {
		if err = s.Append(bytes.Repeat([]byte{byte(n)}, 3000), 1); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, s.Close())
	s, err = Open(Options{Dir: dir})
	require.NoError(t, err)
	assert.EqualValues(t, n, s.Stats().Records)
	for i := range n {
		r, ok, err := s.Next()
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, bytes.Repeat([]byte{byte(i)}, 3000), r.Payload)
		if err := s.Done(r); err != nil { // the cursor needs space too, and may do without
			require.ErrorIs(t, err, ErrFull)
		}
	}
	require.NoError(t, s.Append([]byte("room again"), 1))
	require.NoError(t, s.Close())
}

// After a failed fsync nobody who waited for it is told that their record is
// kept, nothing else goes into that file, and what was kept before comes out.
func TestFailedSync(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	require.NoError(t, s.Append([]byte("kept"), 1))
	broken := s.segments[0]
	syncing, fail := make(chan struct{}), make(chan struct{})
	broken.sync = sync.OnceValue(func() error { close(syncing); <-fail; return syscall.EIO })
	var wg sync.WaitGroup
	wg.Go(func() { assert.ErrorIs(t, s.Append([]byte("refused, first"), 1), syscall.EIO) })
	<-syncing
	for i := range 4 {
		wg.Go(func() { assert.ErrorIs(t, s.Append(fmt.Append(nil, "refused, ", i), 1), syscall.EIO) })
	}
	require.Eventually(t, func() bool { return s.Stats().Records == 6 }, 5*time.Second, time.Millisecond, "written, and waiting")
	close(fail)
	wg.Wait()
	require.NoError(t, s.Append([]byte("kept too"), 1))
	assert.NotSame(t, broken, s.segments[len(s.segments)-1])
	got := drain(t, s)
	assert.Equal(t, "kept", got[0])
	assert.Equal(t, "kept too", got[len(got)-1])
	assert.Zero(t, s.Stats().Records)
	assert.Zero(t, s.Stats().Bytes)
}

// Where what was torn cannot be cut off either, the file takes no more and the
// next record goes into another.
func TestTornAndNotCut(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no /dev/full")
	}
	require.NoError(t, err)
	defer full.Close() //nolint:errcheck // nothing is in it
	s := open(t, Options{Dir: t.TempDir()})
	require.NoError(t, s.Append([]byte("kept"), 1))
	file := s.segments[0].file
	s.segments[0].file = full
	require.ErrorIs(t, s.Append([]byte("refused"), 1), ErrFull)
	s.segments[0].file = file
	require.NoError(t, s.Append([]byte("kept too"), 1))
	assert.Len(t, s.segments, 2)
	assert.Equal(t, []string{"kept", "kept too"}, drain(t, s))
}

func TestManyWriters(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), SegmentBytes: 4 << 10})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var got []string
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			got = append(got, drain(t, s)...)
			select {
			case <-stop:
				got = append(got, drain(t, s)...)
				return
			default:
			}
		}
	})
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				assert.NoError(t, s.Append(fmt.Append(nil, w, "/", i), 1))
			}
		})
	}
	wg.Wait()
	close(stop)
	reading.Wait()
	assert.Len(t, got, 800)
	slices.Sort(got)
	assert.Len(t, slices.Compact(got), 800)
}

func FuzzRecover(f *testing.F) {
	whole := append(append([]byte{}, magic...), encode([]byte("one"), 1, testTime)...)
	f.Add(whole, []byte(`{"segment":0,"offset":8}`))
	f.Add(append(whole, encode([]byte("two"), 1, testTime)...)[:50], []byte(`{`))
	f.Add([]byte("not a segment"), []byte{})
	f.Fuzz(func(t *testing.T, segment, cursor []byte) {
		dir := t.TempDir()
		require.NoError(t, errors.Join(os.WriteFile(segmentPath(dir, 0), segment, 0o600), os.WriteFile(filepath.Join(dir, cursorName), cursor, 0o600)))
		s, err := Open(Options{Dir: dir})
		require.NoError(t, err)
		n := s.Stats().Records
		assert.Len(t, drain(t, s), int(n))
		require.NoError(t, s.Append([]byte("new"), 1))
		assert.Equal(t, []string{"new"}, drain(t, s))
		require.NoError(t, s.Close())
	})
}

var testTime = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

// Several records are taken at once, in order, from one segment, and within
// bounds; what is done does not come back after a restart.
func TestFew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, SegmentBytes: 400})
	few, err := s.Few(10, 1000)
	require.NoError(t, err)
	assert.Empty(t, few)
	for i := range 30 {
		require.NoError(t, s.Append(fmt.Appendf(nil, "record %02d", i), 3))
	}
	few, err = s.Few(10, 1000)
	require.NoError(t, err)
	assert.Len(t, few, 3, "three items each")
	few, err = s.Few(1, 1000)
	require.NoError(t, err)
	assert.Len(t, few, 1, "one at least")
	few, err = s.Few(1000, 25)
	require.NoError(t, err)
	assert.Len(t, few, 2, "nine bytes each")
	require.NoError(t, s.Done(few...))
	assert.EqualValues(t, 28, s.Stats().Records)
	assert.EqualValues(t, 84, s.Stats().Items)
	require.NoError(t, s.Close())

	s = open(t, Options{Dir: dir, SegmentBytes: 400})
	for next := 2; next < 30; {
		few, err := s.Few(1000, 1000)
		require.NoError(t, err)
		require.NotEmpty(t, few)
		for _, r := range few {
			assert.Equal(t, fmt.Sprintf("record %02d", next), string(r.Payload))
			next++
		}
		require.NoError(t, s.Done(few...))
	}
	assert.Zero(t, s.Stats().Items)
}
