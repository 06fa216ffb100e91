package selfwatch

import (
	"time"

	"errata/internal/detect"
)

// Snapshot is how Errata is at a moment, as far as a workspace is concerned.
type Snapshot struct {
	Now time.Time

	// What serves all workspaces; nil and zero for those that are not told of it.
	Collectors []Collector
	Jobs       []JobRun
	Judged     time.Time     // the end of the last minute that was judged; zero: never
	Overdue    time.Duration // how long the message has waited that could have been sent first

	Refused  []Refusal
	Rejected []Rejection
	Channels []ChannelState
}

// Collector is what a collector said of itself last.
type Collector struct {
	ID, Host   string
	Started    time.Time
	Seen       time.Time
	SpoolBytes int64
	SpoolMax   int64 // 0: it has no spool
	SpoolItems int64
	Oldest     time.Time // zero: its spool is empty
	Damaged    int64     // records and segments, since it started
}

// JobRun is how a job of housekeeping is doing.
type JobRun struct {
	Name   string
	Every  time.Duration
	Age    time.Duration // since it succeeded, or became known
	Error  string        // of the last run, where it failed
	Failed time.Time
}

// Refusal is how many items were not taken in an hour, for a reason.
type Refusal struct {
	Hour   time.Time
	Reason string
	N      int64
}

// Rejection is how many items of the last RejectedFor could not be understood, for
// a reason, and which service sent most of them.
type Rejection struct {
	Reason, Service string
	N               int64
}

// ChannelState is a channel, and how that goes.
type ChannelState struct {
	ID, Name    string
	Enabled     bool
	DisabledWhy string       // where Errata did it
	Level       detect.Level // the quietest that it is told about
	Failing     time.Time    // since when; zero: the last attempt succeeded
	LastError   string
}

// Fails says whether a channel does not deliver, for as long as it takes to be
// sure.
func (c *ChannelState) Fails(now time.Time) bool {
	if !c.Enabled {
		return c.DisabledWhy != ""
	}
	return !c.Failing.IsZero() && now.Sub(c.Failing) >= failingFor
}

// Memory is what has to be known of the minutes before. It has a JSON form.
type Memory struct {
	Minute  detect.Minute     `json:"minute"`            // the last that was looked at
	Counted map[string]int64  `json:"counted,omitempty"` // refusals by hour and reason, so far
	Recent  []Recent          `json:"recent,omitempty"`  // refusals of the last minutes, oldest first
	Damage  map[string]Damage `json:"damage,omitempty"`  // by collector
}

// Recent is what was refused in a minute, by reason.
type Recent struct {
	Minute detect.Minute    `json:"minute"`
	N      map[string]int64 `json:"n"`
}

// Damage is how much a collector counted, and when that grew.
type Damage struct {
	N    int64         `json:"n"`
	Grew detect.Minute `json:"grew,omitempty"`
}

// recentFor is how many minutes of refusals are looked at.
const recentFor = 5

// Take gives the memory once a minute was looked at. What was counted before
// anybody looked is not news.
func (m Memory) Take(s *Snapshot, minute detect.Minute) Memory {
	out := Memory{Minute: minute, Counted: map[string]int64{}, Damage: map[string]Damage{}}
	grown := map[string]int64{}
	for _, r := range s.Refused {
		key := r.Hour.UTC().Format(time.RFC3339) + " " + r.Reason
		out.Counted[key] = r.N
		if more := r.N - m.Counted[key]; more > 0 && m.Minute != 0 {
			grown[r.Reason] += more
		}
	}
	for _, r := range m.Recent {
		if minute-r.Minute < recentFor && r.Minute < minute {
			out.Recent = append(out.Recent, r)
		}
	}
	if len(grown) > 0 {
		out.Recent = append(out.Recent, Recent{minute, grown})
	}
	for _, c := range s.Collectors {
		d := m.Damage[c.ID]
		if c.Damaged > d.N {
			d.Grew = minute
		}
		if d.N = c.Damaged; d.N > 0 {
			out.Damage[c.ID] = d
		}
	}
	return out
}
