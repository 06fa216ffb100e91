package rollup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowsOf are a block's rows in words: what they are about, with counts and
// customers.
func rowsOf(t *testing.T, b *Block) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i, n := range b.Table.N {
		values := []string{b.Service, fmt.Sprint(b.Table.At[i])}
		for _, col := range b.Table.Cols {
			values = append(values, b.Table.Words[col[i]])
		}
		said := fmt.Sprint(n)
		if b.Table.Sets != nil {
			var d Distinct
			d.addSet(&b.Table.Sets[i], b.Table.Words)
			names := make([]string, 0, len(d.names))
			for name := range d.names {
				names = append(names, name)
			}
			slices.Sort(names)
			said += fmt.Sprint(names)
		}
		key := strings.Join(values, "|")
		require.NotContains(t, out, key, "cells are rows once")
		out[key] = said
	}
	return out
}

// expected counts the failures of an hour for a cube, one by one.
func expected(s *spec, failures []failure, at func(f *failure) int) map[string]string {
	counts, names := map[string]int64{}, map[string]map[string]bool{}
	for i := range failures {
		f := &failures[i]
		if s.cube == Providers && f.of[Provider] == "" {
			continue
		}
		values := []string{"", fmt.Sprint(at(f))}
		if s.own {
			values[0] = f.of[Service]
		}
		for _, d := range s.dims {
			values = append(values, f.of[d])
		}
		key := strings.Join(values, "|")
		counts[key] += f.n
		if names[key] == nil {
			names[key] = map[string]bool{}
		}
		names[key][f.of[Customer]] = true
	}
	out := map[string]string{}
	for key, n := range counts {
		out[key] = fmt.Sprint(n)
		if s.sets {
			list := make([]string, 0, len(names[key]))
			for name := range names[key] {
				list = append(list, name)
			}
			slices.Sort(list)
			out[key] += fmt.Sprint(list)
		}
	}
	return out
}

// However many bits there are for the number of a cell, every cube has each cell
// once, with its failures and customers, in hours and by the minute, and days
// have those of their hours.
func TestCubesAreWhatWasCounted(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 9))
		c, failures, _ := random(r, []int{1, 30, 300, 900}[seed%4])
		covered := map[[2]string]bool{}
		for _, q := range c.requests {
			covered[[2]string{c.dict[Environment].text(q.v[Environment]), c.dict[Service].text(q.v[Service])}] = true
		}
		for _, f := range failures {
			if covered[[2]string{f.of[Environment], f.of[Service]}] {
				f.of[Covered] = "1"
			}
		}
		for _, keyBits := range []int{1, 17, 40, 64} {
			build := func(fine bool) []Block {
				b := newBuilder(&c.dict)
				b.keyBits, b.fine = keyBits, fine
				return b.hour(hour, c, SourcesOf(c), nil)
			}
			check := func(blocks []Block, step func(s *spec, f *failure) int) {
				got := map[Cube]map[string]string{}
				for i := range blocks {
					if got[blocks[i].Cube] == nil {
						got[blocks[i].Cube] = map[string]string{}
					}
					for key, said := range rowsOf(t, &blocks[i]) {
						got[blocks[i].Cube][key] = said
					}
				}
				for i := range specs {
					s := &specs[i]
					if s.requests || slices.Contains(s.dims, Duration) {
						continue
					}
					want := expected(s, failures, func(f *failure) int { return step(s, f) })
					if len(want) > 0 {
						assert.Equal(t, want, got[s.cube], "cube %d, %d bits, seed %d", s.cube, keyBits, seed)
					}
				}
			}
			check(build(false), func(s *spec, f *failure) int {
				if s.fine {
					return f.minute
				}
				return 0
			})
			check(build(true), func(_ *spec, f *failure) int { return f.minute })
			// A day of one hour, decoded as it is read from where it is kept.
			hours := build(false)
			for i := range hours {
				table, err := Decode(hours[i].Cube, hours[i].Table.Encode(), "")
				require.NoError(t, err)
				hours[i].Table = table
			}
			day := newBuilder(nil)
			day.keyBits = keyBits
			check(day.merge(Day, hour.Truncate(24*time.Hour), hours, func(*Block, uint16) uint16 { return 14 }), func(s *spec, _ *failure) int {
				if s.fine {
					return 14
				}
				return 0
			})
		}
	}
}

// What is added to an hour comes out as if it had been counted with the rest.
func TestHoursAreAddedTo(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	first, failures, _ := random(r, 300)
	second, more, _ := random(r, 200)
	both := AddHour(hour, BuildHour(hour, first), second)
	failures = append(failures, more...)
	for i := range both {
		if s := both[i].Cube.spec(); s.cube == Callers {
			assert.Equal(t, expected(s, failures, func(*failure) int { return 0 }), rowsOf(t, &both[i]))
			return
		}
	}
	t.Fatal("no customers")
}

// Rows that share nothing are sorted digit by digit, few of them otherwise.
func TestSort(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{0, 1, fewKeys - 1, fewKeys, 5000} {
		for _, width := range []int{1, 11, 12, 33, 64} {
			b := builder{used: width}
			want := make([]uint64, n)
			for i := range want {
				want[i] = r.Uint64() >> (64 - width)
				b.list = append(b.list, keyed{want[i], uint32(i)})
			}
			slices.Sort(want)
			b.sort()
			for i := range want {
				require.Equal(t, want[i], b.list[i].key)
			}
		}
	}
}
