package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// The values of bodies.codec.
const (
	plain    int16 = 0
	packed   int16 = 1 // zstd
	relative int16 = 2 // S2, with the content of another row, the base, for a dictionary
)

// packFrom is the size from which compression is tried.
const packFrom = 128

// maxUnpacked bounds what one content may become: more than any body that is
// taken in.
const maxUnpacked = 64 << 20

var packer, unpacker = func() (*zstd.Encoder, *zstd.Decoder) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constant
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return enc, dec
}()

// goodDelta is how many times smaller than the content a difference must be;
// with a worse one the content becomes a base itself.
const goodDelta = 4

// pack compresses a content for storage where that makes it smaller, as a
// difference from the base where there is one that it is like.
func pack(content []byte, from *base) (codec int16, stored []byte) {
	if from != nil && len(content) >= packFrom && len(content) <= maxBase {
		if small := from.dict.Encode(nil, content); len(small)*goodDelta < len(content) {
			return relative, small
		}
	}
	if len(content) >= packFrom {
		if small := packer.EncodeAll(content, nil); len(small) < len(content) {
			return packed, small
		}
	}
	return plain, content
}

// maxDelta bounds what a difference may become.
const maxDelta = 2 * maxBase

// unpackFrom is unpack for a content that may be a difference from another.
func unpackFrom(codec int16, stored []byte, baseCodec int16, baseStored []byte) ([]byte, error) {
	if codec != relative {
		return unpack(codec, stored)
	}
	whole, err := unpack(baseCodec, baseStored)
	if err != nil {
		return nil, fmt.Errorf("the base of a stored body: %w", err)
	}
	dict := dictOf(whole)
	if n, err := s2.DecodedLen(stored); dict == nil || err != nil || n > maxDelta {
		return nil, errors.New("a stored body cannot be unpacked")
	}
	content, err := dict.Decode(nil, stored)
	if err != nil {
		return nil, fmt.Errorf("a stored body cannot be unpacked: %w", err)
	}
	return content, nil
}

// unpack gives a content back; the result shares no memory with stored.
func unpack(codec int16, stored []byte) ([]byte, error) {
	switch codec {
	case plain:
		return slices.Clone(stored), nil
	case packed:
		content, err := unpacker.DecodeAll(stored, nil)
		if err != nil {
			return nil, fmt.Errorf("a stored body cannot be unpacked: %w", err)
		}
		return content, nil
	default:
		return nil, fmt.Errorf("a stored body has codec %d, which this version does not know", codec)
	}
}
