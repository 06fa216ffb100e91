package store

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/fault"
)

const (
	maxChannelName = 100
	maxHourly      = 1000
	// DefaultHourly is how many messages a channel gets in an hour before the
	// rest waits for a digest.
	DefaultHourly = 20
)

// check is what the store knows of a good channel; the kind's own needs are the
// caller's.
func (c ChannelSpec) check() error {
	switch {
	case c.Name == "" || utf8.RuneCountInString(c.Name) > maxChannelName || !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, unicode.IsControl):
		return invalid("name", "must have 1 to 100 characters and no line breaks")
	case c.Level != alert.Page && c.Level != alert.Ticket && c.Level != alert.Notify:
		return invalid("level", "must be page, ticket or notify")
	case c.Hourly < 1 || c.Hourly > maxHourly:
		return invalid("hourly", "must be from 1 to 1000 messages")
	case c.Fallback != "" && uuid.Validate(c.Fallback) != nil:
		return invalid("fallback", "must be the ID of another channel, or empty")
	}
	return nil
}

func (c ChannelSpec) checkedBy(check CheckChannel) error {
	if err := c.check(); err != nil {
		return err
	}
	return check(c)
}

// Whoever changes the channels of a workspace waits for others who do, so that
// two do not both take the last place, or a fallback that is going.
const sqlLockChannels = `SELECT pg_advisory_xact_lock(7217, $1::int4)`

// changeChannels runs fn under that lock.
func (s *Store) changeChannels(ctx context.Context, ws int32, fn func(pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockChannels, ws); err != nil {
			return err
		}
		return fn(tx)
	})
}

const sqlChannelRoom = `
SELECT count(*)::int4, coalesce(bool_or(c.name = $2::text AND c.id IS DISTINCT FROM $3::uuid), false), coalesce(bool_or(c.id = $4::uuid), false)
FROM channels c WHERE c.workspace_id = $1::int4`

// fits holds a channel against the others; id is nil for a new one.
func (c ChannelSpec) fits(ctx context.Context, tx pgx.Tx, ws int32, id *string) error {
	var fallback *string
	if c.Fallback != "" {
		fallback = &c.Fallback
	}
	var n int
	var taken, known bool
	if err := tx.QueryRow(ctx, sqlChannelRoom, ws, c.Name, id, fallback).Scan(&n, &taken, &known); err != nil {
		return err
	}
	switch {
	case id == nil && n >= MaxChannels:
		return fault.New(fault.Conflict, "too_many_channels", "A workspace takes at most %d channels; remove one that nobody needs first.", MaxChannels).With("limit", MaxChannels)
	case taken:
		return fault.New(fault.Conflict, "channel_name_taken", "There is a channel with this name already; choose another.").With("field", "name")
	case fallback != nil && !known:
		return invalid("fallback", "must be the ID of another channel of this workspace")
	case id != nil && c.Fallback == *id:
		return invalid("fallback", "must be another channel: one that fails cannot stand in for itself")
	}
	return nil
}

const sqlInsertChannel = `
INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, fallback, hourly, enabled, updated_by)
VALUES ($1::int4, $2::uuid, $3::text, $4::text, $5::text::jsonb, $6::text::jsonb, $7::text, nullif($8::text, '')::uuid, $9::int4, $10::bool, $11::text)`

// AddChannel makes a channel. Errors: a fault Unprocessable that names the
// field, Conflict (too_many_channels, channel_name_taken).
func (s *Store) AddChannel(ctx context.Context, actor Actor, ws int32, spec ChannelSpec, check CheckChannel) (added Channel, err error) {
	defer fault.Wrap(&err, "AddChannel")
	spec.Secrets = mergeSecrets(nil, spec.Secrets)
	if err := spec.checkedBy(check); err != nil {
		return added, err
	}
	err = s.changeChannels(ctx, ws, func(tx pgx.Tx) error {
		if err := spec.fits(ctx, tx, ws, nil); err != nil {
			return err
		}
		id := uuid.Must(uuid.NewV7()).String()
		settings, secrets, err := s.documents(ws, id, spec, nil)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlInsertChannel, ws, id, spec.Name, spec.Kind, settings, secrets, string(spec.Level), spec.Fallback, spec.Hourly, spec.Enabled, actor.Label); err != nil {
			return err
		}
		if err := audit(ctx, tx, ws, actor, "channel.add", id, channelDetails(spec)); err != nil {
			return err
		}
		added, err = s.channel(ctx, tx, ws, id)
		return err
	})
	return added, err
}

