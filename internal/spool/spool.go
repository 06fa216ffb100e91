// Package spool keeps records on disk, in order, until somebody has taken care
// of them: what a collector acknowledges while its database is away.
//
// A spool is a directory of segments, files to which records are appended. A
// record is durable when Append returns: one fsync serves all that wait for
// it. Records are read back oldest first, and a segment is deleted when all of
// it is done. A record is delivered at least once: after a crash, some that
// were done may be delivered again.
//
// What cannot be dealt with, or not be read, can be set aside, so that it does
// not hold up all that is behind it.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// ErrFull says that a record does not fit: into the bound, or on the disk.
var ErrFull = errors.New("the spool is full")

// ErrClosed says that the spool was closed.
var ErrClosed = errors.New("the spool is closed")

// Options say where a spool is and how large it may become.
type Options struct {
	Dir      string
	MaxBytes int64 // on disk; 0 = 1 GiB
	// SegmentBytes is how large one file becomes, about; 0 = 16 MiB. Space
	// comes back a segment at a time.
	SegmentBytes int64
	Logger       *slog.Logger
}

// Spool is safe for concurrent use.
type Spool struct {
	opt  Options
	lock *os.File

	mu       sync.Mutex
	segments []*segment  // oldest first; the last one is written to
	next     int64       // number of the next segment
	head     position    // the oldest record that is not done
	aside    []asideFile // the next one to be reconsidered first
	stats    Stats
	closed   bool

	syncing sync.Mutex // held by who syncs for all
}

// Stats is the state of a spool.
type Stats struct {
	Bytes   int64 // on disk
	Records int64 // not done
	Items   int64 // in these records
	Oldest  time.Time
	// Damaged counts records that could not be read back since the start.
	Damaged int64
	// Aside is how many files with what could not be dealt with stand aside.
	// Their bytes count, their records do not.
	Aside int
}

// position is a place in the spool.
type position struct {
	Segment int64 `json:"segment"`
	Offset  int64 `json:"offset"`
}

// Record is one thing that was kept.
type Record struct {
	Payload []byte
	Items   int
	At      time.Time // when it was appended

	start, end position
}

