package detect

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Rule is one of the rules; its text is its letter.
type Rule uint8

// The rules, in the order in which one is named when several hold.
const (
	None         Rule = iota
	Fast              // B: most requests fail, for three minutes
	Spike             // A: far above normal, in each of five minutes
	Slow              // C: above normal, in each third of a longer window
	LowVolume         // D: the same where there are few requests
	Burn              // E: an objective's budget goes too fast
	Count             // F: far more errors than usual, without totals
	NewCode           // G: a code that was not there for a week
	Concentrated      // 429 of one customer
	Heartbeat         // H: nothing comes in
	Own               // S: something is wrong with Errata itself; package selfwatch says so
)

var ruleNames = [...]string{"", "B", "A", "C", "D", "E", "F", "G", "429", "H", "S"}

func (r Rule) String() string { return ruleNames[r] }

// MarshalText writes the letter.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads it.
func (r *Rule) UnmarshalText(text []byte) error { return named(r, ruleNames[:], text) }

// Level is how loud an incident is.
type Level uint8

// The levels.
const (
	Quiet Level = iota
	Notify
	Ticket
	Page
)

var levelNames = [...]string{"", "notify", "ticket", "page"}

func (l Level) String() string { return levelNames[l] }

// MarshalText writes the word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads it.
func (l *Level) UnmarshalText(text []byte) error { return named(l, levelNames[:], text) }

func named[T ~uint8](out *T, names []string, text []byte) error {
	for i, name := range names {
		if name == string(text) {
			*out = T(i) //nolint:gosec // a handful of names
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(names[1:], ", "))
}

// Why are the numbers that made a rule hold, for people to check.
type Why struct {
	Rule      Rule    `json:"rule"`
	Window    int     `json:"window_minutes"`
	Errors    int64   `json:"errors"`             // in the window
	Requests  int64   `json:"requests,omitempty"` // in the window
	Rate      float64 `json:"rate,omitempty"`     // their quotient
	Limit     float64 `json:"limit,omitempty"`    // that it had to reach
	Normal    float64 `json:"normal"`             // the usual share; errors per minute for F, requests in 30 minutes for H
	Score     float64 `json:"score,omitempty"`    // standard deviations above normal
	MinScore  float64 `json:"min_score,omitempty"`
	Spread    float64 `json:"spread,omitempty"` // how much more than chance the series varies
	Persist   string  `json:"persist,omitempty"`
	Customers int64   `json:"customers,omitempty"` // hit in ten minutes
	TopShare  float64 `json:"top_share,omitempty"` // of the errors, of the customer with the most
	Customer  string  `json:"customer,omitempty"`  // who that is, where it is about one
	Late      int64   `json:"late_errors,omitempty"`
	Urgency   string  `json:"urgency,omitempty"`   // "low": the series has few requests
	Note      string  `json:"note,omitempty"`      // for S, the sentence with the numbers
	Condition string  `json:"condition,omitempty"` // for S, what is wrong
}

// verdict is what the rules say of one minute.
type verdict struct {
	why     Why   // of the first rule that holds
	level   Level // Quiet: none holds
	pending bool  // A holds but for its duration
	clear   bool  // the series is well
	onset   Minute
}

// take keeps the loudest rule; of equals, the first.
func (v *verdict) take(level Level, why Why, onset Minute) {
	if level > v.level {
		v.level, v.why, v.onset = level, why, onset
	}
}

// Numbers are what a minute looked like, for people who ask why nothing fired,
// or why something did.
type Numbers struct {
	Minute   Minute     `json:"-"`
	Errors   [4]float64 `json:"errors"`   // of the last 1, 5, 15 and 60 minutes
	Requests [4]float64 `json:"requests"` // the same
	Score    [3]float64 `json:"score"`    // of 5, 15 and 60 minutes
	Normal   float64    `json:"normal"`
	Limit    float64    `json:"limit"`
	Spread   float64    `json:"spread"`
	Known    bool       `json:"totals_known"`
	Clear    bool       `json:"clear"`
	Rule     Rule       `json:"rule"` // the loudest that holds
	Level    Level      `json:"level"`
}

func (n Numbers) String() string {
	raw, _ := json.Marshal(n) // numbers and words: cannot fail
	return string(raw)
}
