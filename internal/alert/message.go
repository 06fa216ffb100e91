package alert

import (
	"fmt"
	"net/url"
	"time"

	"errata/internal/event"
)

// Kind says what a message tells.
type Kind string

// The kinds of message.
const (
	KindFiring   Kind = "firing"
	KindUpdate   Kind = "update"
	KindReopened Kind = "reopened"
	KindResolved Kind = "resolved"
	KindTest     Kind = "test"
	KindDigest   Kind = "digest" // many Incidents in one, when there is too much to say
	// KindArrived is about no Incident: an ID that somebody waits for is there.
	// Changed says which, and what it is.
	KindArrived Kind = "arrived"
)

// Message is what one Delivery brings to one channel.
type Message struct {
	// ID is the Delivery's. It is the same on every attempt, so that receivers
	// can drop what they have seen.
	ID        string     `json:"id"`
	Kind      Kind       `json:"kind"`
	Workspace string     `json:"workspace"`
	Incidents []Incident `json:"incidents"` // one, but for a digest
	Seq       int        `json:"seq"`       // counts an Incident's messages to one channel
	DedupKey  string     `json:"dedup_key"`
	At        time.Time  `json:"at"`                // when it was decided
	Changed   []string   `json:"changed,omitempty"` // since the last message, one line each
	Request   *Request   `json:"request,omitempty"` // of KindArrived
}

// Request is the one that somebody waits for.
type Request struct {
	ID      string `json:"request_id"`
	EventID string `json:"event_id,omitempty"` // "" where it was rejected
	BaseURL string `json:"base_url,omitempty"` // of Errata's own pages
}

// URL is where it is shown, "" where nobody knows where the pages are.
func (r *Request) URL() string {
	if r == nil || r.BaseURL == "" || r.ID == "" {
		return ""
	}
	return r.BaseURL + "/r/" + url.PathEscape(r.ID)
}

// DedupKey identifies a message among all others, for our own outbox.
func DedupKey(incident, channel string, seq int) string {
	return fmt.Sprintf("%s:%s:%d", incident, channel, seq)
}

// GroupKey identifies an Incident at receivers that keep Incidents of their
// own. PagerDuty takes 255 characters.
func GroupKey(i Incident) string {
	environment := Plain(i.Environment, 60)
	if environment == "" {
		environment = "-"
	}
	return "errata/" + environment + "/" + Plain(i.ID, 100)
}

// Subject is the first Incident; a digest has more, and a message without any
// is about nothing but itself.
func (m Message) Subject() (Incident, bool) {
	if len(m.Incidents) == 0 {
		return Incident{}, false
	}
	return m.Incidents[0], true
}

// Whole gives the message that shows the Incident's state of now instead of
// what changed, for receivers where one message is edited again and again.
func (m Message) Whole() Message {
	if i, ok := m.Subject(); ok && m.Kind != KindTest && m.Kind != KindDigest {
		m.Kind, m.Changed = KindFiring, nil
		if !i.Open() {
			m.Kind = KindResolved
		}
	}
	return m
}

// Test makes the message behind a channel's test button: an Incident as it
// could be, so that one sees what will come, under a title that says so.
func Test(id, workspace, baseURL string, at time.Time) Message {
	ratio, normal, requests := 0.078, 0.002, int64(5282)
	return Message{
		ID: id, Kind: KindTest, Workspace: workspace, Seq: 1, DedupKey: DedupKey("test", id, 1), At: at,
		Incidents: []Incident{{
			ID: "test-" + id, Workspace: workspace, Environment: "test", Service: "example-api", Family: event.FamilyUs,
			Level: Notify, State: Firing, Rule: Rule{Letter: "A", Name: "spike"},
			Why:       Why{Statistic: "z", Value: 31, Limit: 5, Ratio: &ratio, RatioLimit: 0.02, NormalRatio: &normal, Minutes: 5, OfMinutes: 5, WindowMinutes: 5},
			StartedAt: at.Add(-5 * time.Minute), FiredAt: at,
			Errors: 412, Requests: &requests, Customers: 37,
			Members: []Member{{Method: "POST", Endpoint: "/v1/examples", Share: 0.91}},
			Codes:   []Share{{Name: "internal_error", Share: 0.88}, {Name: "timeout", Share: 0.12}},
			Samples: []string{"req_example"}, BaseURL: baseURL,
		}},
	}
}
