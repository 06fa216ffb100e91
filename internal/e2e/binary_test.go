package e2e

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// built is where the commands are, once they are.
var built string

func removeBinaries() {
	if built != "" {
		_ = os.RemoveAll(built)
	}
}

// binaries builds the commands once a test run.
var binaries = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "errata-e2e-"); err != nil {
		return "", err
	}
	built = dir
	out, err := exec.Command("go", "build", "-o", dir+"/", "errata/cmd/...").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out) //nolint:errcheck // the error says enough
	}
	return dir, err
})

// installation is the program as an operator runs it: one process, a private
// PostgreSQL, a data directory that outlives it.
type installation struct {
	t         *testing.T
	env       []string
	dir       string
	http      string
	ingest    string
	cmd       *exec.Cmd
	ended     chan error
	admin     string
	ingestKey string
}

// errata runs the program with an environment of its own.
func errata(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := binaries()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "errata"), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ERRATA_PG_BIN=" + os.Getenv("ERRATA_PG_BIN")}, env...)
	return cmd
}

func install(t *testing.T, more ...string) *installation {
	t.Helper()
	dir, err := os.MkdirTemp("", "errata-data-") // short, and open to the user that PostgreSQL runs as
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	in := &installation{t: t, dir: dir, http: freePort(t), ingest: freePort(t), admin: "erk_admin_of_this_test_only_0001"}
	grpc := freePort(t)
	in.env = append([]string{
		"ERRATA_DATA_DIR=" + dir, "ERRATA_HTTP_ADDR=" + in.http, "ERRATA_OTLP_HTTP_ADDR=" + in.ingest, "ERRATA_OTLP_GRPC_ADDR=" + grpc,
		"ERRATA_BOOTSTRAP_ADMIN_KEY=" + in.admin, "ERRATA_SERVER=http://" + in.http, "ERRATA_COLLECTOR=http://" + in.ingest,
		"ERRATA_GRPC=" + grpc,
	}, more...)
	return in
}

func freePort(t testing.TB) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer lis.Close() //nolint:errcheck // only asked for its number
	return lis.Addr().String()
}

var printedKey = regexp.MustCompile(`erk_[A-Za-z0-9_-]{20,}`)

// start runs errata serve until it has printed its curl line.
func (in *installation) start() {
	in.t.Helper()
	in.cmd = errata(in.t, in.env, "serve")
	stdout, err := in.cmd.StdoutPipe()
	require.NoError(in.t, err)
	var stderr bytes.Buffer
	in.cmd.Stderr = &stderr
	require.NoError(in.t, in.cmd.Start())
	in.ended = make(chan error, 1)
	banner := make(chan string, 1)
	go func() {
		var printed strings.Builder
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			printed.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "curl") {
				banner <- printed.String()
			}
		}
		in.ended <- in.cmd.Wait()
	}()
	select {
	case text := <-banner:
		in.ingestKey = printedKey.FindString(text)
	case err := <-in.ended:
		in.t.Fatalf("it did not start: %v\n%s", err, stderr.String())
	case <-time.After(60 * time.Second):
		in.t.Fatal("it did not start in a minute")
	}
	require.NotEmpty(in.t, in.ingestKey, "the banner shows a key")
}

// stop asks for an orderly end, as Ctrl-C does.
func (in *installation) stop() {
	in.t.Helper()
	require.NoError(in.t, in.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-in.ended:
		require.NoError(in.t, err)
	case <-time.After(30 * time.Second):
		in.t.Fatal("it did not stop in 30 s")
	}
}

// run is one of the operator's verbs.
func (in *installation) run(key string, args ...string) (string, error) {
	in.t.Helper()
	out, err := errata(in.t, append(in.env, "ERRATA_KEY="+key), args...).CombinedOutput()
	return string(out), err
}

