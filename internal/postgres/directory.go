package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultDir is where the data goes when nobody says otherwise.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/errata", nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "errata"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory; name a data directory with --data-dir: %w", err)
	}
	return filepath.Join(home, ".local", "state", "errata"), nil
}

// identity is the unprivileged user that the server runs as when we are root;
// nil when it can run as we do.
type identity struct{ uid, gid int }

// serverUser: PostgreSQL refuses to run as root.
func serverUser() (*identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, errU := strconv.Atoi(u.Uid)
			gid, errG := strconv.Atoi(u.Gid)
			if errU == nil && errG == nil {
				return &identity{uid, gid}, nil
			}
		}
	}
	return nil, errors.New("we are root, PostgreSQL must not be, and there is neither a user 'postgres' nor 'nobody' to run it as")
}

// apply makes a command run as that user, in a process group of its own so
// that Ctrl-C on the terminal reaches us and not the server.
func (w *identity) apply(cmd *exec.Cmd) {
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if w != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(w.uid), Gid: uint32(w.gid)} //nolint:gosec // from the user database
	}
}

func (w *identity) own(path string) error {
	if w == nil {
		return nil
	}
	return os.Chown(path, w.uid, w.gid)
}

type dirs struct{ data, log, socket string }

// prepare makes the directories. The outer one may be looked into, the inner
// ones belong to the server alone.
func prepare(root string, who *identity) (dirs, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return dirs{}, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil { //nolint:gosec // the inner directories are private
		if file := inTheWay(err); file != nil {
			return dirs{}, file
		}
		return dirs{}, fmt.Errorf("the data directory %s cannot be made (%w); choose another with --data-dir", root, errors.Unwrap(err))
	}
	if err := passable(root, who); err != nil {
		return dirs{}, err
	}
	d := dirs{data: filepath.Join(root, "pg"), log: filepath.Join(root, "log"), socket: filepath.Join(root, "run")}
	if len(filepath.Join(d.socket, ".s.PGSQL.5432.lock")) >= 107 { // sun_path, less its NUL
		sum := sha256.Sum256([]byte(root))
		d.socket = filepath.Join(os.TempDir(), "errata-"+hex.EncodeToString(sum[:6]))
	}
	for _, dir := range []string{d.data, d.log, d.socket} {
		if err := private(dir, who); err != nil {
			return dirs{}, err
		}
	}
	return d, nil
}

// passable lets the server's user through a directory that another part of the
// program has made for itself, such as a collector for its spool.
func passable(root string, who *identity) error {
	info, err := os.Stat(root)
	if err != nil || who == nil || info.Mode()&0o001 != 0 {
		return err
	}
	if err := os.Chmod(root, info.Mode().Perm()|0o011); err != nil { //nolint:gosec // the inner directories are private
		return fmt.Errorf("the data directory %s is closed to the user that PostgreSQL runs as (%w): chmod 755 it, or choose another with --data-dir", root, errors.Unwrap(err))
	}
	return nil
}

func private(dir string, who *identity) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if file := inTheWay(err); file != nil {
			return file
		}
		return fmt.Errorf("the data directory %s is not writable (%w); choose another with --data-dir", filepath.Dir(dir), errors.Unwrap(err))
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() { // but a link to one
		return notADirectory(dir)
	}
	want := os.Geteuid()
	if who != nil {
		want = who.uid
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != want && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user; choose another data directory with --data-dir", dir)
	}
	if err := who.own(dir); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a directory needs its x bit
}

// inTheWay names the file that stands where a directory should be made, which need not
// be the one that was asked for; nil where that is not what is wrong.
func inTheWay(err error) error {
	var at *os.PathError
	if errors.As(err, &at) && errors.Is(at.Err, syscall.ENOTDIR) {
		return notADirectory(at.Path)
	}
	return nil
}

func notADirectory(path string) error {
	return fmt.Errorf("%s is in the way: it should be a directory; move it, or choose another data directory with --data-dir", path)
}

// lockDir makes sure that one process at a time uses a data directory. The
// kernel drops the lock with the process, however it ends.
func lockDir(root string) (*os.File, error) {
	path := filepath.Join(root, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory %s is not writable (%w); choose another with --data-dir", root, errors.Unwrap(err))
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // a descriptor
		raw := make([]byte, 32)
		n, _ := f.Read(raw) // only to name the other process
		f.Close()           //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("the data directory %s is in use by process %s; stop it, or choose another with --data-dir", root, strings.TrimSpace(string(raw[:n])))
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	return f, err
}

// stopOrphan ends a server that outlived the process which started it, and
// clears away what a killed one left behind. We hold the directory's lock, so
// nobody else is using it.
func stopOrphan(ctx context.Context, d dirs, log *slog.Logger) error {
	pidFile := filepath.Join(d.data, "postmaster.pid")
	pid, ok := postmaster(pidFile, d.data)
	if !ok {
		for _, stale := range []string{pidFile, filepath.Join(d.socket, ".s.PGSQL.5432"), filepath.Join(d.socket, ".s.PGSQL.5432.lock")} {
			if err := os.Remove(stale); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	log.InfoContext(ctx, "stopping the PostgreSQL that an earlier run left behind", "pid", pid)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := syscall.Kill(pid, sig); err != nil {
			return stopOrphan(ctx, d, log) // it has just gone
		}
		for range 300 {
			if syscall.Kill(pid, 0) != nil {
				return nil
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return fmt.Errorf("an old PostgreSQL (process %d) does not stop; end it by hand", pid)
}

// postmaster reads the PID file and makes sure that the process is indeed a
// server of this directory: PIDs are used again.
func postmaster(pidFile, data string) (int, bool) {
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || syscall.Kill(pid, 0) != nil {
		return 0, false
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil { // no /proc: believe the PID file
		return pid, !errors.Is(err, os.ErrNotExist) || !hasProc()
	}
	return pid, strings.Contains(string(cmdline), "postgres") && strings.Contains(string(cmdline), data)
}

func hasProc() bool {
	_, err := os.Stat("/proc/self")
	return err == nil
}
