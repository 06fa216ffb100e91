// Package backtest reads series of counts from CSV and tells which incidents
// the detector would have made of them. It is pure but for the reader that it
// is given.
package backtest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"errata/internal/detect"
)

// The columns, in the order that they have without a header.
const (
	colSeries    = "series"
	colMinute    = "minute"
	colErrors    = "errors"
	colRequests  = "requests"
	colCustomers = "customers"
	colTop       = "top_customer_errors"
)

var columns = []string{colSeries, colMinute, colErrors, colRequests, colCustomers, colTop}

// The bounds of a file.
const (
	MaxRows   = 20_000_000
	MaxSeries = 100_000
	MaxDays   = 400
	maxName   = 300 // bytes
)

// maxMinute is the end of year 9999: later ones cannot be written.
var maxMinute = detect.MinuteOf(time.Date(9999, 12, 31, 23, 59, 0, 0, time.UTC))

// Series are the rows of one series, in the order of their minutes.
type Series struct {
	Name   string
	Totals bool // whether its file tells requests
	rows   []row
}

// row is a detect.Sample in half the room: files can be long.
type row struct {
	minute                           detect.Minute
	errors, requests, customers, top int32
}

func (r row) sample() detect.Sample {
	return detect.Sample{Minute: r.minute, Counts: detect.Counts{Errors: int64(r.errors), Requests: int64(r.requests)},
		Customers: int64(r.customers), Top: int64(r.top)}
}

// File is what was read from one file. First and Last are its first and last
// minute: between them, a minute without a row is zero in every series.
type File struct {
	Series      []Series
	First, Last detect.Minute
}

// Read reads a file. name is that of its series if it has no column of that name.
// progress, if not nil, is called every now and then with the rows so far.
func Read(in io.Reader, name string, progress func(rows int)) (*File, error) {
	r := reader{csv: csv.NewReader(in), name: name, file: &File{}, byName: map[string]int{}}
	r.csv.ReuseRecord, r.csv.FieldsPerRecord, r.csv.TrimLeadingSpace = true, -1, true
	rows := 0
	for first := true; ; first = false {
		record, err := r.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, readError(err)
		}
		if first {
			record[0] = strings.TrimPrefix(record[0], "\ufeff")
			if header, err := r.header(record); err != nil {
				return nil, err
			} else if header {
				continue
			}
		}
		if err := r.take(record); err != nil {
			return nil, err
		}
		if rows++; rows > MaxRows {
			return nil, fmt.Errorf("line %d: more than %d rows in one file; split it", r.line(0), MaxRows)
		}
		if progress != nil && rows%1_000_000 == 0 {
			progress(rows)
		}
	}
	if rows == 0 {
		return nil, errors.New("there are no rows: want minute,errors[,requests[,customers[,top_customer_errors]]]")
	}
	for i := range r.file.Series {
		slices.SortStableFunc(r.file.Series[i].rows, func(a, b row) int { return int(a.minute - b.minute) })
	}
	return r.file, nil
}

func readError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("line %d, column %d: %w", parse.Line, parse.Column, parse.Err)
	}
	return err
}

type reader struct {
	csv    *csv.Reader
	name   string
	order  []string // the column of each field
	file   *File
	byName map[string]int
}

func (r *reader) line(field int) int {
	line, _ := r.csv.FieldPos(field)
	return line
}

// header finds out what the columns are. Without a header the first row tells
// by whether it begins with a time.
func (r *reader) header(record []string) (bool, error) {
	if !slices.ContainsFunc(record, func(f string) bool { return slices.Contains(columns, clean(f)) }) {
		r.order = columns[1:]
		if _, err := minute(record[0]); err != nil && len(record) > 1 {
			if _, err := minute(record[1]); err == nil {
				r.order = columns
			}
		}
		return false, nil
	}
	for i, f := range record {
		name := clean(f)
		if !slices.Contains(columns, name) {
			return true, fmt.Errorf("line %d, column %d: %q is not a column; there are %s", r.line(i), i+1, cut(f), strings.Join(columns, ", "))
		}
		if slices.Contains(r.order, name) {
			return true, fmt.Errorf("line %d, column %d: %q is there twice", r.line(i), i+1, name)
		}
		r.order = append(r.order, name)
	}
	for _, need := range []string{colMinute, colErrors} {
		if !slices.Contains(r.order, need) {
			return true, fmt.Errorf("line %d: the column %q is missing", r.line(0), need)
		}
	}
	return true, nil
}

