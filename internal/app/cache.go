package app

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"
)

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
	return int(min(max(memory()/16, leastCache), mostCache))
}

// memory is how many bytes the machine has, or what a container may use of them; 0
// where it cannot be told.
func memory() int64 {
	total := int64(0)
	raw, _ := os.ReadFile("/proc/meminfo")
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "MemTotal:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			total = kb << 10
		}
	}
	for _, limit := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, _ := os.ReadFile(limit) //nolint:gosec // one of two
		if n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && n > 0 && n < math.MaxInt64>>1 {
			total = min(total, n)
		}
	}
	return total
}
