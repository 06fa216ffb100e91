package ingest

import (
	"context"
	"errors"
	"time"

	"errata/internal/identity"
	"errata/internal/parcel"
	"errata/internal/spool"
)

// What the database never takes although it is there, and what the disk does
// not give back, must not hold up all that was kept behind it. It is tried a
// number of times, by ever fewer records at once, and then steps aside: into a
// file beside the spool, to be tried again now and then, and after a restart.
const (
	// maxTries is how often a record is tried by itself; twice as often for each
	// one that has stepped aside before it while nothing landed, because then
	// the fault may well be the database's: up to four hours.
	maxTries    = 6
	maxDoubling = 8
	// maxUnread is how often the disk is asked, five seconds apart.
	maxUnread = 6
	// maxWait bounds the pause between two tries.
	maxWait = 10 * time.Second
	// asideEvery is how often what stands aside is tried again, for no longer
	// than asideTurn.
	asideEvery = 10 * time.Minute
	asideTurn  = time.Minute
	// siftTimeout is how long the items of a record that is given up are tried
	// apart, siftTry how long each try may take.
	siftTimeout = 2 * time.Minute
	siftTry     = 10 * time.Second
)

// holdup is how the oldest records fare.
type holdup struct {
	width  int // how many are tried at a time; 0 = all
	tries  int // of the oldest one by itself
	asides int // how many have stepped aside since something landed
	unread int
}

// narrow leaves as many records as are to be tried.
func (h *holdup) narrow(few []spool.Record) []spool.Record {
	h.unread = 0
	if h.width > 0 && h.width < len(few) {
		return few[:h.width]
	}
	return few
}

func (h *holdup) landed() {
	h.tries, h.asides = 0, 0
	if h.width *= 2; h.width > maxBatch {
		h.width = 0
	}
}

// failed notes that so many records could not be written, and says how long to
// wait.
func (h *holdup) failed(records int) time.Duration {
	h.width = max(1, records/8)
	if records > 1 {
		return tryAgain
	}
	h.tries++
	return min(tryAgain<<min(h.tries-1, 10), maxWait)
}

func (h *holdup) givenUp() bool { return h.tries >= maxTries<<min(h.asides, maxDoubling) }

// blames reports an error that may be the record's: not one that the database
// has for everybody. That is what it says when it is read-only or starting,
// and has no connections, memory or disk left.
func blames(err error) bool {
	var says interface{ SQLState() string }
	if errors.Is(err, errAway) {
		return false
	}
	if !errors.As(err, &says) || len(says.SQLState()) != 5 {
		return true
	}
	switch says.SQLState()[:2] {
	case "08", "25", "53":
		return false
	}
	return says.SQLState() != "57P03"
}

// stepAside sets a record aside, but for those of its items that the database
// takes after all. It reports whether it could.
func (k *keeper) stepAside(ctx context.Context, rec spool.Record, cause error) bool {
	payload, items, asides := rec.Payload, rec.Items, k.head.asides+1
	if what, err := parcel.Unpack(payload); err == nil && len(what.Parts) > 1 {
		all := len(what.Parts)
		what.Parts = k.sift(ctx, what.Parts)
		if less, err := what.Pack(); err == nil {
			payload, items = less, len(what.Parts)+len(what.Requests)+len(what.Rejections)
		}
		if len(what.Parts) < all {
			asides = 0
		}
	}
	if ctx.Err() != nil {
		return false
	}
	if items > 0 {
		if err := k.spool.SetAside(payload, items, rec.At); err != nil {
			k.log.Error("a record that the database does not take cannot be set aside", "items", items, "error", err)
			return false
		}
		k.log.Error("the database is there and does not take a record of the spool: it was set aside, to be tried again later",
			"items", items, "dir", k.spool.Dir(), "tries", k.head.tries, "error", cause)
	}
	if err := k.spool.Done(rec); err != nil {
		k.log.Warn("the place in the spool could not be noted", "error", err)
	}
	k.head = holdup{width: 1, asides: asides}
	return true
}

// sift writes what can be written of some Parts, and gives the others.
func (k *keeper) sift(ctx context.Context, parts []identity.Part) (rest []identity.Part) {
	ctx, cancel := context.WithTimeout(ctx, siftTimeout)
	defer cancel()
	var half func([]identity.Part)
	half = func(parts []identity.Part) {
		err := context.Cause(ctx)
		if err == nil {
			try, cancel := context.WithTimeout(ctx, siftTry)
			err = k.land(try, parcel.Parcel{Parts: parts})
			cancel()
		}
		switch {
		case err == nil:
		case len(parts) == 1, ctx.Err() != nil:
			rest = append(rest, parts...)
		default:
			half(parts[:len(parts)/2])
			half(parts[len(parts)/2:])
		}
	}
	half(parts)
	return rest
}

// unreadable waits for the disk, and gives a segment up in the end.
func (k *keeper) unreadable(ctx context.Context, cause error) {
	k.log.Error("the spool cannot be read", "error", cause)
	if k.head.unread++; k.head.unread < maxUnread {
		pause(ctx, 5*time.Second)
		return
	}
	k.head.unread = 0
	items, err := k.spool.SkipSegment()
	if err != nil {
		k.log.Error("a segment of the spool that cannot be read cannot be set aside", "error", err)
		pause(ctx, 5*time.Second)
		return
	}
	k.log.Error("a segment of the spool cannot be read: what is left of it was set aside", "items", items, "dir", k.spool.Dir(), "error", cause)
}

// reconsider tries again what stands aside.
func (k *keeper) reconsider(ctx context.Context) {
	k.reconsidered = time.Now()
	turn, cancel := context.WithTimeout(ctx, asideTurn)
	defer cancel()
	landed := 0
	err := k.spool.Reconsider(turn, func(rec spool.Record) error {
		what, err := parcel.Unpack(rec.Payload)
		if err == nil {
			err = k.land(turn, what)
		}
		if err == nil {
			landed += rec.Items
		}
		return err
	})
	if err != nil {
		k.log.Error("what the spool set aside cannot be read", "error", err)
	}
	if left := k.spool.Stats().Aside; left > 0 || landed > 0 {
		k.log.Warn("what the spool set aside was tried again", "items_landed", landed, "files_left", left, "dir", k.spool.Dir())
	}
}
