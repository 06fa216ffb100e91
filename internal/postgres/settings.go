package postgres

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// settings tunes the server for the machine. Durability is never traded,
// except for the throw-away servers of tests.
func settings(ephemeral bool) []string {
	shared := min(max(memoryMB()/4, 128), 1024)
	out := []string{
		"listen_addresses=",
		"max_connections=60",
		fmt.Sprintf("shared_buffers=%dMB", shared),
		fmt.Sprintf("effective_cache_size=%dMB", max(memoryMB()/2, 256)),
		"maintenance_work_mem=128MB",
		"wal_compression=on",
		"max_wal_size=2GB",
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

// memoryMB is the machine's memory; 1024 where it cannot be told.
func memoryMB() int {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 1024
	}
	defer f.Close() //nolint:errcheck // only read
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "MemTotal:"); ok {
			if kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB"))); err == nil {
				return kb / 1024
			}
		}
	}
	return 1024
}
