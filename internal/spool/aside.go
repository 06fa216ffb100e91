package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// What holds up those behind it steps aside: into a file next to the segments,
// named <number>-<offset of the first record>.aside, that has their form. It
// takes part in the bound on bytes, and in nothing else, until Reconsider.
const asideSuffix = ".aside"

type asideFile struct {
	number, from int64
	size         int64
}

func (s *Spool) asidePath(f asideFile) string {
	return filepath.Join(s.opt.Dir, fmt.Sprintf("%016x-%x%s", f.number, f.from, asideSuffix))
}

// SetAside keeps a payload apart from the queue, durably. The bound does not
// hold it back: it has been within it.
func (s *Spool) SetAside(payload []byte, items int, at time.Time) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	f := asideFile{number: s.next, from: headerSize}
	s.next++
	seg, err := create(s.asidePath(f), f.number)
	if err != nil {
		return full(err)
	}
	defer func() {
		if err = errors.Join(err, seg.file.Close()); err != nil {
			err = full(errors.Join(err, os.Remove(seg.file.Name())))
		}
	}()
	if err := seg.write(encode(payload, items, at)); err != nil {
		return err
	}
	if err := seg.sync(); err != nil {
		return err
	}
	f.size = seg.size
	s.putAside(f)
	return nil
}

func (s *Spool) putAside(f asideFile) {
	s.aside = append(s.aside, f)
	s.stats.Aside = len(s.aside)
	s.stats.Bytes += f.size
}

// SkipSegment sets aside what is left of the oldest segment, unread, and says
// how many items that are.
func (s *Spool) SkipSegment() (items int64, err error) {
	s.syncing.Lock() // nobody is at it
	defer s.syncing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.segments) == 0 {
		return 0, nil
	}
	seg := s.segments[0]
	if err := s.moveAside(seg, s.head.Offset); err != nil {
		return 0, err
	}
	seg.failed = errors.New("the segment cannot be read") // who waits for it is refused
	return seg.items, s.leave(seg)
}

// moveAside renames a segment's file, durably: under its old name it would be
// read again.
func (s *Spool) moveAside(seg *segment, from int64) error {
	f := asideFile{number: seg.number, from: from, size: seg.size}
	if err := errors.Join(os.Rename(seg.file.Name(), s.asidePath(f)), syncDir(s.opt.Dir)); err != nil {
		return err
	}
	s.putAside(f)
	return nil
}

// findAside finds what an earlier process set aside.
func (s *Spool) findAside() error {
	names, err := filepath.Glob(filepath.Join(s.opt.Dir, "*"+asideSuffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		var f asideFile
		if n, err := fmt.Sscanf(filepath.Base(name), "%x-%x"+asideSuffix, &f.number, &f.from); n != 2 || err != nil || s.asidePath(f) != name {
			continue // somebody else's
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		f.size = info.Size()
		s.next = max(s.next, f.number+1)
		s.putAside(f)
	}
	if len(s.aside) > 0 {
		s.opt.Logger.Warn("records of the spool were set aside before", "files", len(s.aside), "in", s.opt.Dir)
	}
	return nil
}

// Reconsider gives each record that was set aside to land once, and forgets
// those that did. It ends early when ctx does, and then goes on next time with
// the files that had no turn. The error says which files cannot be read.
func (s *Spool) Reconsider(ctx context.Context, land func(Record) error) error {
	s.mu.Lock()
	turn := slices.Clone(s.aside)
	s.mu.Unlock()
	var errs []error
	for _, f := range turn {
		if ctx.Err() != nil {
			break
		}
		if err := s.reconsider(ctx, f, land); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Base(s.asidePath(f)), err))
		}
	}
	return errors.Join(errs...)
}

func (s *Spool) reconsider(ctx context.Context, f asideFile, land func(Record) error) error {
	path := s.asidePath(f)
	file, err := os.Open(path)
	if err != nil {
		return errors.Join(err, s.asideLeft(f, f.from))
	}
	defer file.Close() //nolint:errcheck // only read
	seg := &segment{file: file, number: f.number}
	at := f.from
	for ctx.Err() == nil {
		rec, ok, err := seg.read(at, f.size)
		switch {
		case err != nil:
			return errors.Join(err, s.asideLeft(f, at))
		case !ok:
			s.damaged(path, at, f.size)
			return s.asideDone(f)
		}
		s.damaged(path, at, rec.start.Offset)
		if land(rec) != nil {
			if at == f.from && rec.end.Offset == f.size { // it is alone
				break
			}
			if err := s.SetAside(rec.Payload, rec.Items, rec.At); err != nil {
				return errors.Join(err, s.asideLeft(f, at))
			}
		}
		at = rec.end.Offset
	}
	return s.asideLeft(f, at)
}

// damaged counts what lies between two records, if anything does.
func (s *Spool) damaged(path string, from, to int64) {
	if from == to {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Damaged++
	s.opt.Logger.Error("a part of the spool is damaged and was skipped", "segment", filepath.Base(path), "from", from, "to", to)
}

// asideDone forgets a file.
func (s *Spool) asideDone(f asideFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeOut(f)
	return os.Remove(s.asidePath(f))
}

// asideLeft notes how far a file is done, and puts it behind the others.
func (s *Spool) asideLeft(f asideFile, from int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeOut(f)
	rest := f
	rest.from = from
	var err error
	if rest != f {
		if err = os.Rename(s.asidePath(f), s.asidePath(rest)); err != nil {
			rest = f
		}
	}
	s.putAside(rest)
	return err
}

func (s *Spool) takeOut(f asideFile) {
	if i := slices.Index(s.aside, f); i >= 0 {
		s.aside = slices.Delete(s.aside, i, i+1)
		s.stats.Aside = len(s.aside)
		s.stats.Bytes -= f.size
	}
}
