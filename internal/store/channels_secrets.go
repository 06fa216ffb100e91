package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/seal"
)

// secretBox is a secret of a channel as it lies in the database: an encrypted
// box or, from before there was a key and where there is none, plain text.
type secretBox struct {
	plain string
	box   seal.Box // zero: plain
}

func (b *secretBox) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '{' {
		return json.Unmarshal(raw, &b.box)
	}
	return json.Unmarshal(raw, &b.plain)
}

// document is the only way out of it.
func (b secretBox) document() any {
	if b.box.Key != "" {
		return b.box
	}
	return b.plain
}

// secretBoxes are a channel's, by name.
type secretBoxes map[string]secretBox

// Format hides them from every verb.
func (secretBoxes) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// aboutSecret is what a box says that it is: it opens nowhere else.
func aboutSecret(ws int32, channel, name string) string {
	return fmt.Sprintf("channel secret\x00%d\x00%s\x00%s", ws, channel, name)
}

// sealSecrets gives a channel's secrets as they are stored. Without a key they
// are plain text. What could not be opened, kept, stays as it lies there.
func (s *Store) sealSecrets(ws int32, channel string, secrets Secrets, kept secretBoxes) (string, error) {
	return s.sealBoxes(secrets, kept, func(name string) string { return aboutSecret(ws, channel, name) })
}

func (s *Store) sealBoxes(secrets Secrets, kept secretBoxes, about func(name string) string) (string, error) {
	out := map[string]any{}
	for name, b := range kept {
		out[name] = b.document()
	}
	for name, value := range secrets {
		if s.keys.Current() == "" {
			out[name] = value
			continue
		}
		box, err := s.keys.Seal(value, about(name))
		if err != nil {
			return "", err
		}
		out[name] = box
	}
	doc, err := json.Marshal(out)
	return string(doc), err
}

// openSecrets reads a channel's secrets, gives those that cannot be read as they
// lie there, and why.
func (s *Store) openSecrets(c *channelKey) (secrets Secrets, locked secretBoxes, why string) {
	secrets, locked, name, err := s.openBoxes(c.Boxes, func(name string) string { return aboutSecret(c.Workspace, c.ID, name) })
	if err != nil {
		why = lockedWhy("the channel's", name, err)
	}
	return secrets, locked, why
}

// openBoxes gives what can be read, and what cannot, with the name of one of these
// and why.
func (s *Store) openBoxes(boxes secretBoxes, about func(name string) string) (secrets Secrets, locked secretBoxes, which string, why error) {
	secrets = Secrets{}
	for _, name := range slices.Sorted(maps.Keys(boxes)) {
		b := boxes[name]
		if b.box.Key == "" {
			secrets[name] = b.plain
			continue
		}
		value, err := s.keys.Open(b.box, about(name))
		if err == nil {
			secrets[name] = value
			continue
		}
		if locked == nil {
			locked = secretBoxes{}
		}
		locked[name], which, why = b, name, err
	}
	return secrets, locked, which, why
}

// lockedWhy says what to do about a secret that cannot be read; whose is such as
// "the channel's".
func lockedWhy(whose, name string, err error) string {
	var missing *seal.MissingKeyError
	if errors.As(err, &missing) {
		return fmt.Sprintf("%s secret %q was encrypted with the key %s, which this process does not have: set ERRATA_SECRET_KEY or ERRATA_SECRET_KEY_PREVIOUS, or enter the secret again", whose, name, missing.ID)
	}
	return fmt.Sprintf("%s secret %q cannot be decrypted, since it was changed in the database: enter it again", whose, name)
}

// unlock gives a Due what it needs to be sent, or says why it cannot be.
func (s *Store) unlock(d *Due) {
	if d != nil {
		d.Secrets, _, d.Locked = s.openSecrets(&channelKey{Workspace: d.Workspace, ID: d.ChannelID, Boxes: d.boxes})
		d.boxes = nil
	}
}

const (
	sqlSecretsOfChannels = `SELECT c.workspace_id, c.id::text, c.secrets FROM channels c WHERE c.secrets <> '{}' ORDER BY 1, 2`

	sqlSetSecrets = `UPDATE channels SET secrets = $3::text::jsonb WHERE workspace_id = $1::int4 AND id = $2::uuid`
)

// SecretsKept is how the secrets of channels and integrations lie in the database,
// by number.
type SecretsKept struct {
	Plain  int            // not encrypted
	Sealed map[string]int // by the key's ID
	Locked int            // of those: with a key that is not here, or changed in the database
}

// SecretsKept tells how the secrets of all workspaces are stored.
func (s *Store) SecretsKept(ctx context.Context) (k SecretsKept, err error) {
	defer fault.Wrap(&err, "SecretsKept")
	all, err := s.secretsOfAll(ctx)
	if err != nil {
		return k, err
	}
	for i := range all {
		_, locked, _ := s.openSecrets(&all[i])
		k.add(all[i].Boxes, len(locked))
	}
	doors, err := s.sealedIntegrations(ctx)
	for i := range doors {
		_, locked, _ := s.openIntegration(&doors[i])
		k.add(doors[i].boxes, len(locked))
	}
	return k, err
}

func (k *SecretsKept) add(boxes secretBoxes, locked int) {
	k.Locked += locked
	for _, b := range boxes {
		if b.box.Key == "" {
			k.Plain++
			continue
		}
		if k.Sealed == nil {
			k.Sealed = map[string]int{}
		}
		k.Sealed[b.box.Key]++
	}
}

func (s *Store) secretsOfAll(ctx context.Context) ([]channelKey, error) {
	rows, err := s.pool.Query(ctx, sqlSecretsOfChannels)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c channelKey, err error) {
		err = row.Scan(&c.Workspace, &c.ID, (*map[string]secretBox)(&c.Boxes))
		return c, err
	})
	return out, unavailable(err)
}

// SealChannels encrypts the secrets of all channels with the current key, where
// they are plain text or encrypted with another one that is here. It gives how
// many channels that changed. Without a current key it changes nothing.
func (s *Store) SealChannels(ctx context.Context) (n int, err error) {
	defer fault.Wrap(&err, "SealChannels")
	if s.keys.Current() == "" {
		return 0, nil
	}
	all, err := s.secretsOfAll(ctx)
	if err != nil {
		return 0, err
	}
	for i := range all {
		if !s.stale(&all[i]) {
			continue
		}
		changed, err := s.sealChannel(ctx, all[i].Workspace, all[i].ID)
		if err != nil {
			return n, err
		}
		if changed {
			n++
		}
	}
	return n, nil
}

// stale: there is something that can be encrypted anew.
func (s *Store) stale(c *channelKey) bool {
	_, locked, _ := s.openSecrets(c)
	for name, b := range c.Boxes {
		if _, ok := locked[name]; !ok && b.box.Key != s.keys.Current() {
			return true
		}
	}
	return false
}

func (s *Store) sealChannel(ctx context.Context, ws int32, id string) (changed bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		changed = false
		c, err := lockChannel(ctx, tx, ws, id)
		if fault.Is(err, fault.NotFound) || err == nil && !s.stale(&c) {
			return nil // removed, or another replica was faster
		}
		if err != nil {
			return err
		}
		secrets, locked, _ := s.openSecrets(&c)
		doc, err := s.sealSecrets(ws, id, secrets, locked)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSetSecrets, ws, id, doc); err != nil {
			return err
		}
		changed = true
		return audit(ctx, tx, ws, System, "channel.encrypt", id, map[string]any{"name": c.Name, "key": s.keys.Current()})
	})
	return changed, err
}
