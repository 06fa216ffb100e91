package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// look is that somebody looked at an Event: which, and never what they typed.
type look struct {
	ws    int32
	actor Actor
	event string
	id    string
}

const (
	maxLooks   = 2048 // wait at most
	lookBatch  = 256
	looksEvery = 500 * time.Millisecond
)

// looks are those that are not written down yet.
type looks struct {
	queue   chan look
	running atomic.Bool
	lost    atomic.Int64
}

func newLooks() *looks { return &looks{queue: make(chan look, maxLooks)} }

// Looked notes that somebody was shown Events. It costs the look-up nothing: the
// row is written within half a second by RecordLooks. Lost is what waits when the
// process is killed, and what comes in while maxLooks wait, which is logged.
// Where nobody records, as in a tool, it is written at once.
func (s *Store) Looked(ctx context.Context, actor Actor, ws int32, events ...string) {
	var list []look
	for _, e := range events {
		list = append(list, look{ws, actor, e, uuid.Must(uuid.NewV7()).String()})
	}
	if !s.looks.running.Load() {
		s.writeLooks(ctx, list)
		return
	}
	for _, l := range list {
		select {
		case s.looks.queue <- l:
		default:
			s.looks.lost.Add(1)
		}
	}
}

// RecordLooks writes down who looked at what, and how often public links were
// opened, until ctx ends, and then what is left.
func (s *Store) RecordLooks(ctx context.Context) error {
	s.looks.running.Store(true)
	defer s.looks.running.Store(false)
	tick := time.NewTicker(looksEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			s.looks.running.Store(false)
			s.drainLooks(last)
			return nil
		case <-tick.C:
			s.drainLooks(ctx)
		}
	}
}

func (s *Store) drainLooks(ctx context.Context) {
	if lost := s.looks.lost.Swap(0); lost > 0 {
		s.log.WarnContext(ctx, "some look-ups are not in the audit log: there were too many at once", "lost", lost)
	}
	s.writeOpenings(ctx)
	for len(s.looks.queue) > 0 && ctx.Err() == nil {
		var list []look
		for len(list) < lookBatch && len(s.looks.queue) > 0 {
			list = append(list, <-s.looks.queue)
		}
		s.writeLooks(ctx, list)
	}
}

// writeLooks sends all of them at once. What cannot be written is logged as lost:
// no look-up waits for its own trace.
func (s *Store) writeLooks(ctx context.Context, list []look) {
	if len(list) == 0 {
		return
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		for _, l := range list {
			b.Queue(sqlAudit, l.ws, l.id, l.actor.Kind, l.actor.ID, l.actor.Label, "request.view", l.event, "")
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		s.log.WarnContext(ctx, "look-ups could not be written to the audit log", "lost", len(list), "error", err)
	}
}