// Open takes the directory, and finds what an earlier process left there: a
// record that was torn by a crash is dropped (nobody was told that it is
// kept); one that the disk damaged is skipped, counted and logged.
func Open(opt Options) (*Spool, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = 1 << 30
	}
	if opt.SegmentBytes <= 0 {
		opt.SegmentBytes = 16 << 20
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	// What is around it is not the spool's: a private PostgreSQL may live there.
	if err := errors.Join(os.MkdirAll(filepath.Dir(opt.Dir), 0o755), os.MkdirAll(opt.Dir, 0o700)); err != nil { //nolint:gosec // the spool itself is private
		return nil, fmt.Errorf("cannot make the spool directory: %w", err)
	}
	lock, err := lockDir(opt.Dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{opt: opt, lock: lock}
	if err := s.recover(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Append keeps a payload that has items items in it. When it returns nil, the
// record survives a crash. Errors: ErrFull, ErrClosed, or what the disk says.
func (s *Spool) Append(payload []byte, items int) error {
	rec := encode(payload, items, time.Now())
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.stats.Bytes+int64(len(rec)) > s.opt.MaxBytes {
		s.mu.Unlock()
		return ErrFull
	}
	seg, err := s.writable(int64(len(rec)))
	if err == nil {
		err = seg.write(rec)
	}
	if err != nil {
		s.mu.Unlock()
		return full(err)
	}
	end := seg.size
	s.stats.Bytes += int64(len(rec))
	s.count(seg, 1, int64(items))
	if s.stats.Oldest.IsZero() {
		s.stats.Oldest = time.Now()
	}
	s.mu.Unlock()
	return s.sync(seg, end)
}

// count adds to what is not done.
func (s *Spool) count(seg *segment, records, items int64) {
	seg.records += records
	seg.items += items
	s.stats.Records += records
	s.stats.Items += items
}

// sync makes a segment durable up to end. Whoever comes first syncs for all
// that have written by then.
func (s *Spool) sync(seg *segment, end int64) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	written, done, failed := seg.size, seg.synced >= end, seg.failed
	s.mu.Unlock()
	switch {
	case failed != nil:
		return failed
	case done:
		return nil
	}
	err := seg.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		// After a failed fsync nobody knows what is on the disk, and a second
		// one may lie: the segment takes no more, and nothing in it that was
		// not acknowledged is.
		seg.failed = full(err)
		return seg.failed
	}
	seg.synced = written
	return nil
}

// writable gives the segment for the next n bytes, a fresh one if need be. Who
// calls holds mu.
func (s *Spool) writable(n int64) (*segment, error) {
	if len(s.segments) > 0 {
		last := s.segments[len(s.segments)-1]
		if last.failed == nil && !last.sealed && (last.size == headerSize || last.size+n <= s.opt.SegmentBytes) {
			return last, nil
		}
	}
	seg, err := create(segmentPath(s.opt.Dir, s.next), s.next)
	if err != nil {
		return nil, err
	}
	s.next++
	if len(s.segments) == 0 {
		s.head = position{seg.number, headerSize}
	}
	s.segments = append(s.segments, seg)
	s.stats.Bytes += headerSize
	return seg, nil
}

// Next gives the oldest record that is not done, false when there is none. It
// gives the same record until Done is called.
func (s *Spool) Next() (Record, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && len(s.segments) > 0 {
		seg := s.segments[0]
		rec, ok, err := seg.read(s.head.Offset, seg.durable())
		switch {
		case err != nil:
			return Record{}, false, err
		case ok:
			s.stats.Oldest = rec.At
			return rec, true, nil
		case seg.durable() < seg.size: // somebody is about to sync
			return Record{}, false, nil
		case len(s.segments) == 1 && !seg.sealed && seg.failed == nil:
			s.stats.Oldest = time.Time{}
			return Record{}, false, nil
		}
		if err := s.drop(); err != nil {
			return Record{}, false, err
		}
	}
	return Record{}, false, nil
}

// Few gives the oldest records that are not done, in their order: at least one
// where there is any, and more while they have no more than so many items and
// bytes together.
func (s *Spool) Few(items, bytes int) ([]Record, error) {
	first, ok, err := s.Next()
	if err != nil || !ok {
		return nil, err
	}
	few := []Record{first}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && len(s.segments) > 0 && s.segments[0].number == first.start.Segment {
		last := few[len(few)-1]
		items, bytes = items-last.Items, bytes-len(last.Payload)
		if items <= 0 || bytes <= 0 {
			break
		}
		next, ok, err := s.segments[0].read(last.end.Offset, s.segments[0].durable())
		if err != nil || !ok || next.Items > items || len(next.Payload) > bytes {
			break // an error shows again when it is the first
		}
		few = append(few, next)
	}
	return few, nil
}

// Done says that records, the oldest ones in their order, are taken care of.
func (s *Spool) Done(rs ...Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(rs) == 0 || s.closed || len(s.segments) == 0 || s.head.Segment != rs[0].start.Segment {
		return nil
	}
	seg := s.segments[0]
	for _, r := range rs {
		s.head.Offset = r.end.Offset
		s.count(seg, -1, -int64(r.Items))
	}
	if s.stats.Records > 0 || s.head.Offset < seg.size {
		// Where the cursor is lost, records are delivered again: no fsync.
		return saveCursor(s.opt.Dir, s.head)
	}
	s.stats.Oldest = time.Time{}
	seg.sealed = true // all is done: the space comes back at once
	return s.drop()
}

// drop deletes the oldest segment. Who calls holds mu.
func (s *Spool) drop() error {
	seg := s.segments[0]
	return errors.Join(os.Remove(seg.file.Name()), s.leave(seg))
}

// leave goes on behind the oldest segment.
func (s *Spool) leave(seg *segment) error {
	s.segments = s.segments[1:]
	s.stats.Bytes -= seg.size
	s.stats.Records -= seg.records
	s.stats.Items -= seg.items
	if s.stats.Records == 0 {
		s.stats.Oldest = time.Time{}
	}
	if len(s.segments) > 0 {
		s.head = position{s.segments[0].number, headerSize}
	} else {
		s.head = position{s.next, headerSize}
	}
	return errors.Join(saveCursor(s.opt.Dir, s.head), seg.file.Close())
}

// Stats tells how full the spool is.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// MaxBytes is the bound on Stats.Bytes.
func (s *Spool) MaxBytes() int64 { return s.opt.MaxBytes }

// Dir is where the spool is; a process may keep small files of its own there.
func (s *Spool) Dir() string { return s.opt.Dir }

// Close gives the directory back.
func (s *Spool) Close() error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, seg := range s.segments {
		errs = append(errs, seg.file.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// recover reads what is there.
func (s *Spool) recover() error {
	names, err := filepath.Glob(filepath.Join(s.opt.Dir, "*"+suffix))
	if err != nil {
		return err
	}
	if err := s.findAside(); err != nil {
		return err
	}
	s.head = loadCursor(s.opt.Dir)
	// A number is used once, or the place in a segment that is gone would be
	// taken for one in a segment that is not.
	s.next = max(s.next, s.head.Segment+1)
	for _, name := range names { // sorted, and of one width
		seg, err := reopen(name)
		if err != nil {
			return err
		}
		if seg == nil { // not one of ours
			continue
		}
		s.next = max(s.next, seg.number+1)
		if err := s.adopt(seg); err != nil {
			return err
		}
	}
	if len(s.segments) > 0 && s.head.Segment != s.segments[0].number {
		s.head = position{s.segments[0].number, headerSize}
	}
	if s.stats.Records > 0 {
		s.opt.Logger.Info("the spool has reports from before", "records", s.stats.Records, "items", s.stats.Items, "oldest", s.stats.Oldest)
	}
	return nil
}

// adopt takes a segment into the queue. One that cannot be read steps aside: a
// collector without what its disk keeps from it is better than none.
func (s *Spool) adopt(seg *segment) error {
	oldest := s.stats.Oldest
	from, err := s.scan(seg)
	if err == nil {
		s.segments = append(s.segments, seg)
		s.stats.Bytes += seg.size
		return nil
	}
	s.opt.Logger.Error("a segment of the spool cannot be read and was set aside", "segment", filepath.Base(seg.file.Name()), "from", from, "error", err)
	s.count(seg, -seg.records, -seg.items)
	s.stats.Oldest = oldest
	return errors.Join(s.moveAside(seg, from), seg.file.Close())
}

// scan counts what a segment holds, and cuts off what a crash tore. It says
// where it began.
func (s *Spool) scan(seg *segment) (from int64, err error) {
	from = headerSize
	if seg.number == s.head.Segment && len(s.segments) == 0 { // what stands before it is not done
		if from, err = seg.trust(s.head.Offset); err != nil {
			return headerSize, err
		}
		s.head.Offset = from
	}
	at := from
	for {
		rec, ok, err := seg.read(at, seg.size)
		if err != nil {
			return from, err
		}
		if !ok {
			break
		}
		if rec.start.Offset > at {
			s.stats.Damaged++
			s.opt.Logger.Error("a part of the spool is damaged and was skipped", "segment", filepath.Base(seg.file.Name()), "from", at, "to", rec.start.Offset)
		}
		s.count(seg, 1, int64(rec.Items))
		if s.stats.Oldest.IsZero() {
			s.stats.Oldest = rec.At
		}
		at = rec.end.Offset
	}
	if at < seg.size {
		s.opt.Logger.Warn("the end of a spool segment is torn and was cut off", "segment", filepath.Base(seg.file.Name()), "bytes", seg.size-at)
		if err := seg.file.Truncate(at); err != nil {
			return from, err
		}
		seg.size, seg.synced = at, at
	}
	seg.sealed = true // what comes now goes into a segment of its own
	return from, nil
}
