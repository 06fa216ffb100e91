package store

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The values of bodies.codec.
const (
	plain  int16 = 0
	packed int16 = 1 // zstd
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

// pack compresses a content for storage where that makes it smaller.
func pack(content []byte) (codec int16, stored []byte) {
	if len(content) >= packFrom {
		if small := packer.EncodeAll(content, nil); len(small) < len(content) {
			return packed, small
		}
	}
	return plain, content
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
