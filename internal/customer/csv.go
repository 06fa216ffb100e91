package customer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"errata/internal/yamldoc"
)

const (
	// MaxFile bounds a file of names, in bytes.
	MaxFile = 16 << 20
	// maxMistakes of a file are told; the others are likely to be the same ones.
	maxMistakes = 100
)

// Mistake is what is wrong with a file, and where.
type Mistake = yamldoc.Mistake

// idColumns are what exports call the column with the ID.
var idColumns = []string{"customer", "customer_id", "customer id", "id"}

// Read reads a file of names as CSV, parted by commas, semicolons or tabs: either two
// columns, the ID and the name, or a first line that names its columns, of which
// "customer" (or "customer_id", "id") and "name" are taken. A file with mistakes has no
// names: whoever mends it reads it again.
func Read(file string, text []byte) ([]Named, []Mistake) {
	f := reading{file: file, id: 0, name: 1, seen: map[string]int{}}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		f.wrong(f.notText(text), "", "is not UTF-8; save the file as CSV with UTF-8")
		return nil, f.found
	}
	f.read(text)
	switch {
	case len(f.found) > 0:
		return nil, f.found
	case len(f.names) == 0:
		f.wrong(1, "", "has no names: a line is the ID of a customer, a comma and the name")
		return nil, f.found
	case len(f.names) > MaxNames:
		f.wrong(1, "", fmt.Sprintf("has %d names; a workspace takes at most %d", len(f.names), MaxNames))
		return nil, f.found
	}
	return f.names, nil
}

type reading struct {
	file     string
	id, name int // columns
	headed   bool
	names    []Named
	seen     map[string]int // line, by customer
	found    []Mistake
}

func (f *reading) wrong(line int, path, why string) {
	switch {
	case len(f.found) < maxMistakes:
		f.found = append(f.found, Mistake{File: f.file, Line: line, Path: path, Why: why})
	case len(f.found) == maxMistakes:
		f.found = append(f.found, Mistake{File: f.file, Line: line, Path: path, Why: "and there may be more: the lines behind it were not looked at"})
	}
}

func (f *reading) read(text []byte) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = parting(text), -1, true
	for first := true; len(f.found) <= maxMistakes; first = false {
		record, err := r.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &bad):
			f.wrong(bad.StartLine, "", "is no CSV: "+strings.TrimPrefix(bad.Err.Error(), "csv: "))
			continue
		case err != nil:
			f.wrong(1, "", "cannot be read")
			return
		}
		line, _ := r.FieldPos(0)
		if first && f.heads(record) {
			continue
		}
		f.record(line, record)
	}
}

// parting is what parts the columns of the first line.
func parting(text []byte) rune {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(first, c) {
			return c
		}
	}
	return ','
}

// heads reports a line that names the columns.
func (f *reading) heads(record []string) bool {
	id, name := -1, -1
	for i, column := range record {
		switch column = Fold(column); {
		case column == "name" && name < 0:
			name = i
		case slices.Contains(idColumns, column) && id < 0:
			id = i
		}
	}
	if id < 0 || name < 0 {
		return false
	}
	f.id, f.name, f.headed = id, name, true
	return true
}

func (f *reading) record(line int, record []string) {
	if len(record) == 1 && strings.TrimSpace(record[0]) == "" { // spaces only
		return
	}
	if !f.headed && len(record) != 2 {
		f.wrong(line, "", fmt.Sprintf("has %d columns; without a first line that names them there are two: the ID of a customer and the name", len(record)))
		return
	}
	if max(f.id, f.name) >= len(record) {
		f.wrong(line, "", "has fewer columns than the first line names")
		return
	}
	n := Named{Customer: strings.TrimSpace(record[f.id]), Name: strings.TrimSpace(record[f.name])}
	if why := wrongID(n.Customer); why != "" {
		f.wrong(line, "customer", why)
		return
	}
	if why := wrongName(n.Name); why != "" {
		f.wrong(line, "name", why)
		return
	}
	if before, twice := f.seen[n.Customer]; twice {
		f.wrong(line, "customer", fmt.Sprintf("is in line %d already", before))
		return
	}
	f.seen[n.Customer] = line
	f.names = append(f.names, Named{Customer: strings.Clone(n.Customer), Name: strings.Clone(n.Name)})
}

// notText is the line in which a text stops being UTF-8.
func (*reading) notText(text []byte) int {
	line := 1
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		text = text[n:]
	}
	return line
}

// Write is the file that Read takes.
func Write(w io.Writer, names []Named) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"customer", "name"}); err != nil {
		return err
	}
	for _, n := range names {
		if err := out.Write([]string{n.Customer, n.Name}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
