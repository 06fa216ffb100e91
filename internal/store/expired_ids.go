package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/bits-and-blooms/bloom/v3"

	"errata/internal/event"
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

// idFilter is a filter in memory, while it is made.
type idFilter struct {
	blocks, bits int
	ids          int64
	set          []byte
	touched      map[int]bool // blocks that got an ID
}

func newIDFilter(ids int64) *idFilter {
	m, _ := bloom.EstimateParameters(uint(max(ids, 1)), wrongOnce) //nolint:gosec // not negative
	f := &idFilter{blocks: 1, bits: int(m+63) / 64 * 64}           //nolint:gosec // bounded by the next line
	if f.bits > blockBits {
		f.bits = blockBits
		f.blocks = min(int(math.Ceil(float64(m)*slack/blockBits)), maxBlocks)
	}
	f.set, f.touched = make([]byte, f.blocks*f.bits/8), map[int]bool{}
	return f
}

// room is how many more IDs the filter was made for.
func (f *idFilter) room() int64 {
	each, _ := bloom.EstimateParameters(1000, wrongOnce)
	return int64(f.blocks)*int64(f.bits)*1000/int64(each) - f.ids //nolint:gosec // some 22,000
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
