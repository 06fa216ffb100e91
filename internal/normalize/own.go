package normalize

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"math"
	"sort"

	"errata/internal/event"
)

// canon writes values so that no two different items give the same bytes:
// every value has its length in front.
type canon struct{ h hash.Hash }

func (c canon) str(values ...string) {
	var n [8]byte
	for _, s := range values {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		c.h.Write(n[:])
		io.WriteString(c.h, s) //nolint:errcheck // a hash never fails
	}
}

func (c canon) bytes(b []byte) {
	c.num(uint64(len(b)))
	c.h.Write(b)
}

func (c canon) num(values ...uint64) {
	var n [8]byte
	for _, v := range values {
		binary.BigEndian.PutUint64(n[:], v)
		c.h.Write(n[:])
	}
}

func (c canon) bool(v bool) {
	if v {
		c.num(1)
	} else {
		c.num(0)
	}
}

func (c canon) sum() (out [16]byte) {
	var full [sha256.Size]byte
	copy(out[:], c.h.Sum(full[:0]))
	return out
}

// ownHash identifies an item: by the client's own key, else by everything
// that was sent.
func ownHash(env *event.Envelope) (own [16]byte, clientKey bool) {
	c := canon{sha256.New()}
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
		c.str(ex.Type, ex.Message, ex.Stacktrace)
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
