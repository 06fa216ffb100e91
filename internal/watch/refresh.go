package watch

import (
	"context"
	"sync"
	"time"

	"errata/internal/alert"
)

// refreshEvery is how often receivers that forget incidents are told of those
// that go on. What is told is five minutes good.
const refreshEvery = time.Minute

// Refresh tells them until ctx ends. Every replica does: what comes twice is
// one to such receivers. A refresh is in no log, since it says nothing new; that
// it fails is told by the next message, and by errata_delivery_attempts_total.
func (c *Courier) Refresh(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := c.refresh(ctx); err != nil && ctx.Err() == nil {
				c.Logger.WarnContext(ctx, "cannot refresh incidents at receivers", "error", err)
			}
		}
	}
}

func (c *Courier) refresh(ctx context.Context) error {
	all, err := c.Store.Refreshable(ctx, c.forgetful)
	if err != nil {
		return err
	}
	slots := make(chan struct{}, atATime)
	var sends sync.WaitGroup
	defer sends.Wait()
	for _, due := range all {
		select {
		case <-ctx.Done():
			return nil
		case slots <- struct{}{}:
		}
		sends.Go(func() {
			due.Message = due.Message.Whole()
			if t := c.try(ctx, due); t.Outcome != alert.Done && ctx.Err() == nil {
				c.Logger.DebugContext(ctx, "an incident was not refreshed", "channel", due.ChannelName, "error", t.Error)
			}
			<-slots
		})
	}
	return nil
}
