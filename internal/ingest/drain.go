package ingest

import (
	"context"
	"errors"
	"time"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/parcel"
	"errata/internal/spool"
)

const (
	// drainTimeout is how long a batch from the spool may take.
	drainTimeout = 30 * time.Second
	// maxDrained is how many bytes of records are taken at once.
	maxDrained = 4 << 20
	// tryAgain is how often an absent database is tried.
	tryAgain = 500 * time.Millisecond
)

// run drains the spool and looks for the database while it is away, until ctx
// ends.
func (k *keeper) run(ctx context.Context) {
	for ctx.Err() == nil {
		few, err := k.spool.Few(maxBatch, maxDrained)
		switch {
		case err != nil:
			k.unreadable(ctx, err)
		case len(few) > 0:
			k.drain(ctx, k.head.narrow(few))
		case !k.awaySince().IsZero():
			if k.reachable(ctx) {
				k.back()
			} else {
				pause(ctx, tryAgain)
			}
		case k.spool.Stats().Aside > 0 && time.Since(k.reconsidered) >= asideEvery:
			k.reconsider(ctx)
		default:
			select {
			case <-k.wake:
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// drain settles the oldest records, or sees to it that they do not hold up the
// others for ever.
func (k *keeper) drain(ctx context.Context, few []spool.Record) {
	err := k.settle(ctx, few)
	if err == nil {
		k.head.landed()
		return
	}
	k.lost(err)
	wait := tryAgain
	if ctx.Err() == nil && k.probe != nil && blames(err) {
		wait = k.head.failed(len(few))
	}
	if k.head.givenUp() && k.stepAside(ctx, few[0], err) {
		return
	}
	pause(ctx, wait)
}

func (k *keeper) reachable(ctx context.Context) bool {
	if k.probe == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	return k.probe(ctx) == nil
}

var errAway = errors.New("the database does not answer")

// settle writes records of the spool in one transaction. An error means that
// the database is not there; whatever else is wrong with a record is dealt with.
func (k *keeper) settle(ctx context.Context, few []spool.Record) error {
	if !k.awaySince().IsZero() && !k.reachable(ctx) {
		return errAway
	}
	var parcels []parcel.Parcel
	var strange []spool.Record
	for _, rec := range few {
		if what, err := parcel.Unpack(rec.Payload); err == nil {
			parcels = append(parcels, what)
		} else {
			k.log.Error("a record of the spool is none, or one of a newer version; it is set aside", "items", rec.Items, "error", err)
			strange = append(strange, rec)
		}
	}
	if err := k.land(ctx, parcels...); err != nil {
		return err
	}
	k.back()
	for _, rec := range strange {
		if err := k.spool.SetAside(rec.Payload, rec.Items, rec.At); err != nil {
			k.log.Error("a record of the spool cannot be set aside and was dropped", "items", rec.Items, "error", err)
		}
	}
	// That the place could not be noted costs work after a restart, and is no
	// reason to stop.
	if err := k.spool.Done(few...); err != nil {
		k.log.Warn("the place in the spool could not be noted", "error", err)
	}
	return nil
}

// land writes what was in the spool. What the database refuses for good is
// dealt with; an error means that all can be tried again.
func (k *keeper) land(ctx context.Context, parcels ...parcel.Parcel) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	var all parcel.Parcel
	for _, what := range parcels {
		if len(what.Rejections) > 0 {
			if err := k.rejects.Reject(ctx, what.Workspace, what.Rejections); fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			} else if err != nil {
				k.log.Error("rejections from the spool cannot be recorded", "items", len(what.Rejections), "error", err)
			}
		}
		all.Parts, all.Requests = append(all.Parts, what.Parts...), append(all.Requests, what.Requests...)
	}
	if len(all.Requests) > 0 {
		if err := k.counts.CountRequests(ctx, all.Requests); fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		} else if err != nil {
			k.log.Error("request totals from the spool are refused by the database and were dropped", "rows", len(all.Requests), "error", err)
		}
	}
	outs, err := bisect(ctx, k.sink, all.Parts)
	if err != nil {
		return err
	}
	return k.recordPoison(ctx, all.Parts, outs)
}

// recordPoison keeps what the database refused for good. An error means that
// it is not there: the record is then settled again as a whole, which changes
// nothing for what has landed.
func (k *keeper) recordPoison(ctx context.Context, parts []identity.Part, outs []identity.Outcome) error {
	rejected := map[int32][]event.Rejection{}
	for i, o := range outs {
		if o.Verdict == identity.Rejected {
			ws := parts[i].Workspace
			rejected[ws] = append(rejected[ws], poison(&parts[i], fault.Of(o.Err)))
		}
	}
	for ws, rs := range rejected {
		err := k.rejects.Reject(ctx, ws, rs)
		switch {
		case fault.Is(err, fault.Unavailable), ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case err != nil:
			k.log.Error("rejections from the spool cannot be recorded", "items", len(rs), "request_id", rs[0].RequestID, "error", err)
		}
	}
	return nil
}
