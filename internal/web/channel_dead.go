package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/store"
)

// alarm is a channel that does not deliver, on every page until it does or
// somebody has seen it.
type alarm struct {
	Name, Path, Log string
	Since           moment
	Why             string
	Dead            int
	Ended           bool
}

// alarmed is what the frame has of them.
type alarmed struct {
	Alarms  []alarm
	More    int    // that are not shown
	Here    string // the page, for the way back
	Decides bool
}

const (
	// shownAlarms is how many channels a page names; a page is not about them.
	shownAlarms = 3
	// deadFor is how old that may be.
	deadFor = 2 * time.Second
)

// deadNow keeps which channels are dead for a moment: every page asks.
type deadNow struct {
	mu   sync.Mutex
	seen map[int32]deadSeen
}

type deadSeen struct {
	at   time.Time
	list []store.DeadChannel
}

func (d *deadNow) get(ws int32) ([]store.DeadChannel, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.seen[ws]
	return s.list, ok && time.Since(s.at) < deadFor
}

func (d *deadNow) put(ws int32, list []store.DeadChannel) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[int32]deadSeen{}
	}
	d.seen[ws] = deadSeen{time.Now(), list}
}

// forget has the next page ask: somebody has just changed it.
func (d *deadNow) forget(ws int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.seen, ws)
}

// alarmsNow are the channels that do not deliver, for the frame; that they are not
// known is not worth an error on every page.
func (w *web) alarmsNow(c *gin.Context) alarmed {
	login := member(c)
	list, ok := w.dead.get(login.Workspace)
	if !ok {
		ctx, cancel := context.WithTimeout(c.Request.Context(), time.Second)
		defer cancel()
		var err error
		if list, err = w.Store.DeadChannels(ctx, login.Workspace); err != nil {
			w.Logger.DebugContext(ctx, "dead channels are not known", "error", err)
			return alarmed{}
		}
		w.dead.put(login.Workspace, list)
	}
	out := alarmed{Decides: login.Decides, Here: "/", More: max(len(list)-shownAlarms, 0)}
	if c.Request.Method == http.MethodGet {
		out.Here = c.Request.URL.RequestURI()
	}
	for _, d := range list[:min(len(list), shownAlarms)] {
		out.Alarms = append(out.Alarms, alarm{Name: d.Name, Path: channelPath(d.ID), Log: "/alerts/deliveries?" + query("channel", d.ID, "state", string(store.Dead)), Since: w.moment(d.Since.Time), Why: d.Why, Dead: d.Dead, Ended: d.Ended})
	}
	return out
}
