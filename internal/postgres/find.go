// Package postgres finds PostgreSQL's server programs and supervises a private
// server: Errata's default store when it is given no database, and the server
// of the tests.
//
// The server listens on a Unix socket only. Whoever may enter the socket's
// directory (mode 0700) is trusted; there is no password to leak.
package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

// MinMajor is the oldest PostgreSQL that will do.
const MinMajor = 14

// Binaries are the server programs of one PostgreSQL installation.
type Binaries struct {
	Dir   string
	Major int
}

func (b Binaries) path(name string) string { return filepath.Join(b.Dir, name) }

// ErrNotFound says that no fitting server programs are installed, and what to
// do about it.
var ErrNotFound = errors.New(notFound())

func notFound() string {
	hint := "install PostgreSQL 14 or newer"
	if runtime.GOOS == "linux" {
		hint = "type: apt-get install postgresql"
	}
	return "PostgreSQL's server programs (initdb, postgres) are not installed; " + hint + ", or set ERRATA_DATABASE_URL to a server that you have"
}

var versionPattern = regexp.MustCompile(`\b(\d+)(\.\d+|devel|beta|rc)`)

// Find looks in $ERRATA_PG_BIN, on the PATH, where pg_config points, and where
// Debian, Red Hat, Homebrew and the like put the programs; the newest wins
// among the latter.
func Find() (Binaries, error) {
	for _, dir := range candidates() {
		if b, ok := inspect(dir); ok {
			return b, nil
		}
	}
	return Binaries{}, ErrNotFound
}

func candidates() []string {
	var dirs []string
	if dir := os.Getenv("ERRATA_PG_BIN"); dir != "" {
		return []string{dir}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil { // the other programs stand beside the real one
			path = real
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	var versioned []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", "/usr/local/pgsql/bin"} {
		found, err := filepath.Glob(pattern)
		if err == nil {
			versioned = append(versioned, found...)
		}
	}
	sort.Slice(versioned, func(i, j int) bool { return number(versioned[i]) > number(versioned[j]) })
	return append(dirs, versioned...)
}

var digits = regexp.MustCompile(`\d+`)

func number(path string) int {
	n, _ := strconv.Atoi(digits.FindString(path)) // no digits: 0, sorts last
	return n
}

func inspect(dir string) (Binaries, bool) {
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return Binaries{}, false
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return Binaries{}, false
	}
	major, err := strconv.Atoi(m[1])
	if err != nil || major < MinMajor {
		return Binaries{}, false
	}
	return Binaries{dir, major}, true
}

// checkMajor refuses a data directory that another major version made.
func (b Binaries) checkMajor(data string) error {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return err
	}
	have, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return fmt.Errorf("%s/PG_VERSION cannot be read: %w", data, err)
	}
	if have != b.Major {
		return fmt.Errorf("the data in %s was made by PostgreSQL %d, but PostgreSQL %d is installed; install %d again, or upgrade the data with pg_upgrade (see docs/operations.md)", data, have, b.Major, have)
	}
	return nil
}
