package app

import (
	"os"
	"runtime/debug"
)

// paceGC spends memory on a faster collector while there is little of it: with
// twice the garbage for a heap of 30 MB, spans cost a tenth less. Near what the
// budget for requests may become, it collects as Go does by default. GOGC and
// GOMEMLIMIT have the last word. Roll-ups that are kept are no garbage: with the
// garbage that comes of them they have room of their own.
func paceGC(maxInflightMB int64, cache int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit((2*maxInflightMB+256)<<20 + 2*int64(cache))
	}
}
