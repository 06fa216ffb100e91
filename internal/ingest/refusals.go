package ingest

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"errata/internal/event"
	"errata/internal/fault"
)

// maxRefusals bounds what is counted apart between two reports.
const maxRefusals = 1_000

// refusals counts the items that were not taken (too much, too often, no
// room), by key, service and reason, until somebody fetches the counts.
type refusals struct {
	mu    sync.Mutex
	count map[event.Refusal]int64
}

func newRefusals() *refusals { return &refusals{count: map[event.Refusal]int64{}} }

func (r *refusals) add(what event.Refusal, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.count[what]; !ok && len(r.count) >= maxRefusals {
		what.Service = "(other)"
	}
	r.count[what] += n
}

// fetch gives the counts and begins anew.
func (r *refusals) fetch() map[event.Refusal]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.count
	r.count = map[event.Refusal]int64{}
	return out
}

// refuse counts every item of a request that was not taken.
func (s *Server) refuse(ctx context.Context, who caller, items []item, err error) error {
	code := fault.Of(err).Code
	s.count.refused.Add(ctx, int64(len(items)), metric.WithAttributes(attribute.String("reason", code), attribute.String("key", who.key.Name)))
	byService := map[string]int64{}
	for i := range items {
		byService[items[i].env.Service]++
	}
	for service, n := range byService {
		s.refusals.add(event.Refusal{Workspace: who.key.Workspace, KeyID: who.key.ID, Key: who.key.Name, Service: service[:min(len(service), 200)], Reason: code}, n)
	}
	return err
}
