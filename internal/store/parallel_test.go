package store

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParallel(t *testing.T) {
	var done atomic.Int64
	assert.NoError(t, parallel(100, func(i int) error { done.Add(int64(i)); return nil }))
	assert.EqualValues(t, 4950, done.Load())
	assert.ErrorContains(t, parallel(3, func(i int) error { return errors.New("no") }), "no")
	var none []int
	assert.ErrorContains(t, parallel(3, func(i int) error { none[i]++; return nil }), "panic: ")
}
