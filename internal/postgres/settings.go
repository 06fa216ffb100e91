package postgres

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// settings tunes the server for the machine. Durability is never traded,
// except for the throw-away servers of tests.
func settings(bin Binaries, data string, ephemeral bool) []string {
	// Keys and IDs are random, so that writes touch every page of a day's
	// indexes: while these are in memory a full day takes as much as an empty one.
	shared := min(max(memoryMB()/4, 128), 8<<10)
	out := []string{
		"listen_addresses=",
		"max_connections=60",
		fmt.Sprintf("shared_buffers=%dMB", shared),
		fmt.Sprintf("effective_cache_size=%dMB", max(memoryMB()/2, 256)),
		"maintenance_work_mem=128MB",
		"wal_compression=" + walCompression(bin),
		fmt.Sprintf("max_wal_size=%dMB", maxWAL(data)),
		"checkpoint_timeout=15min",
		"checkpoint_completion_target=0.9",
		"random_page_cost=1.1",
		"jit=off",
		"client_connection_check_interval=2s",
		"idle_in_transaction_session_timeout=60s",
		"log_min_duration_statement=2s",
		"log_line_prefix=%m [%p] %a ",
		"timezone=UTC",
		"unix_socket_permissions=0700",
	}
	if ephemeral {
		out = append(out, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=128MB", "max_connections=120")
	}
	return out
}

// walCompression chooses how pages are compressed that go into the log whole,
// once after each checkpoint. PostgreSQL's own way takes several times the
// processor time of LZ4, which servers from 15 on have when they were built with it.
func walCompression(bin Binaries) string {
	if bin.Major >= 15 {
		if program, err := os.ReadFile(bin.path("postgres")); err == nil && bytes.Contains(program, []byte("liblz4")) {
			return "lz4"
		}
	}
	return "on"
}

// maxWAL is how many MB of log there may be between two checkpoints: a fifth of
// what is free, because the fewer checkpoints, the fewer whole pages are logged.
func maxWAL(data string) int64 {
	const least, most = 1 << 10, 16 << 10
	var fs syscall.Statfs_t
	if err := syscall.Statfs(data, &fs); err != nil {
		return least
	}
	free := int64(fs.Bavail) * fs.Bsize >> 20 //nolint:gosec // no disk is that large
	return min(max(free/5, least), most)
}

// Memory is how many bytes of it the machine has, or its control group may use: in a
// container the machine's would be too many. 1 GiB where it cannot be told.
func Memory() int64 {
	total := int64(1 << 30)
	raw, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			if kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64); err == nil {
				total = kb << 10
			}
		}
	}
	for _, limit := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} { // version 2, and 1
		raw, _ := os.ReadFile(limit) //nolint:gosec // one of two
		if n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && n > 0 {
			total = min(total, n)
		}
	}
	return total
}

func memoryMB() int { return int(Memory() >> 20) }
