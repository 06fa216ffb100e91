package normalize

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"sort"
	"sync"

	"errata/internal/event"
)

// canon writes values so that no two different items give the same bytes:
// every value has its length in front. All is hashed at once, which is faster
// than in pieces.
type canon struct{ raw []byte }

// canons keeps what was allocated for the items before.
var canons = sync.Pool{New: func() any { return &canon{make([]byte, 0, 4<<10)} }}

func newCanon() *canon {
	c := canons.Get().(*canon) //nolint:forcetypeassert // nothing else is put there
	c.raw = c.raw[:0]
	return c
}

func (c *canon) str(values ...string) {
	for _, s := range values {
		c.raw = append(binary.BigEndian.AppendUint64(c.raw, uint64(len(s))), s...)
	}
}

func (c *canon) bytes(b []byte) {
	c.raw = append(binary.BigEndian.AppendUint64(c.raw, uint64(len(b))), b...)
}

func (c *canon) num(values ...uint64) {
	for _, v := range values {
		c.raw = binary.BigEndian.AppendUint64(c.raw, v)
	}
}

func (c *canon) bool(v bool) {
	if v {
		c.num(1)
	} else {
		c.num(0)
	}
}

// sum ends the life of c.
func (c *canon) sum() [16]byte {
	full := sha256.Sum256(c.raw)
	if cap(c.raw) <= 64<<10 {
		canons.Put(c)
	}
	return [16]byte(full[:16])
}

// ownHash identifies an item: by the client's own key, else by everything
// that was sent, its stack trace by its hash.
func ownHash(env *event.Envelope, stack [16]byte) (own [16]byte, clientKey bool) {
	c := newCanon()
	switch {
	case env.ID != "":
		c.str("event_id", env.Service, env.ID)
		return c.sum(), true
	case env.Idempotency != "":
		c.str("idempotency", env.Service, env.Idempotency)
		return c.sum(), true
	}
	c.str("item", string(env.Source), string(env.Role), env.RequestID, env.Service, env.Namespace, env.Instance,
		env.Environment, env.Release, env.Method, env.Endpoint, env.Path, env.GRPCCode, env.TraceID, env.SpanID,
		env.ParentSpanID, env.Customer, env.ExplicitCode, env.ExplicitMessage, env.FallbackCode, env.FallbackMessage,
		env.RetryAfter, env.Fingerprint, env.UpstreamProvider, env.UpstreamCode, env.UpstreamRequestID)
	c.num(uint64(env.Status), uint64(env.Attempt), math.Float64bits(env.Weight)) //nolint:gosec // any bits will do
	c.bool(env.ServiceUnknown)
	c.bool(env.StatusInferred)
	c.bool(env.OccurredAt.IsZero())
	if !env.OccurredAt.IsZero() {
		c.num(uint64(env.OccurredAt.Unix()), uint64(env.OccurredAt.Nanosecond())) //nolint:gosec // any bits will do
	}
	c.bool(env.DurationMS != nil)
	if env.DurationMS != nil {
		c.num(math.Float64bits(*env.DurationMS))
	}
	c.bytes(env.Body)
	c.bytes(env.ExplicitDetails)
	c.bool(env.Exception != nil)
	if ex := env.Exception; ex != nil {
		c.str(ex.Type, ex.Message)
		c.raw = append(c.raw, stack[:]...)
	}
	c.num(uint64(len(env.Aliases)))
	for _, a := range env.Aliases {
		c.str(a.Kind, a.Value)
	}
	names := make([]string, 0, len(env.Headers))
	for name := range env.Headers {
		names = append(names, name)
	}
	sort.Strings(names)
	c.num(uint64(len(names)))
	for _, name := range names {
		c.str(name, env.Headers[name])
	}
	return c.sum(), false
}
