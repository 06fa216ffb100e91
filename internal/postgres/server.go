package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the role that owns the private server.
const Superuser = "errata_super"

// Options say how to run a private server.
type Options struct {
	DataDir string // made if it does not exist
	// Ephemeral trades durability for speed: for tests only.
	Ephemeral bool
	Logger    *slog.Logger
}

// Server is a running private server.
type Server struct {
	log    *slog.Logger
	lock   *os.File
	cmd    *exec.Cmd
	socket string
	done   chan struct{}
}

// Start brings the server up: makes its data directory on the first start,
// stops an orphan that an earlier process left behind, and waits through crash
// recovery. Errors are one clear line each.
func Start(ctx context.Context, opt Options) (s *Server, err error) {
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	who, err := serverUser()
	if err != nil {
		return nil, err
	}
	dirs, err := prepare(opt.DataDir, who)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(opt.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close() //nolint:errcheck // the first error is the one to show
		}
	}()
	s = &Server{log: opt.Logger, lock: lock, socket: dirs.socket}
	if err := initialise(ctx, bin, dirs, who, opt); err != nil {
		return nil, err
	}
	if err := bin.checkMajor(dirs.data); err != nil {
		return nil, err
	}
	if err := stopOrphan(ctx, dirs, opt.Logger); err != nil {
		return nil, err
	}
	for until := time.Now().Add(orphansLinger); ; {
		if err := s.launch(bin, dirs, who, opt); err != nil {
			return nil, err
		}
		err := s.await(ctx, dirs)
		if err == nil {
			break
		}
		if strings.Contains(err.Error(), "pre-existing shared memory block") && time.Now().Before(until) && ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.Stop() //nolint:errcheck // the first error is the one to show
		return nil, err
	}
	return s, s.ensureDatabase(ctx)
}

// orphansLinger is how long the processes of a server that was killed may take
// to notice. Until then PostgreSQL refuses to start beside them.
const orphansLinger = 15 * time.Second

// URL leads to Errata's database as the owner of the server.
func (s *Server) URL() string { return s.url(Superuser, "errata") }

// AppURL leads there as the role that the processes run as.
func (s *Server) AppURL() string { return s.url("errata_app", "errata") }

// URLFor leads to any database of the server.
func (s *Server) URLFor(user, database string) string { return s.url(user, database) }

func (s *Server) url(user, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", user, database, s.socket)
}

// Done is closed when the server has ended, whether asked to or not.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the server: fast, and after 30 s at once.
func (s *Server) Stop() error {
	defer s.lock.Close() //nolint:errcheck // the lock ends with the process at the latest
	if s.cmd == nil {
		return nil
	}
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, 30 * time.Second}, {syscall.SIGQUIT, 10 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		if err := s.cmd.Process.Signal(step.sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-s.done:
			return nil
		case <-time.After(step.wait):
		}
	}
	return errors.New("PostgreSQL does not stop")
}

func initialise(ctx context.Context, bin Binaries, d dirs, who *identity, opt Options) error {
	if _, err := os.Stat(filepath.Join(d.data, "PG_VERSION")); err == nil {
		return nil
	}
	opt.Logger.InfoContext(ctx, "creating the database (first start only)", "directory", d.data)
	args := []string{"-D", d.data, "-U", Superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums"}
	if opt.Ephemeral {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, bin.path("initdb"), args...)
	who.apply(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb failed in %s: %s", d.data, lastLine(out))
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func (s *Server) launch(bin Binaries, d dirs, who *identity, opt Options) error {
	args := []string{"-D", d.data, "-k", d.socket}
	for _, setting := range settings(bin, d.data, opt.Ephemeral) {
		args = append(args, "-c", setting)
	}
	logPath := filepath.Join(d.log, "postgresql.log")
	rotate(logPath)
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write PostgreSQL's log: %w", err)
	}
	defer logFile.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(bin.path("postgres"), args...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	who.apply(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start PostgreSQL: %w", err)
	}
	done := make(chan struct{})
	s.cmd, s.done = cmd, done
	go func() {
		defer close(done)
		if err := cmd.Wait(); err != nil {
			s.log.Warn("PostgreSQL has ended", "error", err, "log", logPath)
		}
	}()
	return nil
}

// rotate keeps one old log once it has grown past 16 MB.
func rotate(path string) {
	if info, err := os.Stat(path); err == nil && info.Size() > 16<<20 {
		_ = os.Rename(path, path+".1") // at worst it goes on growing
	}
}

// await waits until the server answers. Crash recovery may take minutes; it
// says so and goes on waiting.
func (s *Server) await(ctx context.Context, d dirs) error {
	started, told := time.Now(), time.Now()
	for {
		conn, err := pgx.Connect(ctx, s.url(Superuser, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			s.log.InfoContext(ctx, "waiting for PostgreSQL to recover", "seconds", int(time.Since(started).Seconds()))
		}
		select {
		case <-s.done:
			return fmt.Errorf("PostgreSQL did not start: %s", tail(filepath.Join(d.log, "postgresql.log")))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// tail gives the last complaint in the server's log.
func tail(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "see " + path
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	for i := len(lines) - 1; i >= 0; i-- {
		if bytes.Contains(lines[i], []byte("FATAL")) || bytes.Contains(lines[i], []byte("PANIC")) {
			return string(lines[i]) + " (see " + path + ")"
		}
	}
	return "see " + path
}

func (s *Server) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url(Superuser, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // only read and create
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'errata')`).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE errata`)
	return err
}
