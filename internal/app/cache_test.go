package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRoomForRollups(t *testing.T) {
	assert.Zero(t, statsCache(Collector, 0), "a collector serves no pages")
	assert.Zero(t, statsCache(Collector, 512))
	assert.Equal(t, 512<<20, statsCache(API|Collector, 512))
	own := statsCache(API, 0)
	assert.GreaterOrEqual(t, own, leastCache)
	assert.LessOrEqual(t, own, mostCache)
}