// mergeSecrets gives the secrets that a channel has after a change.
func mergeSecrets(had, given Secrets) Secrets {
	out := Secrets{}
	maps.Copy(out, had)
	maps.Copy(out, given)
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

// documents are the settings and secrets of a channel as they are stored; kept
// are secrets that could not be read.
func (s *Store) documents(ws int32, id string, c ChannelSpec, kept secretBoxes) (settings, secrets string, err error) {
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	doc, err := json.Marshal(c.Settings)
	if err != nil {
		return "", "", err
	}
	secrets, err = s.sealSecrets(ws, id, c.Secrets, kept)
	return string(doc), secrets, err
}

const sqlUpdateChannel = `
UPDATE channels SET name = $3::text, settings = $4::text::jsonb, secrets = $5::text::jsonb, level = $6::text, fallback = nullif($7::text, '')::uuid, hourly = $8::int4,
  enabled = $9::bool, disabled_why = CASE WHEN enabled OR $9::bool THEN '' ELSE disabled_why END, updated_at = now(), updated_by = $10::text
WHERE workspace_id = $1::int4 AND id = $2::uuid`

// Messages that were held back are looked at again: there may be more room now.
const sqlReleaseHeld = `
UPDATE deliveries SET next_at = now(), why = ''
WHERE workspace_id = $1::int4 AND channel_id = $2::uuid AND state = 'waiting' AND starts_with(why, '` + heldBack + `')`

// SetChannel changes a channel into what spec says, but for its kind. What
// waits for a channel that is disabled is dropped. Errors as for AddChannel, and
// NotFound.
func (s *Store) SetChannel(ctx context.Context, actor Actor, ws int32, id string, spec ChannelSpec, check CheckChannel) (set Channel, err error) {
	defer fault.Wrap(&err, "SetChannel(%s)", id)
	err = s.changeChannels(ctx, ws, func(tx pgx.Tx) error {
		had, err := lockChannel(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		next := spec
		known, locked, why := s.openSecrets(&had)
		next.Secrets = mergeSecrets(known, spec.Secrets)
		maps.DeleteFunc(locked, func(name string, _ secretBox) bool { _, given := spec.Secrets[name]; return given })
		if next.Kind != had.Kind {
			return invalid("kind", "cannot be changed; add another channel instead")
		}
		if len(locked) == 0 {
			err = next.checkedBy(check)
		} else if err = next.check(); err == nil && next.Enabled {
			err = secretsLocked(why)
		}
		if err != nil {
			return err
		}
		if err := next.fits(ctx, tx, ws, &id); err != nil {
			return err
		}
		settings, secrets, err := s.documents(ws, id, next, locked)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlUpdateChannel, ws, id, next.Name, settings, secrets, string(next.Level), next.Fallback, next.Hourly, next.Enabled, actor.Label); err != nil {
			return err
		}
		if !next.Enabled {
			_, err = tx.Exec(ctx, sqlDropWaiting, ws, id, "the channel was disabled")
		} else if next.Hourly != had.Hourly {
			_, err = tx.Exec(ctx, sqlReleaseHeld, ws, id)
		}
		if err != nil {
			return err
		}
		details := channelDetails(next)
		details["changed"] = had.changed(next, known)
		if err := audit(ctx, tx, ws, actor, "channel.set", id, details); err != nil {
			return err
		}
		set, err = s.channel(ctx, tx, ws, id)
		return err
	})
	return set, err
}

// secretsLocked: what a channel or an integration needs is there, and cannot be
// read. Its secrets can be entered again; a channel can still be disabled.
func secretsLocked(why string) error {
	return fault.New(fault.Conflict, "secret_key_missing", "This cannot be changed like that: %s.", why)
}

// changed names what is different, never what it is: addresses may be secrets,
// too.
func (c channelKey) changed(next ChannelSpec, secrets Secrets) []string {
	out := []string{}
	note := func(prefix string, had, has map[string]string) {
		for name := range has {
			if v, ok := had[name]; !ok || v != has[name] {
				out = append(out, prefix+name)
			}
		}
		for name := range had {
			if _, ok := has[name]; !ok {
				out = append(out, prefix+name)
			}
		}
	}
	note("settings.", c.Settings, next.Settings)
	note("secrets.", secrets, next.Secrets)
	if c.Name != next.Name {
		out = append(out, "name")
	}
	slices.Sort(out)
	return out
}

// channelDetails is a channel in the audit log, without what is confidential.
func channelDetails(c ChannelSpec) map[string]any {
	return map[string]any{"name": c.Name, "kind": c.Kind, "level": c.Level, "fallback": c.Fallback, "hourly": c.Hourly, "enabled": c.Enabled}
}

const (
	sqlChannelUsers = `
SELECT (SELECT min(f.name) FROM channels f WHERE f.workspace_id = $1::int4 AND f.fallback = $2::uuid),
  (SELECT min(r.name) FROM alert_rules r WHERE r.workspace_id = $1::int4 AND $2::uuid = ANY (r.channels))`

	sqlDropWaiting = `
UPDATE deliveries SET state = 'dropped', why = $3::text, ended_at = now() WHERE workspace_id = $1::int4 AND channel_id = $2::uuid AND state = 'waiting'`

	sqlDeleteChannel = `DELETE FROM channels WHERE workspace_id = $1::int4 AND id = $2::uuid`
)

// RemoveChannel takes a channel away, and drops what waits for it; its log
// stays. Errors: NotFound; Conflict (channel_in_use) where it is another one's
// fallback or a rule names it: a rule that names no channel any more would tell
// all of them.
func (s *Store) RemoveChannel(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RemoveChannel(%s)", id)
	return s.changeChannels(ctx, ws, func(tx pgx.Tx) error {
		had, err := lockChannel(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		var channel, rule *string
		if err := tx.QueryRow(ctx, sqlChannelUsers, ws, id).Scan(&channel, &rule); err != nil {
			return err
		}
		switch {
		case channel != nil:
			return fault.New(fault.Conflict, "channel_in_use", "This channel is the fallback of %q; give that one another, or none, first.", *channel)
		case rule != nil:
			return fault.New(fault.Conflict, "channel_in_use", "The rule %q tells this channel; take it out of the rule first.", *rule)
		}
		if _, err := tx.Exec(ctx, sqlDropWaiting, ws, id, "the channel was removed"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlDeleteChannel, ws, id); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "channel.remove", id, map[string]any{"name": had.Name, "kind": had.Kind})
	})
}
