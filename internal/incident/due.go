package incident

import (
	"fmt"
	"time"

	"errata/internal/alert"
	"errata/internal/detect"
)

// Told is what the last message said.
type Told struct {
	Seq     int          // of the last message; 0: none yet
	At      time.Time    // when it was decided
	Phase   detect.Phase // as it said
	Level   detect.Level // as it said
	Members int          // as it said
}

// Pace is when messages are due.
type Pace struct {
	Wait   time.Duration // before the first, unless it is a page
	Update time.Duration // between messages that say that members changed
	Repeat time.Duration // while it lasts
}

// DefaultPace has Alertmanager's numbers
// (https://prometheus.io/docs/alerting/latest/configuration/#route).
var DefaultPace = Pace{Wait: 30 * time.Second, Update: 5 * time.Minute, Repeat: 4 * time.Hour}

// Due says whether a message is due, which, and what has changed since the last.
// Of all that happened since then only the present state is told: what is over
// before it was told is not worth a message.
func (i *Incident) Due(now time.Time, p Pace) (kind alert.Kind, changed []string, due bool) {
	t := &i.Told
	opened := i.Opened.Time().Add(time.Minute)
	switch {
	case t.Seq == 0 && !i.Open():
		return "", nil, false
	case t.Seq == 0:
		if i.Level < detect.Page && now.Sub(opened) < p.Wait {
			return "", nil, false
		}
		return alert.KindFiring, nil, true
	case !i.Open():
		return alert.KindResolved, nil, t.Phase != detect.Resolved
	case t.Phase == detect.Resolved:
		return alert.KindReopened, []string{"It came back."}, true
	case i.Level > t.Level:
		return alert.KindUpdate, []string{fmt.Sprintf("Its level is now %s.", LevelOf(i.Level))}, true
	}
	if changed = i.changed(); len(changed) > 0 && now.Sub(t.At) >= p.Update {
		return alert.KindUpdate, changed, true
	}
	if now.Sub(t.At) >= p.Repeat && i.Phase == detect.Firing {
		return alert.KindUpdate, []string{"It is still going on."}, true
	}
	return "", nil, false
}

// changed says what is new since the last message, apart from the endpoints of a
// service that fires as a whole: everybody expects those.
func (i *Incident) changed() (out []string) {
	if i.Phase == detect.Stale && i.Told.Phase != detect.Stale {
		out = append(out, "No data comes in any more.")
	}
	if i.Phase != detect.Stale && i.Told.Phase == detect.Stale {
		out = append(out, "Data comes in again.")
	}
	if i.inhibits() {
		return out
	}
	for k := i.Told.Members; k < len(i.Members); k++ {
		if m := &i.Members[k]; m.Resolved == 0 {
			out = append(out, "Also "+m.Name()+".")
		}
	}
	return out
}

// inhibits reports whether its members' endpoints go without saying.
func (i *Incident) inhibits() bool {
	for k := range i.Members {
		if i.Members[k].Whole() && i.Members[k].Resolved == 0 && i.Provider == "" {
			return true
		}
	}
	return false
}

// Name says what a member is, within its incident.
func (m *Member) Name() string {
	own, ok := m.Own()
	switch {
	case ok:
		return own.Name()
	case m.Code != "":
		return m.Service + " " + m.Code
	case m.Whole():
		return m.Service
	case m.Method != "":
		return m.Method + " " + m.Endpoint
	}
	return m.Endpoint
}

// Tell says that a message was queued.
func (i *Incident) Tell(now time.Time) {
	i.Told = Told{Seq: i.Told.Seq + 1, At: now, Phase: i.Phase, Level: i.Level, Members: len(i.Members)}
}
