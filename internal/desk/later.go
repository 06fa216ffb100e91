package desk

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// atATime is how many answers may be under way beyond their requests.
	atATime = 32
	// longest is what one of them may take; response URLs live for half an hour.
	longest = 30 * time.Second
)

// later runs what outlives its request. Whoever closes it waits for all of that.
type later struct {
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}

	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

func (l *later) start(log *slog.Logger) {
	l.log = log
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.slots = make(chan struct{}, atATime)
}

// run begins fn, unless there is too much under way or we stop; it says whether.
func (l *later) run(fn func(ctx context.Context)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	select {
	case l.slots <- struct{}{}:
	default:
		return false
	}
	l.group.Go(func() {
		defer func() { <-l.slots }()
		defer func() { // what is wrong with one question ends no other
			if p := recover(); p != nil {
				l.log.Error("panic behind a request", "panic", p, "stack", string(debug.Stack()))
			}
		}()
		ctx, cancel := context.WithTimeout(l.ctx, longest)
		defer cancel()
		fn(ctx)
	})
	return true
}

func (l *later) close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	l.group.Wait()
	l.cancel()
}
