package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"errata/internal/config"
	"errata/internal/seal"
	"errata/internal/store"
)

// secretKeyName is the file with the key of an installation on one machine.
const secretKeyName = "secret.key"

// secretKeys are what the secrets of channels are encrypted with: the settings',
// and beside a private database, where there is only one process, a file that is
// made in the data directory. With a key in the settings the file's still opens
// what it sealed.
func secretKeys(cfg config.Config, db *database) (*seal.Keys, error) {
	current, previous := cfg.SecretKey, strings.Split(cfg.SecretKeyPrevious, ",")
	if db.private != nil {
		file := filepath.Join(db.dir, secretKeyName)
		key, err := keyInFile(file, current == "")
		switch {
		case err != nil:
			return nil, fmt.Errorf("the key of channel secrets: %w", err)
		case current == "":
			if _, err := seal.NewKeys(key); err != nil {
				return nil, fmt.Errorf("the file %s holds no key: it %w", file, err)
			}
			current = key
		default:
			previous = append(previous, key)
		}
	}
	if _, err := seal.NewKeys(cfg.SecretKey); err != nil {
		return nil, fmt.Errorf("ERRATA_SECRET_KEY %w", err)
	}
	keys, err := seal.NewKeys(current, previous...)
	if err != nil {
		return nil, fmt.Errorf("each of ERRATA_SECRET_KEY_PREVIOUS %w", err)
	}
	return keys, nil
}

// keyInFile reads the key, and makes one where there is none and one is needed.
// Nobody else may read it.
func keyInFile(name string, needed bool) (string, error) {
	text, err := os.ReadFile(name) //nolint:gosec // in the data directory
	switch {
	case err == nil:
		info, err := os.Stat(name)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("others can read %s: chmod 600 it, and rotate the key (docs/operations.md)", name)
		}
		return strings.TrimSpace(string(text)), err
	case !errors.Is(err, fs.ErrNotExist) || !needed:
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return "", err
	}
	key := seal.NewKey()
	f, err := os.CreateTemp(filepath.Dir(name), secretKeyName+".*") // 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(key + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name) // whole, or not there
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return key, nil
}

// sealChannels encrypts what is not, and says how the secrets of channels lie
// there. That it fails is no reason not to start.
func (a *App) sealChannels(ctx context.Context) {
	n, err := a.Store.SealChannels(ctx)
	if err != nil {
		a.log.Warn("the secrets of channels could not be encrypted", "error", err)
		return
	}
	if n > 0 {
		a.log.Info("encrypted the secrets of channels", "channels", n)
	}
	if n, err = a.Store.SealIntegrations(ctx); err != nil {
		a.log.Warn("the secrets of integrations could not be encrypted", "error", err)
		return
	}
	if n > 0 {
		a.log.Info("encrypted the secrets of integrations", "integrations", n)
	}
	kept, err := a.Store.SecretsKept(ctx)
	switch {
	case err != nil:
		a.log.Warn("it is not known how the secrets of channels are stored", "error", err)
	case kept.Plain > 0:
		a.log.Warn("secrets of channels are stored unencrypted: set ERRATA_SECRET_KEY to 32 random bytes (openssl rand -base64 32) and start again", "secrets", kept.Plain)
	case !a.keyed:
		a.log.Info("ERRATA_SECRET_KEY is not set: secrets of channels would be stored unencrypted")
	}
	if kept.Locked > 0 {
		a.log.Warn("secrets of channels cannot be read, and their messages not sent: set ERRATA_SECRET_KEY_PREVIOUS to the key that encrypted them, or enter them again", "secrets", kept.Locked)
	}
}

// secretsOf tells how the secrets of channels lie in a database.
func secretsOf(ctx context.Context, url string) (plain int, keys []string, err error) {
	s, err := store.Open(ctx, store.Options{URL: url, MaxConns: 1})
	if err != nil {
		return 0, nil, err
	}
	defer s.Close()
	kept, err := s.SecretsKept(ctx)
	return kept.Plain, slices.Sorted(maps.Keys(kept.Sealed)), err
}
