package watch

import (
	"context"
	"log/slog"
	"time"

	"errata/internal/store"
)

// SelfJudge looks at Errata itself.
type SelfJudge interface {
	EvaluateSelf(ctx context.Context, now time.Time) (store.Evaluated, error)
}

// selfEvery is how soon what was found is told; conditions are taken further once
// a minute.
const selfEvery = 15 * time.Second

// Self looks at Errata itself until ctx ends, beside Alerts and whatever becomes of
// that. A failure is logged when it begins: who cannot ask the database cannot
// tell anybody either, which is what the dead-man's switch is for.
func Self(ctx context.Context, j SelfJudge, seen func(store.Evaluated, error), log *slog.Logger) error {
	return judged(ctx, selfEvery, j.EvaluateSelf, seen, func(err error) { log.WarnContext(ctx, "cannot look at Errata itself", "error", err) })
}
