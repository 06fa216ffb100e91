package backtest

import (
	"encoding/json"
	"time"

	"errata/internal/detect"
)

// Options say how to look.
type Options struct {
	Settings detect.Settings
	Family   detect.Family
}

// Run replays a series through its file's minutes: what production would have
// seen, minute by minute.
func Run(f *File, s *Series, opt Options) []detect.Incident {
	var book detect.Book
	replay(f, s, opt, func(r *detect.Replay, m detect.Minute) {
		book.Note(r.Close(m))
	})
	return book.Incidents
}

func replay(f *File, s *Series, opt Options, each func(*detect.Replay, detect.Minute)) {
	r := detect.NewReplay(f.First, s.Totals, opt.Family, &opt.Settings)
	next := 0
	for m := f.First; m <= f.Last; m++ {
		for ; next < len(s.rows) && s.rows[next].minute == m; next++ {
			r.Add(s.rows[next].sample())
		}
		each(r, m)
	}
}

// How many minutes an explanation shows before and after what happened.
const (
	explainBefore = 10
	explainAfter  = 20
)

// Explained is a minute near an incident.
type Explained struct {
	Minute      time.Time           `json:"minute"`
	Numbers     detect.Numbers      `json:"numbers"`
	Phase       detect.Phase        `json:"phase"` // after it
	Transitions []detect.Transition `json:"transitions,omitempty"`
}

// Explain replays once more and shows the minutes around the beginnings and the
// ends of incidents.
func Explain(f *File, s *Series, opt Options, incidents []detect.Incident, show func(Explained)) {
	near := map[detect.Minute]bool{}
	for _, i := range incidents {
		for m := i.Started - explainBefore; m <= min(i.Fired, i.Started+120)+explainAfter; m++ {
			near[m] = true
		}
		for m := i.Fired - explainBefore; m <= i.Fired+explainAfter; m++ {
			near[m] = true
		}
		for m := i.Resolved - explainBefore - 5; i.Resolved != 0 && m <= i.Resolved+2; m++ {
			near[m] = true
		}
	}
	replay(f, s, opt, func(r *detect.Replay, m detect.Minute) {
		if !near[m] {
			r.Close(m)
			return
		}
		e := Explained{Minute: m.Time(), Numbers: r.Explain(m)}
		e.Transitions = r.Close(m)
		e.Phase = r.State.Phase
		show(e)
	})
}

// line is an incident as the verb prints it.
type line struct {
	Series   string       `json:"series"`
	Rule     detect.Rule  `json:"rule"`
	Family   string       `json:"family"`
	Started  time.Time    `json:"started_at"`
	Fired    time.Time    `json:"fired_at"`
	Resolved *time.Time   `json:"resolved_at"`
	Level    detect.Level `json:"level"`
	Why      why          `json:"why"`
}

// why adds to the numbers what became of the incident.
type why struct {
	detect.Why
	Reopened int    `json:"reopened,omitempty"`
	Ended    string `json:"ended,omitempty"`
}

// JSON is the incident as one line. resolved_at is null while it lasts.
func JSON(s *Series, opt Options, i detect.Incident) ([]byte, error) {
	l := line{Series: s.Name, Rule: i.Rule, Family: opt.Family.String(), Started: i.Started.Time(), Fired: i.Fired.Time(), Level: i.Level,
		Why: why{Why: i.Why, Reopened: i.Reopened, Ended: i.Reason}}
	if i.Resolved != 0 {
		t := i.Resolved.Time()
		l.Resolved = &t
	}
	return json.Marshal(l)
}
