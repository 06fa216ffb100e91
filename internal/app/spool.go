package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"errata/internal/auth"
	"errata/internal/spool"
)

// openSpool opens the collector's spool, where the settings want one, and says
// how many keys it may honour without the database.
func (a *App) openSpool() (known int, err error) {
	if a.opt.Role&Collector == 0 || a.cfg.SpoolMaxMB == 0 {
		return 0, nil
	}
	dir := a.cfg.SpoolDir
	if dir == "" {
		data, err := DataDir(a.cfg)
		if err != nil {
			return 0, err
		}
		dir = filepath.Join(data, "spool")
	}
	a.spool, err = spool.Open(spool.Options{Dir: dir, MaxBytes: a.cfg.SpoolMaxMB << 20, Logger: a.log})
	if err != nil {
		return 0, fmt.Errorf("%w; choose another directory with ERRATA_SPOOL_DIR, or none with ERRATA_SPOOL_MAX_MB=0", err)
	}
	return a.Keys.Remember(keyFile{dir})
}

// keyFile keeps known keys beside the spool: hashes, for the time that the
// database is away.
type keyFile struct{ dir string }

func (f keyFile) path() string { return filepath.Join(f.dir, "known-keys.json") }

func (f keyFile) Load() (keys []auth.Known, err error) {
	raw, err := os.ReadFile(f.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(raw, &keys) != nil {
		return nil, nil // torn by a crash: they are learned again
	}
	return keys, nil
}

func (f keyFile) Save(keys []auth.Known) error {
	raw, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	tmp := f.path() + ".tmp"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, f.path())
}
