package catalog

import (
	"time"

	"errata/internal/event"
)

// Advise and Compose are what is said where nobody wrote anything.
func Advise(ev event.Event, now time.Time) Retry { return adviseAs(class(ev), ev, now) }

func Compose(ev event.Event, now time.Time) string { return compose(ev, Advise(ev, now), now, "") }
