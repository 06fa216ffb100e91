package watch

import (
	"context"
	"sync"
	"time"
)

const (
	// lookEvery is how long a message that is due may lie there.
	lookEvery = time.Second
	// atATime is how many channels may keep us waiting before others do.
	atATime = 16
	// goodbye is how long what is under way has when we stop. Attempts that
	// are broken off then are recorded as such.
	goodbye = 5 * time.Second
	// claimTimeout is a part of a claim's lease.
	claimTimeout = 10 * time.Second
)

// Deliver sends what is due until ctx ends: many messages at once, one at a time
// to each channel. On the way out what is under way is finished, or broken off,
// and recorded. Any number of replicas do so beside each other.
func (c *Courier) Deliver(ctx context.Context) error {
	// What was begun outlives ctx for a while.
	going, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var sends sync.WaitGroup
	slots, ended := make(chan struct{}, atATime), make(chan struct{}, 1)
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for failing := false; ctx.Err() == nil; {
		err := c.claimAll(ctx, going, slots, func(send func()) {
			sends.Go(func() {
				send()
				<-slots
				select { // its channel may have more
				case ended <- struct{}{}:
				default:
				}
			})
		})
		if err == nil {
			c.looked.Store(time.Now().UnixNano())
		}
		if err != nil && !failing && ctx.Err() == nil {
			c.Logger.WarnContext(ctx, "cannot look for messages to send", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-ended:
		}
	}
	timer := time.AfterFunc(goodbye, abort)
	defer timer.Stop()
	sends.Wait()
	return nil
}

// claimAll begins to send all that is due, as far as there are slots. A claim is
// not broken off when we stop: nobody could tell whether it was made.
func (c *Courier) claimAll(ctx, going context.Context, slots chan struct{}, begin func(send func())) error {
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		default:
			return nil
		}
		brief, cancel := context.WithTimeout(going, claimTimeout)
		due, err := c.Store.ClaimDelivery(brief, c.rules)
		cancel()
		if err != nil || due == nil {
			<-slots
			return err
		}
		begin(func() { c.deliver(going, due) })
	}
	return nil
}
