package edge

import (
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
)

// Budget bounds the memory that requests hold at a time, all of them together:
// each one's own limit does not keep many from taking all there is. Bodies are
// paid for while they are read; what becomes of them is for the handlers to
// charge. Half of it is for the others: who has much under way gets no more
// than that.
type Budget struct {
	mu   sync.Mutex
	size int64
	left int64
	held map[string]int64 // by owner
}

// NewBudget makes a Budget of that many bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{size: bytes, left: bytes, held: map[string]int64{}}
}

// Left is how many bytes may still be taken.
func (b *Budget) Left() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}

// Lease is what one request has taken of a Budget. It is for one goroutine; a
// nil Lease takes without bounds.
type Lease struct {
	budget *Budget
	owner  string
	taken  int64
	unused int64 // of what was taken
}

// Open begins a request of an owner: a key's ID. Close gives back what it took.
func (b *Budget) Open(owner string) *Lease { return &Lease{budget: b, owner: owner} }

// Close gives back what was taken.
func (l *Lease) Close() {
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.budget.left += l.taken
	if l.budget.held[l.owner] -= l.taken; l.budget.held[l.owner] <= 0 {
		delete(l.budget.held, l.owner)
	}
	l.taken, l.unused = 0, 0
}

// Charge asks for n more bytes, for what a request is going to become. Faults:
// those of ReadBody.
func (l *Lease) Charge(n int64) error {
	if l == nil {
		return nil
	}
	return l.take(n)
}

// take asks for n more bytes. Faults: Unavailable; TooLarge when a retry has no
// chance.
func (l *Lease) take(n int64) error {
	b := l.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	others := b.held[l.owner] - l.taken // of the same owner
	switch {
	case l.taken+n > b.size:
		return fault.New(fault.TooLarge, "payload_too_large", "The request takes more memory than the collector may use for all requests (%d MiB). Send it in smaller parts.", b.size>>20).
			With("limit_bytes", b.size)
	case n > b.left:
		return fault.New(fault.Unavailable, "service_unavailable", "The collector is reading more than it may hold. Retry shortly.").Retry(time.Second)
	case others > 0 && b.held[l.owner]+n > b.size/2:
		return fault.New(fault.Unavailable, "service_unavailable", "This key sends more at a time than it may. Retry shortly.").Retry(time.Second)
	}
	b.left -= n
	b.held[l.owner] += n
	l.taken += n
	return nil
}

// leaseStep is how much is taken at a time, so that reading does not ask for
// every few bytes.
const leaseStep = 64 << 10

// ahead pays for n bytes that are going to be read.
func (l *Lease) ahead(n int64) error {
	if l == nil || l.unused >= n {
		return nil
	}
	if err := l.take(n - l.unused); err != nil {
		return err
	}
	l.unused = n
	return nil
}

// spend pays for n bytes that were read.
func (l *Lease) spend(n int64) error {
	if l == nil {
		return nil
	}
	if l.unused < n {
		if err := l.ahead((n + leaseStep - 1) / leaseStep * leaseStep); err != nil {
			return err
		}
	}
	l.unused -= n
	return nil
}

const leaseKey = "errata.edge.lease"

// Bounded makes ReadBody take from the Budget, on behalf of the request's key;
// what a request took comes back when it ends.
func Bounded(b *Budget) gin.HandlerFunc {
	return func(c *gin.Context) {
		l := b.Open("")
		c.Set(leaseKey, l)
		defer l.Close()
		c.Next()
	}
}

// LeaseOf is the request's Lease, nil where nothing is bounded.
func LeaseOf(c *gin.Context) *Lease {
	v, ok := c.Get(leaseKey)
	if !ok {
		return nil
	}
	l, ok := v.(*Lease)
	if ok && l.taken == 0 { // nothing is read before the key is known
		l.owner = Key(c).ID
	}
	return l
}
