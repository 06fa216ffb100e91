package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	suffix     = ".spool"
	headerSize = 8
	// A record is: mark, CRC-32C of all that follows it, length of the
	// payload, items, Unix milliseconds, payload. The mark is where reading
	// goes on after damage.
	recordHead = 4 + 4 + 4 + 4 + 8
	// MaxRecord bounds one payload.
	MaxRecord = 256 << 20
)

var (
	magic  = []byte("ERRSPL1\n")
	mark   = []byte("\xe5ESR")
	crcTab = crc32.MakeTable(crc32.Castagnoli)
)

func encode(payload []byte, items int, at time.Time) []byte {
	rec := make([]byte, recordHead, recordHead+len(payload))
	copy(rec, mark)
	binary.LittleEndian.PutUint32(rec[8:], uint32(len(payload)))    //nolint:gosec // bounded by MaxRecord
	binary.LittleEndian.PutUint32(rec[12:], uint32(items))          //nolint:gosec // fewer than bytes
	binary.LittleEndian.PutUint64(rec[16:], uint64(at.UnixMilli())) //nolint:gosec // after 1970
	rec = append(rec, payload...)
	binary.LittleEndian.PutUint32(rec[4:], crc32.Checksum(rec[8:], crcTab))
	return rec
}

// segment is one file of records.
type segment struct {
	file   *os.File
	sync   func() error // file.Sync, but where a test makes it fail
	number int64
	size   int64 // up to here, whole records
	synced int64
	// What of it is not done.
	records, items int64
	sealed         bool  // takes no more
	failed         error // takes no more, and what was not synced is not kept
}

func segmentPath(dir string, number int64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", number, suffix))
}

func create(path string, number int64) (seg *segment, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(magic); err != nil {
		return nil, err
	}
	// The name must survive a crash as well.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return &segment{file: f, sync: f.Sync, number: number, size: headerSize}, nil
}

// reopen gives nil for a file that is no segment.
func reopen(path string) (*segment, error) {
	number, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(path), suffix), 16, 64)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // somebody else's file
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{file: f, sync: f.Sync, number: number, size: info.Size(), synced: info.Size()}, nil
}

// write appends a record; of one that did not fit, nothing stays.
func (s *segment) write(rec []byte) error {
	if _, err := s.file.WriteAt(rec, s.size); err != nil {
		if cut := s.file.Truncate(s.size); cut != nil {
			s.sealed = true // reading skips the rest
		}
		return err
	}
	s.size += int64(len(rec))
	return nil
}

// durable is how far the segment may be read back: what nobody was told to be
// kept may still be taken back.
func (s *segment) durable() int64 {
	if s.failed != nil {
		return s.size
	}
	return s.synced
}

// read gives the first whole record at or after an offset, false when there is
// none up to the end.
func (s *segment) read(at, end int64) (Record, bool, error) {
	for at+recordHead <= end {
		rec, ok, err := s.at(at, end)
		if err != nil || ok {
			return rec, ok, err
		}
		if at, err = s.nextMark(at+1, end); err != nil {
			return Record{}, false, err
		}
	}
	return Record{}, false, nil
}

// at reads the record that starts there, if one does.
func (s *segment) at(at, end int64) (Record, bool, error) {
	var head [recordHead]byte
	if _, err := s.file.ReadAt(head[:], at); err != nil {
		return Record{}, false, err
	}
	n := int64(binary.LittleEndian.Uint32(head[8:]))
	if !bytes.Equal(head[:4], mark) || n > MaxRecord || at+recordHead+n > end {
		return Record{}, false, nil
	}
	payload := make([]byte, n)
	if _, err := s.file.ReadAt(payload, at+recordHead); err != nil {
		return Record{}, false, err
	}
	sum := crc32.Update(crc32.Checksum(head[8:], crcTab), crcTab, payload)
	if sum != binary.LittleEndian.Uint32(head[4:]) {
		return Record{}, false, nil
	}
	return Record{
		Payload: payload, Items: int(binary.LittleEndian.Uint32(head[12:])),
		At:    time.UnixMilli(int64(binary.LittleEndian.Uint64(head[16:]))).UTC(), //nolint:gosec // as it was written
		start: position{s.number, at}, end: position{s.number, at + recordHead + n},
	}, true, nil
}

// trust gives the offset that a cursor names where a record begins or ends
// there, and otherwise that of the first record: what was done is done again
// rather than what was not be left out.
func (s *segment) trust(offset int64) (int64, error) {
	for at := int64(headerSize); at < offset; {
		rec, ok, err := s.read(at, s.size)
		if err != nil || !ok {
			return headerSize, err
		}
		if rec.start.Offset == offset || rec.end.Offset == offset {
			return offset, nil
		}
		at = rec.end.Offset
	}
	return headerSize, nil
}

// nextMark finds where the next record may start; the end when nowhere.
func (s *segment) nextMark(from, end int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for from < end {
		n, err := s.file.ReadAt(buf[:min(int64(len(buf)), end-from)], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.Index(buf[:n], mark); i >= 0 {
			return from + int64(i), nil
		}
		if n < len(buf) {
			break
		}
		from += int64(n - len(mark) + 1) // a mark may lie across the edge
	}
	return end, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

const (
	cursorName = "cursor.json"
	// maxNumber is more segments than any disk has seen.
	maxNumber = 1 << 48
)

// saveCursor notes where reading goes on. A lost cursor, or an older one, costs
// work and no data: nothing is deleted on its word.
func saveCursor(dir string, p position) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, cursorName+".tmp")
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return full(err)
	}
	return os.Rename(tmp, filepath.Join(dir, cursorName))
}

func loadCursor(dir string) (p position) {
	raw, err := os.ReadFile(filepath.Join(dir, cursorName))
	if err != nil || json.Unmarshal(raw, &p) != nil || p.Segment < 0 || p.Segment > maxNumber || p.Offset < 0 {
		return position{}
	}
	return p
}

// lockDir keeps a second process out: two would deliver, and delete, each
// other's records.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot use the spool directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // a descriptor
		return nil, errors.Join(fmt.Errorf("the spool %s is used by another collector; give this one a directory of its own (ERRATA_SPOOL_DIR)", dir), f.Close())
	}
	return f, nil
}

// full tells a full disk from other trouble.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
