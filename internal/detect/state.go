package detect

// Phase is where a series is in the life of an incident.
type Phase uint8

// The phases.
const (
	OK         Phase = iota
	Pending          // far above normal, not yet for long enough
	Firing           // an incident
	Recovering       // an incident that has been clear for some minutes
	Stale            // an incident of which nothing is heard any more
	Resolved         // over; the same incident goes on if it comes back soon
)

var phaseNames = [...]string{"ok", "pending", "firing", "recovering", "stale", "resolved"}

func (p Phase) String() string { return phaseNames[p] }

// MarshalText writes the word.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads it.
func (p *Phase) UnmarshalText(text []byte) error { return named(p, phaseNames[:], text) }

// State is all that Evaluate remembers of a series between two minutes. The
// zero value is a series that was never looked at.
type State struct {
	Minute   Minute `json:"minute"` // the last that was evaluated
	Phase    Phase  `json:"phase"`
	Level    Level  `json:"level,omitempty"`    // the loudest so far
	Started  Minute `json:"started,omitempty"`  // when the errors began
	Fired    Minute `json:"fired,omitempty"`    // when it reached its level
	Opened   Minute `json:"opened,omitempty"`   // when it fired first, at any level
	Resolved Minute `json:"resolved,omitempty"` // when it was resolved
	Breached Minute `json:"breached,omitempty"` // the last minute in which a rule held

	ClearFor  int     `json:"clear_for,omitempty"`  // clear minutes in a row
	SilentFor int     `json:"silent_for,omitempty"` // minutes in a row without data
	HeldFor   int     `json:"held_for,omitempty"`   // minutes in a row in which a condition of Errata itself held; package selfwatch counts them
	Reopened  int     `json:"reopened,omitempty"`   // how often it came back
	Peak      float64 `json:"peak,omitempty"`       // the largest share of five minutes
	Errors    int64   `json:"errors,omitempty"`     // while it lasted

	Why      *Why      `json:"why,omitempty"`      // of its level
	Baseline *Baseline `json:"baseline,omitempty"` // what was normal before it began
	Before   *Baseline `json:"before,omitempty"`   // what was normal before the last one, while the day does not say
	Told     []Told    `json:"told,omitempty"`     // customers about whom a message was sent; at most maxTold

	// Dismissed says that somebody ended the incident, who knows what its numbers
	// do not tell: it comes back only if it gets louder, or once it was well.
	Dismissed bool `json:"dismissed,omitempty"`
}

// Told remembers a message about a customer.
type Told struct {
	Customer string `json:"customer"`
	Minute   Minute `json:"minute"`
}

const maxTold = 8

// Active says whether there is an incident.
func (s *State) Active() bool { return s.Phase == Firing || s.Phase == Recovering || s.Phase == Stale }

// Idle says that a series without errors in its last hour needs no Evaluate:
// nothing would come of it. What a heartbeat watches is never idle.
func (s *State) Idle() bool { return s.Phase == OK }

// Blank says that there is nothing to remember: a state that is not kept is this
// one.
func (s *State) Blank() bool { return s.Phase == OK && len(s.Told) == 0 && s.Before == nil }

// Masks says whether this minute is part of an incident, and so not normal.
func (s *State) Masks() bool { return s.Active() }

// Kind is what happened to an incident.
type Kind uint8

// The kinds of transitions.
const (
	Became    Kind = iota // pending or ok again: for the record, nobody is told
	Fired                 // a new incident
	Escalated             // the same incident is louder than before
	Reopened              // a resolved incident came back: an update, no new message
	Eased                 // recovering
	Relapsed              // recovering no more
	WentStale             // no data
	Revived               // data again
	Ended                 // resolved
)

var kindNames = [...]string{"became", "fired", "escalated", "reopened", "recovering", "relapsed", "stale", "revived", "resolved"}

func (k Kind) String() string { return kindNames[k] }

// MarshalText writes the word.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads it.
func (k *Kind) UnmarshalText(text []byte) error { return named(k, kindNames[:], text) }

// Reasons of an end.
const (
	ReasonClear    = "clear"
	ReasonMissing  = "missing_data"
	ReasonAccepted = "accepted"
)

// Transition is what a minute changed.
type Transition struct {
	Minute   Minute `json:"minute"`
	Kind     Kind   `json:"kind"`
	From     Phase  `json:"from"`
	To       Phase  `json:"to"`
	Level    Level  `json:"level,omitempty"`
	Started  Minute `json:"started,omitempty"`
	MaskFrom Minute `json:"mask_from,omitempty"` // of Fired and Reopened: from then on minutes are not normal
	Reason   string `json:"reason,omitempty"`    // of Ended
	Why      *Why   `json:"why,omitempty"`       // of Fired, Escalated, Reopened
}
