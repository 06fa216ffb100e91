package app

import (
	"context"
	"os"
	"time"

	"github.com/google/uuid"

	"errata/internal/event"
	"errata/internal/store"
)

// heartbeatEvery is how often a collector reports itself.
const heartbeatEvery = 5 * time.Second

// heartbeat tells the database, and so everybody, how this collector is and
// what it refused. While the database is away there is nobody to tell.
func (a *App) heartbeat(ctx context.Context) error {
	if a.collector == nil {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	self := store.Collector{ID: uuid.Must(uuid.NewV7()).String(), Host: host, Version: Version, StartedAt: event.Time{Time: time.Now().UTC()}}
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		c := a.collector.Condition()
		self.SpoolBytes, self.SpoolMax, self.SpoolItems, self.SpoolDamaged = c.Spool.Bytes, c.SpoolMax, c.Spool.Items, c.Spool.Damaged+int64(c.Spool.Aside)
		self.AwaySeconds, self.SpoolOldest = c.Away.Seconds(), nil
		if !c.Spool.Oldest.IsZero() {
			self.SpoolOldest = &event.Time{Time: c.Spool.Oldest}
		}
		refused := a.collector.FetchRefusals()
		brief, cancel := context.WithTimeout(ctx, heartbeatEvery)
		err := a.Store.ReportCollector(brief, self, refused)
		cancel()
		if err != nil {
			a.collector.ReturnRefusals(refused)
			a.log.DebugContext(ctx, "cannot report this collector", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
