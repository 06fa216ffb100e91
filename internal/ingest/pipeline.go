package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/normalize"
	"errata/internal/parcel"
)

// item is one thing that came in: an Envelope, or why it is none.
type item struct {
	env *event.Envelope // never nil
	err error
	// warning is a stable code about an item that was taken all the same.
	warning string
	preview []byte // the item as sent, for the record when it is rejected
}

// verdict is what became of an item.
type verdict struct {
	identity.Outcome
	warning string
}

// maxMemo is how many bytes of stack traces are remembered: some thousands of
// different ones.
const maxMemo = 8 << 20

// process takes items through the pipeline. The verdicts are in the order of
// the items. An error means that nothing was stored and the sender may retry.
func (s *Server) process(ctx context.Context, ws int32, items []item) ([]verdict, error) {
	who := callerOf(ctx)
	if err := who.lease.Charge(itemWeight * int64(len(items))); err != nil {
		return nil, s.refuse(ctx, who, items, err)
	}
	if err := s.limits.take(s.limits.byKey(who, len(items))); err != nil {
		return nil, s.refuse(ctx, who, items, err)
	}
	received := time.Now().UTC()
	out := make([]verdict, len(items))
	parts := make([]identity.Part, 0, len(items))
	at := make([]int, 0, len(items)) // position of each part in items
	for i := range items {
		it := &items[i]
		out[i].warning = it.warning
		parts = append(parts, identity.Part{})
		part := &parts[len(parts)-1]
		if err := s.normalise(it, ws, received, part); err != nil {
			out[i].Outcome = identity.Outcome{Verdict: identity.Rejected, Err: err}
			parts = parts[:len(parts)-1]
			continue
		}
		if !part.Idempotent && out[i].warning == "" {
			out[i].warning = "not_idempotent"
		}
		at = append(at, i)
	}
	if err := s.limits.take(s.limits.byService(ws, parts)); err != nil {
		return nil, s.refuse(ctx, who, items, err)
	}
	outcomes, err := s.batch.submit(ctx, who.key.ID, parts)
	if err != nil {
		return nil, s.refuse(ctx, who, items, err)
	}
	accepted := map[accepted]int64{}
	refused := map[int]*identity.Part{}
	for j, o := range outcomes {
		out[at[j]].Outcome = o
		switch o.Verdict {
		case identity.Accepted:
			accepted[acceptedAs(&parts[j].Event)]++
		case identity.Rejected:
			refused[at[j]] = &parts[j]
		}
	}
	for as, n := range accepted {
		s.count.events.Add(ctx, n, metric.WithAttributes(attribute.String("service", as.service), attribute.String("family", string(as.family))))
	}
	s.record(ctx, ws, items, out, refused, received)
	return out, nil
}

// accepted is what accepted Events are counted by.
type accepted struct {
	service string
	family  event.Family
}

func acceptedAs(e *event.Event) accepted { return accepted{e.Service, e.Family} }

// normalise keeps a panic over one item from hurting its neighbours.
func (s *Server) normalise(it *item, ws int32, received time.Time, into *identity.Part) (err error) {
	if it.err != nil {
		return it.err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Unprocessable, "not_readable", "The item could not be read.").Because(panicked{p})
			s.deps.Logger.Error("panic while normalising an item", "panic", p, "service", it.env.Service)
		}
	}()
	return s.norm.Into(into, it.env, ws, received)
}

const maxPreview = 1 << 10

// record keeps what was rejected; refused are those that came as far as the
// database. That it could not be kept is logged; the sender has its verdict in
// any case.
func (s *Server) record(ctx context.Context, ws int32, items []item, out []verdict, refused map[int]*identity.Part, received time.Time) {
	var rs []event.Rejection
	for i := range out {
		if out[i].Verdict != identity.Rejected {
			continue
		}
		f := fault.Of(out[i].Err)
		s.count.rejected.Add(ctx, 1, byReason(f.Code))
		if part := refused[i]; part != nil {
			rs = append(rs, poison(part, f))
		} else {
			rs = append(rs, rejection(&items[i], f, received))
		}
	}
	if len(rs) == 0 {
		return
	}
	// The record outlives the request, like the write does.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := s.deps.Rejects.Reject(ctx, ws, rs); err != nil {
		s.deps.Logger.ErrorContext(ctx, "cannot record rejections", slog.Int("items", len(rs)), slog.Any("error", err))
	}
}

// rejection has an ID from the start: whoever does not know whether it was
// recorded may record it again.
func rejection(it *item, f *fault.Fault, received time.Time) event.Rejection {
	raw := it.preview
	if raw == nil {
		raw = it.env.Body
	}
	raw, _ = normalize.RedactJSON(raw[:min(len(raw), 64<<10)])
	preview, _ := normalize.Redact(string(raw[:min(len(raw), maxPreview)]))
	service, _ := normalize.Redact(it.env.Service)
	message, _ := normalize.Redact(f.Message)
	// A credential that was sent in the place of an ID is not one to search by.
	id := event.CleanID(it.env.RequestID)
	if _, secrets := normalize.Redact(id); secrets > 0 {
		id = ""
	}
	r := event.Rejection{ID: identity.NewID(received, [16]byte{}, false), ReceivedAt: received, Source: it.env.Source, Reason: f.Code, Message: message,
		RequestID: id, Service: service[:min(len(service), 200)], Preview: preview}
	if b, err := json.Marshal(f.Details); err == nil && len(f.Details) > 0 {
		r.Details, _ = normalize.RedactJSON(b)
	}
	if f.Err != nil && !errors.As(f.Err, new(panicked)) {
		cause, _ := normalize.Redact(f.Err.Error())
		r.Message += " " + cause[:min(len(cause), 500)]
	}
	return r
}

// poison is the record of a Part that the database refuses. The Part is kept
// beside it, to be tried again. Its ID is made from the Part, which may come
// out of the spool more than once.
func poison(p *identity.Part, f *fault.Fault) event.Rejection {
	preview, _ := normalize.Redact(p.Event.Message)
	own := sha256.Sum256([]byte("rejection\x00" + string(p.Source) + "\x00" + p.Event.ID))
	r := event.Rejection{ID: identity.NewID(p.Event.ReceivedAt, [16]byte(own[:16]), true), ReceivedAt: p.Event.ReceivedAt, Source: p.Source, Reason: f.Code, Message: f.Message,
		RequestID: p.Event.RequestID, Service: p.Event.Service, Preview: preview[:min(len(preview), maxPreview)]}
	if f.Err != nil && !errors.As(f.Err, new(panicked)) {
		cause, _ := normalize.Redact(f.Err.Error())
		r.Message += " " + cause[:min(len(cause), 500)]
	}
	if item, err := (parcel.Parcel{Parts: []identity.Part{*p}}).Pack(); err == nil {
		r.Item = item
	}
	return r
}
