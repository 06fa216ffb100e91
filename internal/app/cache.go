package app

import "errata/internal/postgres"

const (
	// A month of ten million failures takes about half of the least; with less than
	// a page needs, what it needs pushes itself out.
	leastCache = 192 << 20
	mostCache  = 1 << 30
)

// statsCache is the room for roll-ups: who serves pages reads the same ones again
// and again. It is a sixteenth of the memory unless it was set.
func statsCache(role Role, setMB int64) int {
	switch {
	case role&API == 0:
		return 0
	case setMB > 0:
		return int(setMB << 20)
	}
	return int(min(max(postgres.Memory()/16, leastCache), mostCache))
}