func clean(f string) string { return strings.ToLower(strings.TrimSpace(f)) }

// take reads one row.
func (r *reader) take(record []string) error {
	if len(record) > len(r.order) {
		return fmt.Errorf("line %d, column %d: there are only %d columns: %s", r.line(len(r.order)), len(r.order)+1, len(r.order), strings.Join(r.order, ", "))
	}
	got, name, totals, told := row{requests: detect.Unknown}, r.name, false, 0
	for i, column := range r.order {
		if i >= len(record) {
			break
		}
		var err error
		switch f := strings.TrimSpace(record[i]); column {
		case colSeries:
			name, err = seriesName(f)
		case colMinute:
			got.minute, err = minute(f)
			told++
		case colErrors:
			got.errors, err = number(f)
			told++
		case colRequests:
			if f != "" {
				got.requests, err = number(f)
				totals = true
			}
		case colCustomers:
			got.customers, err = optional(f)
		case colTop:
			got.top, err = optional(f)
		}
		if err != nil {
			return fmt.Errorf("line %d, column %d (%s): %w", r.line(i), i+1, column, err)
		}
	}
	if told < 2 {
		return fmt.Errorf("line %d: a row needs at least a minute and errors", r.line(0))
	}
	return r.keep(name, got, totals)
}

func (r *reader) keep(name string, got row, totals bool) error {
	f := r.file
	if len(f.Series) == 0 {
		f.First, f.Last = got.minute, got.minute
	}
	f.First, f.Last = min(f.First, got.minute), max(f.Last, got.minute)
	if f.Last-f.First > MaxDays*24*60 {
		return fmt.Errorf("line %d: the file spans more than %d days; is a minute wrong?", r.line(0), MaxDays)
	}
	i, ok := r.byName[name]
	if !ok {
		if i = len(f.Series); i == MaxSeries {
			return fmt.Errorf("line %d: more than %d series in one file; split it", r.line(0), MaxSeries)
		}
		r.byName[name] = i
		f.Series = append(f.Series, Series{Name: name})
	}
	f.Series[i].Totals = f.Series[i].Totals || totals
	f.Series[i].rows = append(f.Series[i].rows, got)
	return nil
}

func seriesName(f string) (string, error) {
	switch {
	case f == "":
		return "", errors.New("a series needs a name")
	case len(f) > maxName:
		return "", fmt.Errorf("a name has at most %d bytes", maxName)
	case !utf8.ValidString(f):
		return "", errors.New("a name must be UTF-8")
	}
	return strings.Clone(f), nil
}

// minute reads a time; its seconds are dropped.
func minute(f string) (detect.Minute, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, f); err == nil {
			if m := detect.MinuteOf(t); m > 0 && m <= maxMinute {
				return m, nil
			}
			return 0, fmt.Errorf("%q is out of range: want a time since 1970", cut(f))
		}
	}
	return 0, fmt.Errorf("%q is not an RFC 3339 time, such as 2026-11-20T14:02:00Z", cut(f))
}

func optional(f string) (int32, error) {
	if f == "" {
		return 0, nil
	}
	return number(f)
}

// number reads a count. Some tools write whole numbers as 12.0.
func number(f string) (int32, error) {
	whole := f
	if before, after, ok := strings.Cut(f, "."); ok && strings.Trim(after, "0") == "" {
		whole = before
	}
	n, err := strconv.ParseInt(whole, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is too large", cut(f))
	case err != nil:
		return 0, fmt.Errorf("%q is not a whole number", cut(f))
	case n < 0:
		return 0, fmt.Errorf("%q is negative", cut(f))
	}
	return int32(n), nil
}

// cut keeps messages short.
func cut(f string) string {
	if len(f) > 40 {
		return strings.ToValidUTF8(f[:40], "") + "…"
	}
	return f
}
