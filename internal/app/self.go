package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/normalize"
	"errata/internal/store"
)

// selfReporter makes Errata's own 5xx into Events of service "errata". It must
// never make things worse: the queue is short, and what does not fit, or what
// the database cannot take just now, is only in the log.
type selfReporter struct {
	store *store.Store
	log   *slog.Logger
	queue chan event.Envelope
}

func newSelfReporter(s *store.Store, log *slog.Logger) *selfReporter {
	return &selfReporter{s, log, make(chan event.Envelope, 64)}
}

// report is called by the servers for each 5xx.
func (r *selfReporter) report(c *gin.Context, f *fault.Fault) {
	env := event.Envelope{
		Source: event.FromHTTP, Role: event.Primary, Service: "errata", Release: Version, Status: edge.Status(f.Kind), RequestID: edge.RequestID(c),
		Method: c.Request.Method, Endpoint: c.FullPath(), OccurredAt: time.Now(), ExplicitCode: f.Code, ExplicitMessage: f.Message,
	}
	select {
	case r.queue <- env:
	default:
		r.log.WarnContext(c.Request.Context(), "too many failures of our own to report them all", "request_id", env.RequestID)
	}
}

func (r *selfReporter) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case env := <-r.queue:
			part, err := normalize.Item(env, store.DefaultWorkspace, time.Now())
			if err == nil {
				_, err = r.store.Write(ctx, []identity.Part{part})
			}
			if err != nil && ctx.Err() == nil {
				r.log.WarnContext(ctx, "cannot report a failure of our own", "request_id", env.RequestID, "error", err)
			}
		}
	}
}
