package store

import (
	"encoding/binary"
	"errors"
)

var errArray = errors.New("store: an array that PostgreSQL sent cannot be read")

// elements calls f with every element of an array of one dimension, in the form
// in which PostgreSQL sends it (array_send of
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c):
// dimensions, a flag and the element's type, each dimension's length and first
// index, then length and content of each element. NULL has no elements.
func elements(raw []byte, f func(element []byte)) error {
	const head, dimension = 12, 8
	if len(raw) == 0 || len(raw) == head { // NULL, or no dimensions
		return nil
	}
	if len(raw) < head+dimension || binary.BigEndian.Uint32(raw) != 1 {
		return errArray
	}
	n, raw := binary.BigEndian.Uint32(raw[head:]), raw[head+dimension:]
	for ; n > 0; n-- {
		if len(raw) < 4 {
			return errArray
		}
		size := binary.BigEndian.Uint32(raw)
		if raw = raw[4:]; uint64(size) > uint64(len(raw)) { // NULL is -1
			return errArray
		}
		f(raw[:size])
		raw = raw[size:]
	}
	if len(raw) > 0 {
		return errArray
	}
	return nil
}

// integers appends the elements of an array of int2 or int4.
func integers(to []int32, raw []byte) ([]int32, error) {
	var odd error
	err := elements(raw, func(b []byte) {
		switch len(b) {
		case 2:
			to = append(to, int32(int16(binary.BigEndian.Uint16(b)))) //nolint:gosec // bits
		case 4:
			to = append(to, int32(binary.BigEndian.Uint32(b))) //nolint:gosec // bits
		default:
			odd = errArray
		}
	})
	return to, errors.Join(err, odd)
}
