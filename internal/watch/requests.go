package watch

import (
	"context"
	"log/slog"
	"time"
)

// Noticer looks for IDs that somebody waits for.
type Noticer interface {
	NoticeWatches(ctx context.Context, now time.Time) (int, error)
}

// noticeEvery is how late somebody hears that an ID has arrived. Writers know
// nothing of watches: ingest pays nothing for them, and a look while nobody waits
// is one statement on an empty index.
const noticeEvery = 20 * time.Second

// Requests looks until ctx ends. A failure is logged and tried again next time:
// what was not noticed then is noticed later.
func Requests(ctx context.Context, n Noticer, log *slog.Logger) error {
	tick := time.NewTicker(noticeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := n.NoticeWatches(ctx, time.Now()); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "cannot look for IDs that somebody waits for", "error", err)
			}
		}
	}
}
