package edge

import (
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
)

// Budget bounds the bytes of request bodies that are held at a time, over all
// requests: each one's own limit does not keep many from taking all memory.
type Budget struct{ left atomic.Int64 }

// NewBudget makes a Budget of that many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.left.Store(bytes)
	return b
}

// lease is what one request has taken of a Budget.
type lease struct {
	budget *Budget
	taken  int64
}

const leaseKey = "errata.edge.lease"

// Bounded makes ReadBody take from the Budget; what a request took comes back
// when it ends.
func Bounded(b *Budget) gin.HandlerFunc {
	return func(c *gin.Context) {
		l := &lease{budget: b}
		c.Set(leaseKey, l)
		defer func() { b.left.Add(l.taken) }()
		c.Next()
	}
}

// take asks for n more bytes.
func (l *lease) take(n int64) error {
	if l == nil {
		return nil
	}
	if l.budget.left.Add(-n) < 0 {
		l.budget.left.Add(n)
		return fault.New(fault.Unavailable, "service_unavailable", "The collector is reading more than it may hold. Retry shortly.").Retry(time.Second)
	}
	l.taken += n
	return nil
}

func leaseOf(c *gin.Context) *lease {
	if v, ok := c.Get(leaseKey); ok {
		if l, ok := v.(*lease); ok {
			return l
		}
	}
	return nil
}

// counted pays for a body as it is read, 64 KiB at a time.
type counted struct {
	lease *lease
	ahead int64
}

const leaseStep = 64 << 10

func (w *counted) grow(n int64) error {
	for w.ahead < n {
		if err := w.lease.take(leaseStep); err != nil {
			return err
		}
		w.ahead += leaseStep
	}
	w.ahead -= n
	return nil
}
