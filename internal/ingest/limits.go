package ingest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/identity"
)

// Limits bound what one key, and one service, may send a second; 0 is no limit.
// A sender may save up two seconds' worth.
type Limits struct {
	KeyEvents, KeyBytes         int64
	ServiceEvents, ServiceBytes int64
}

const (
	// burst is how many seconds' worth may be saved up.
	burst = 2
	// maxBuckets bounds the memory that made-up services can take.
	maxBuckets = 10_000
)

// limiter counts against Limits. A request larger than what is left goes
// through as long as anything is left, and is paid for by those after it: a
// batch that is larger than the limit must not be refused for ever.
type limiter struct {
	limits Limits

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	unit    string // events or bytes
	owner   string // a key's ID, or a workspace
	service string // "" for a key
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(l Limits) *limiter { return &limiter{limits: l, buckets: map[bucketKey]*bucket{}} }

// charge is one thing to be counted against one limit.
type charge struct {
	bucketKey
	rate, amount int64
}

// take counts all charges, or none and says which limit is exceeded.
func (l *limiter) take(charges []charge) error {
	if len(charges) == 0 {
		return nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range charges {
		if b := l.bucket(c, now); b.left < 1 {
			wait := time.Duration((1 - b.left) / float64(c.rate) * float64(time.Second))
			f := fault.New(fault.RateLimited, "rate_limit_exceeded", "The %s sends more than %d %s a second. Send less, or ask the operator for more.", c.subject(), c.rate, c.unit)
			// Some exporters drop what they are asked to keep for long.
			return f.Retry(min(max(wait, time.Second), 3*time.Second)).With("limit", c.rate).With("window", "1s").With("unit", c.unit)
		}
	}
	for _, c := range charges {
		l.bucket(c, now).left -= float64(c.amount)
	}
	return nil
}

func (c *charge) subject() string {
	if c.service != "" {
		return fmt.Sprintf("service %q", c.service)
	}
	return "key"
}

func (l *limiter) bucket(c charge, now time.Time) *bucket {
	b := l.buckets[c.bucketKey]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.sweep(now)
		}
		b = &bucket{left: burst * float64(c.rate), at: now}
		l.buckets[c.bucketKey] = b
	}
	b.left = math.Min(b.left+now.Sub(b.at).Seconds()*float64(c.rate), burst*float64(c.rate))
	b.at = now
	return b
}

// sweep forgets who has been quiet; when nobody has, everybody.
func (l *limiter) sweep(now time.Time) {
	for k, b := range l.buckets {
		if now.Sub(b.at) > time.Minute {
			delete(l.buckets, k)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// byKey is what a request costs its key.
func (l *limiter) byKey(who caller, items int) (out []charge) {
	if n := l.limits.KeyEvents; n > 0 {
		out = append(out, charge{bucketKey{"events", who.key.ID, ""}, n, int64(items)})
	}
	if n := l.limits.KeyBytes; n > 0 {
		out = append(out, charge{bucketKey{"bytes", who.key.ID, ""}, n, who.bytes})
	}
	return out
}

// byService is what Parts cost their services.
func (l *limiter) byService(ws int32, parts []identity.Part) (out []charge) {
	if l.limits.ServiceEvents <= 0 && l.limits.ServiceBytes <= 0 {
		return nil
	}
	type cost struct{ events, bytes int64 }
	costs := map[string]cost{}
	for i := range parts {
		c := costs[parts[i].Event.Service]
		c.events++
		c.bytes += sizeOf(parts[i : i+1])
		costs[parts[i].Event.Service] = c
	}
	owner := fmt.Sprint(ws)
	for service, c := range costs {
		if n := l.limits.ServiceEvents; n > 0 {
			out = append(out, charge{bucketKey{"events", owner, service}, n, c.events})
		}
		if n := l.limits.ServiceBytes; n > 0 {
			out = append(out, charge{bucketKey{"bytes", owner, service}, n, c.bytes})
		}
	}
	return out
}

// caller is on whose behalf a request is made, how large it was, and what pays
// for the memory that it takes.
type caller struct {
	key   auth.Key
	bytes int64
	lease *edge.Lease
}

type callerKey struct{}

func withCaller(ctx context.Context, key auth.Key, bytes int, lease *edge.Lease) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{key, int64(bytes), lease})
}

func callerOf(ctx context.Context) caller {
	who, _ := ctx.Value(callerKey{}).(caller)
	return who
}