// file holds what an operator has in a file.
func (in *installation) file(content string) string {
	in.t.Helper()
	path := filepath.Join(in.t.TempDir(), "body.json")
	require.NoError(in.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// The operator's whole round, with the real program: start, report, look up,
// manage keys, ask the doctor; kill it, start it again, stop it.
func TestTheProgram(t *testing.T) {
	in := install(t)
	in.start()
	out, err := in.run(in.ingestKey, "send", "--service", "billing", "--status", "503", "--endpoint", "/v1/charges", in.file(`{"error":{"code":"DB_DOWN","message":"no database","request_id":"req_cli1"}}`))
	require.NoError(t, err, out)
	out, err = in.run(in.admin, "lookup", "req_cli1")
	require.NoError(t, err, out)
	assert.Contains(t, out, "db_down")
	assert.Contains(t, out, "billing")
	out, err = in.run(in.admin, "lookup", "--json", "req_cli1")
	require.NoError(t, err, out)
	assert.Contains(t, out, `"raw_code":"DB_DOWN"`)
	out, err = in.run(in.admin, "lookup", "req_nobody_saw")
	require.Error(t, err)
	assert.Contains(t, out, "req_nobody_saw")

	out, err = in.run(in.admin, "key", "create", "for the gateway", "--scope", "ingest")
	require.NoError(t, err, out)
	made := printedKey.FindString(out)
	require.NotEmpty(t, made, out)
	out, err = in.run(in.admin, "key", "list")
	require.NoError(t, err, out)
	assert.Contains(t, out, "for the gateway")
	assert.NotContains(t, out, made)
	id := regexp.MustCompile(`[0-9a-f-]{36}`)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "for the gateway") {
			out, err = in.run(in.admin, "key", "revoke", id.FindString(line))
			require.NoError(t, err, out)
		}
	}
	require.Eventually(t, func() bool {
		_, err := in.run(made, "send", "--service", "x", "--status", "500", in.file(`{"error":"x"}`))
		return err != nil
	}, 15*time.Second, 200*time.Millisecond, "a revoked key stops working")

	in.env = append(in.env, "ERRATA_INGEST_KEY="+in.ingestKey)
	out, err = in.run(in.admin, "doctor")
	require.NoError(t, err, out)
	assert.Contains(t, out, "All is well.")

	require.NoError(t, in.cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, <-in.ended)
	in.start()
	out, err = in.run(in.admin, "lookup", "req_cli1")
	require.NoError(t, err, out)
	in.stop()
	in.start()
	out, err = in.run(in.admin, "lookup", "req_cli1")
	require.NoError(t, err, out)
	in.stop()
	assert.NoFileExists(t, filepath.Join(in.dir, "pg", "postmaster.pid"))
}

// What Errata says about itself goes to where OTEL_EXPORTER_OTLP_ENDPOINT
// points, and nothing secret is in it.
func TestOwnTelemetry(t *testing.T) {
	var mu sync.Mutex
	got := map[string]*bytes.Buffer{}
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if got[r.URL.Path] == nil {
			got[r.URL.Path] = &bytes.Buffer{}
		}
		_, _ = got[r.URL.Path].ReadFrom(r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(sink.Close)
	in := install(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=100",
		"OTEL_BLRP_SCHEDULE_DELAY=100", "OTEL_METRIC_EXPORT_INTERVAL=200")
	in.start()
	_, err := in.run(in.ingestKey, "send", "--service", "billing", "--status", "500", in.file(`{"request_id":"req_private_to_a_customer"}`))
	require.NoError(t, err)
	_, err = in.run(in.admin, "lookup", "req_private_to_a_customer")
	require.NoError(t, err)
	has := func(path, text string) bool {
		mu.Lock()
		defer mu.Unlock()
		return got[path] != nil && bytes.Contains(got[path].Bytes(), []byte(text))
	}
	assert.Eventually(t, func() bool { return has("/v1/traces", "/v1/requests/:request_id") }, 10*time.Second, 50*time.Millisecond, "a span of the look-up")
	assert.Eventually(t, func() bool { return has("/v1/traces", "store.write") }, 10*time.Second, 50*time.Millisecond, "a span of the write")
	assert.Eventually(t, func() bool { return has("/v1/logs", "/v1/requests/:request_id") }, 10*time.Second, 50*time.Millisecond, "a log record of it")
	assert.Eventually(t, func() bool { return has("/v1/metrics", "errata_events") || has("/v1/metrics", "errata.events") }, 10*time.Second, 50*time.Millisecond, "the count of Events")
	in.stop()
	mu.Lock()
	defer mu.Unlock()
	for path, body := range got {
		for _, secret := range []string{in.ingestKey, in.admin} {
			assert.NotContains(t, body.String(), secret, path)
		}
	}
	assert.NotContains(t, got["/v1/logs"].String(), "req_private_to_a_customer")
}
