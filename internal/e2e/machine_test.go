package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// process is one program of the product, by itself, as the machine sees it.
type process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	addr string // of its HTTP port
	key  string // an ingest key of it
	stop func()
}

const benchKey = "erk_ingest_of_this_bench_only_01"

// startCollector runs the real collector, with the settings that it is shipped
// with, on a database that has been migrated.
func startCollector(tb testing.TB, databaseURL string) *process {
	tb.Helper()
	dir, err := binaries()
	require.NoError(tb, err)
	addr, home := freePort(tb), tb.TempDir()
	return startProcess(tb, addr, filepath.Join(dir, "collector"), "HOME="+home, "ERRATA_DATABASE_URL="+databaseURL, "ERRATA_OTLP_HTTP_ADDR="+addr,
		"ERRATA_OTLP_GRPC_ADDR=127.0.0.1:0", "ERRATA_SPOOL_DIR="+filepath.Join(home, "spool"), "ERRATA_BOOTSTRAP_INGEST_KEY="+benchKey)
}

// startProcess runs a program that serves addr until the test ends or stop is
// called.
func startProcess(tb testing.TB, addr, program string, env ...string) *process {
	tb.Helper()
	log, err := os.Create(filepath.Join(tb.TempDir(), "log"))
	require.NoError(tb, err)
	cmd := exec.Command(program)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	require.NoError(tb, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p := &process{tb: tb, cmd: cmd, addr: addr, key: benchKey}
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		assert.NoError(tb, cmd.Process.Signal(syscall.SIGTERM))
		select {
		case err := <-ended:
			assert.NoError(tb, err)
		case <-time.After(30 * time.Second):
			tb.Error("it did not stop in 30 s")
			assert.NoError(tb, cmd.Process.Kill())
		}
		assert.NoError(tb, log.Close())
	}
	tb.Cleanup(p.stop)
	for range 600 {
		res, err := http.Get("http://" + addr + "/readyz") //nolint:noctx // a moment, on loopback
		if err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK {
			return p
		}
		time.Sleep(50 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	tb.Fatalf("%s did not become ready: %s", program, said)
	return nil
}

// memory gives the resident memory of a process in MB: the most that it ever
// had, and what it has now.
func (p *process) memory() (peak, now float64) {
	p.tb.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.tb, err)
	defer f.Close() //nolint:errcheck // only read
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		var kb float64
		if n, _ := fmt.Sscan(value, &kb); n == 1 && name == "VmHWM" {
			peak = kb / 1024
		} else if n == 1 && name == "VmRSS" {
			now = kb / 1024
		}
	}
	return peak, now
}

// cpu is the time that a process spent, its ended children included.
func cpu(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	own, _, err := procStat(pid)
	require.NoError(tb, err)
	return own
}

// cpuOfTree is the time that a process and all its children spent.
func cpuOfTree(tb testing.TB, parent int) time.Duration {
	tb.Helper()
	sum := cpu(tb, parent)
	entries, err := os.ReadDir("/proc")
	require.NoError(tb, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// One that has ended meanwhile counts with the next reading.
		if spent, of, err := procStat(pid); err == nil && of == parent {
			sum += spent
		}
	}
	return sum
}

// procStat reads /proc/PID/stat: user and system time of the process and of
// its ended children, in ticks of 10 ms, and who its parent is.
func procStat(pid int) (spent time.Duration, parent int, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The name in parentheses may hold anything.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 15 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return 0, 0, err
	}
	for _, f := range fields[11:15] {
		ticks, err := strconv.Atoi(f)
		if err != nil {
			return 0, 0, err
		}
		spent += time.Duration(ticks) * 10 * time.Millisecond
	}
	return spent, parent, nil
}
