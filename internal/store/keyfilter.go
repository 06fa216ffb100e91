package store

import "math/bits"

const (
	// A block is a cache line: whatever is asked of a layer costs one miss.
	blockWords = 8
	// keyBits is how many bits there are for a key. One in ten thousand that is not
	// there is taken for one that is, until the filter is overfull.
	keyBits = 24
	// layerKeys is what a layer is for. It takes 24 MiB, of a process that had to seal
	// a segment, and each layer more is a miss more.
	layerKeys = 1 << 23
	// maxLayers bounds the memory of a filter to 96 MiB. The last layer takes
	// whatever comes after 33 million keys, and is wrong more and more often.
	maxLayers = 4
)

// keyFilter knows which keys it may have been given, and surely which it has not:
// a Bloom filter of blocks (Putze, Sanders, Singler: "Cache-, Hash- and
// Space-Efficient Bloom Filters", 2007), in layers, since nobody knows beforehand
// how many keys there will be. Keys are hashes already.
type keyFilter struct {
	layers []keyLayer
}

type keyBlock [blockWords]uint64

type keyLayer struct {
	blocks []keyBlock
	room   int // keys that it takes before there is another
}

// Odd numbers that spread the same bits differently over the words of a block:
// those of Parquet's filters
// (https://github.com/apache/parquet-format/blob/master/BloomFilter.md).
var keySalts = [blockWords]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

func (l *keyLayer) block(key uint64) *keyBlock {
	n, _ := bits.Mul64(key, uint64(len(l.blocks)))
	return &l.blocks[n]
}

// bit is the one of a word that stands for a key.
func bit(key uint64, word int) uint64 {
	return 1 << (uint32(key) * keySalts[word] >> 26) //nolint:gosec // the lower half: the upper one chose the block
}

func (f *keyFilter) add(key uint64) {
	if n := len(f.layers); n == 0 || f.layers[n-1].room <= 0 && n < maxLayers {
		f.layers = append(f.layers, keyLayer{mapBlocks(layerKeys * keyBits / (blockWords * 64)), layerKeys})
	}
	l := &f.layers[len(f.layers)-1]
	b := l.block(key)
	if b.has(key) { // as after another try
		return
	}
	l.room--
	for word := range b {
		b[word] |= bit(key, word)
	}
}

// free gives the memory back. The filter is empty then.
func (f *keyFilter) free() {
	for _, l := range f.layers {
		unmapBlocks(l.blocks)
	}
	f.layers = nil
}

func (f *keyFilter) has(key uint64) bool {
	for i := range f.layers {
		if f.layers[i].block(key).has(key) {
			return true
		}
	}
	return false
}

func (b *keyBlock) has(key uint64) bool {
	missing := uint64(0)
	for word := range b {
		missing |= bit(key, word) &^ b[word]
	}
	return missing == 0
}
