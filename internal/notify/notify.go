// Package notify brings messages to people and to the tools that they use:
// Slack, PagerDuty, Opsgenie and Jira Service Management, Microsoft Teams,
// mail, webhooks, Alertmanager.
//
// One attempt at a time: Send makes one, says what it came to, and keeps what
// was said on both sides for the log of deliveries. Whether and when there is
// another one is decided by package alert and by whoever keeps the Deliveries.
//
// Channels are set up by people who may be strangers to whoever runs Errata.
// So requests go to no private address unless the operator allows it, follow
// no redirects, and what is kept of them shows no secret.
package notify

import (
	"maps"
	"slices"
	"time"

	"errata/internal/alert"
)

// Kind is a kind of receiver.
type Kind string

// The kinds of channel.
const (
	SlackWebhook        Kind = "slack_webhook"
	SlackBot            Kind = "slack_bot"
	PagerDuty           Kind = "pagerduty"
	Opsgenie            Kind = "opsgenie" // and Jira Service Management
	Teams               Kind = "teams"
	Email               Kind = "email"
	Webhook             Kind = "webhook"
	AlertmanagerWebhook Kind = "alertmanager_webhook"
	Alertmanager        Kind = "alertmanager"
)

// target is what a kind of channel is: what to fill in, and how to send.
type target struct {
	title  string
	fields []Field
	send   func(*call) verdict
	check  func(*Sender, Channel) error // what no single field can say; may be nil
	// tracks: the receiver keeps Incidents of its own.
	tracks bool
	resend time.Duration
}

var targets = map[Kind]target{
	SlackWebhook:        {title: "Slack (incoming webhook)", fields: slackWebhookFields, send: sendSlackWebhook},
	SlackBot:            {title: "Slack (bot)", fields: slackBotFields, send: sendSlackBot},
	PagerDuty:           {title: "PagerDuty", fields: pagerDutyFields, send: sendPagerDuty, tracks: true},
	Opsgenie:            {title: "Opsgenie or Jira Service Management", fields: opsgenieFields, send: sendOpsgenie, tracks: true},
	Teams:               {title: "Microsoft Teams", fields: teamsFields, send: sendTeams},
	Email:               {title: "E-mail", fields: emailFields, send: sendEmail, check: checkEmail},
	Webhook:             {title: "Webhook", fields: webhookFields, send: sendWebhook},
	AlertmanagerWebhook: {title: "Webhook, as Alertmanager sends it", fields: alertmanagerWebhookFields, send: sendAlertmanagerWebhook, check: checkLogin},
	Alertmanager:        {title: "Prometheus Alertmanager", fields: alertmanagerFields, send: sendAlertmanager, check: checkLogin, tracks: true, resend: time.Minute},
}

// Kinds lists all kinds, sorted.
func Kinds() []Kind {
	return slices.Sorted(maps.Keys(targets))
}

// Title names a kind for people.
func (k Kind) Title() string { return targets[k].title }

// Fields lists what a channel of this kind asks for, in the order of a form.
func (k Kind) Fields() []Field { return slices.Clone(targets[k].fields) }

// Tracks reports whether the receiver keeps Incidents of its own. It needs
// every message: one that a digest swallowed would leave an Incident open there.
func (k Kind) Tracks() bool { return targets[k].tracks }

// Resend is how often a firing Incident has to be sent again to stay one; zero
// is never. Such messages replace each other and need no order.
func (k Kind) Resend() time.Duration { return targets[k].resend }

// Channel is where messages go.
type Channel struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Kind     Kind              `json:"kind"`
	Settings map[string]string `json:"settings"`
	Secrets  map[string]Secret `json:"secrets"`
}

// Handle is what a receiver gave us to speak of the same Incident again. The
// caller keeps the last one for each Incident and channel, and passes it on.
type Handle string

// Attempt is what happened, in a form that can be kept and shown: without
// secrets, in valid UTF-8, and bounded.
type Attempt struct {
	At         time.Time     `json:"at"`
	Took       time.Duration `json:"took_ns"`
	Outcome    alert.Outcome `json:"outcome"`
	Reason     string        `json:"reason,omitempty"` // why it is not done, or not done for all
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
	Handle     Handle        `json:"handle,omitempty"` // empty: keep the last one
	Exchanges  []Exchange    `json:"exchanges"`
}

// Exchange is one request and what was answered.
type Exchange struct {
	Request  Request       `json:"request"`
	Response *Response     `json:"response,omitempty"` // nil: none came
	Error    string        `json:"error,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// Request is what was sent.
type Request struct {
	Method    string            `json:"method"` // SMTP for mail
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body"`
	Truncated int               `json:"truncated,omitempty"` // bytes of the body that are not shown
}

// Response is what was answered.
type Response struct {
	Status    int               `json:"status"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body"`
	Truncated bool              `json:"truncated,omitempty"`
}
