package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/bits-and-blooms/bloom/v3"

	"errata/internal/event"
	"errata/internal/thin"
)

// What remains of the IDs of a day that has gone is a Bloom filter: whoever asks
// for one of them is told that it was there. It is cut into blocks of a size
// that PostgreSQL keeps in the row, and all of an ID's bits are in one of them,
// so that a look-up reads one row for each day and nobody holds filters in
// memory. The reasons and figures are in docs/decisions/0017-expired-ids.md.
const (
	// A look-up asks up to MaxIDDays filters, and any of them may be wrong: each
	// must be right so much more often for the answer to be wrong in one case of
	// a hundred.
	wrongOnce = 0.01 / MaxIDDays
	// What a rule let go is said outright, and each rule has filters of its own: of
	// all days and rules together, the answer is wrong in one case of ten thousand.
	thinnedWrongOnce = 0.0001 / (MaxIDDays * thin.MaxRules)
	// idHashes is the number of bits of an ID that makes the least of that.
	idHashes = 15
	// blockBits are as many as fit into a quarter of a page.
	blockBits = 15_360
	// maxBlocks bounds a filter to 32 MiB; of more than ten million IDs a day
	// and workspace, more are taken for known wrongly.
	maxBlocks = 32 << 20 / (blockBits / 8)
	// slack is for blocks that get more than their share.
	slack = 1.08
)

// goneBy is by which rule IDs went; the zero value: with their day.
type goneBy struct {
	rule            string
	kept, afterDays int
}

// idFilter is a filter in memory, while it is made.
type idFilter struct {
	by           goneBy
	part         int // of its day
	blocks, bits int
	ids          int64
	set          []byte
	touched      map[int]bool // blocks that got an ID
}

func newIDFilter(ids int64, by goneBy) *idFilter {
	m := bitsFor(max(ids, 1), by)
	f := &idFilter{by: by, blocks: 1, bits: int(min(m, 2*blockBits)+63) / 64 * 64}
	if f.bits > blockBits {
		f.bits = blockBits
		f.blocks = int(min(math.Ceil(m*slack/blockBits), maxBlocks))
	}
	f.set, f.touched = make([]byte, f.blocks*f.bits/8), map[int]bool{}
	return f
}

// bitsFor is how many bits so many IDs take, of which each sets idHashes.
func bitsFor(ids int64, by goneBy) float64 {
	wrong := wrongOnce
	if by != (goneBy{}) {
		wrong = thinnedWrongOnce
	}
	return math.Ceil(float64(ids) * -idHashes / math.Log1p(-math.Pow(wrong, 1./idHashes)))
}

// room is how many more IDs the filter was made for.
func (f *idFilter) room() int64 {
	return int64(float64(f.blocks)*float64(f.bits)/bitsFor(1000, f.by)*1000) - f.ids
}

// spot is where an ID is in every filter: its block modulo their number, its
// places modulo their size.
type spot struct {
	block  int64
	places []int64
}

func spotOf(id string) spot {
	sum := sha256.Sum256([]byte(id))
	sp := spot{block: int64(binary.BigEndian.Uint64(sum[:8]) >> 1), places: make([]int64, idHashes)} //nolint:gosec // 63 bits
	for i, at := range bloom.Locations([]byte(id), idHashes) {
		sp.places[i] = int64(at >> 1) //nolint:gosec // 63 bits
	}
	return sp
}

// start is the first bit of the spot's block.
func (f *idFilter) start(sp spot) int { return int(sp.block%int64(f.blocks)) * f.bits }

func (f *idFilter) add(sp spot) {
	start := f.start(sp)
	for _, p := range sp.places {
		at := start + int(p%int64(f.bits))
		f.set[at/8] |= 1 << (at % 8)
	}
	f.touched[start/f.bits] = true
	f.ids++
}

func (f *idFilter) has(sp spot) bool {
	start := f.start(sp)
	for _, p := range sp.places {
		if at := start + int(p%int64(f.bits)); f.set[at/8]&(1<<(at%8)) == 0 {
			return false
		}
	}
	return true
}

// block is the row of a block: PostgreSQL's get_bit counts the bits of a byte
// from the lowest, as add does.
func (f *idFilter) block(i int) []byte { return f.set[i*f.bits/8 : (i+1)*f.bits/8] }

// spellings are the ways in which an ID may be in a filter.
func spellings(id string) []string {
	if trace := event.CleanHex(id, 32); trace != "" && trace != id {
		return []string{id, trace}
	}
	return []string{id}
}
