package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/notify"
	"errata/internal/store"
)

// Deliveries is what a Courier needs of the store.
type Deliveries interface {
	ClaimDelivery(ctx context.Context, rules store.DeliveryRules) (*store.Due, error)
	RecordDelivery(ctx context.Context, due *store.Due, t store.Tried) error
	ClaimTest(ctx context.Context, actor store.Actor, ws int32, channel, baseURL string) (*store.Due, error)
	Delivery(ctx context.Context, ws int32, id string) (store.DeliveryDetail, error)
	Refreshable(ctx context.Context, kinds []string) ([]*store.Due, error)
}

// Sender makes one attempt; *notify.Sender is one.
type Sender interface {
	Validate(c notify.Channel) error
	Send(ctx context.Context, c notify.Channel, m alert.Message, h notify.Handle) (notify.Attempt, error)
}

// CourierDeps is what NewCourier needs. BaseURL and Meter may be empty.
type CourierDeps struct {
	Store   Deliveries
	Sender  Sender
	Logger  *slog.Logger
	Meter   metric.MeterProvider
	BaseURL string // of Errata's own pages
}

// Courier brings what the store has waiting to where the sender brings it: the
// two know nothing of each other.
type Courier struct {
	CourierDeps
	rules     store.DeliveryRules
	forgetful []string // kinds whose receivers forget incidents that nobody speaks of
	attempts  metric.Int64Counter
	looked    atomic.Int64  // when messages were last looked for
	every     time.Duration // that they are looked for
}

// Looked is when this process last looked for messages to send, and could.
func (c *Courier) Looked() time.Time { return time.Unix(0, c.looked.Load()) }

// NewCourier makes a Courier, which is idle until Deliver.
func NewCourier(deps CourierDeps) (*Courier, error) {
	if deps.Meter == nil {
		deps.Meter = noop.NewMeterProvider()
	}
	c := &Courier{CourierDeps: deps, every: lookEvery, rules: store.DeliveryRules{Paced: []string{string(notify.SlackWebhook), string(notify.SlackBot)}}}
	for _, k := range notify.Kinds() {
		if k.Tracks() {
			c.rules.Uncapped = append(c.rules.Uncapped, string(k))
		}
		if k.Resend() > 0 {
			c.forgetful = append(c.forgetful, string(k))
		}
	}
	var err error
	c.attempts, err = deps.Meter.Meter("errata/deliveries").Int64Counter("errata_delivery_attempts_total",
		metric.WithDescription("Attempts to bring a message to a channel, by the channel's kind and what came of it."))
	return c, err
}

// Check says whether a channel can work, without talking to anybody.
func (c *Courier) Check(spec store.ChannelSpec) error {
	return c.Sender.Validate(target("", spec.Name, spec.Kind, spec.Settings, spec.Secrets))
}

func target(id, name, kind string, settings map[string]string, secrets store.Secrets) notify.Channel {
	t := notify.Channel{ID: id, Name: name, Kind: notify.Kind(kind), Settings: settings, Secrets: map[string]notify.Secret{}}
	for k, v := range secrets {
		t.Secrets[k] = notify.NewSecret(v)
	}
	return t
}

// Test sends a test message right now, and gives what came of it. Somebody who
// stops waiting does not break it off.
func (c *Courier) Test(ctx context.Context, actor store.Actor, ws int32, channel string) (d store.DeliveryDetail, err error) {
	ctx = context.WithoutCancel(ctx)
	due, err := c.Store.ClaimTest(ctx, actor, ws, channel, c.BaseURL)
	if err != nil {
		return d, err
	}
	if err := c.Store.RecordDelivery(ctx, due, c.try(ctx, due)); err != nil {
		return d, err
	}
	return c.Store.Delivery(ctx, ws, due.ID)
}

const (
	recordTries   = 5
	recordTimeout = 5 * time.Second
)

// deliver makes the attempt that was claimed and records it. What cannot be
// recorded is tried again when its time is over, and may come twice.
func (c *Courier) deliver(ctx context.Context, due *store.Due) {
	tried := c.try(ctx, due)
	for n := 1; ; n++ {
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		err := c.Store.RecordDelivery(brief, due, tried)
		cancel()
		if err == nil {
			return
		}
		if n == recordTries || ctx.Err() != nil || !fault.Is(err, fault.Unavailable) {
			c.Logger.ErrorContext(ctx, "cannot record a delivery", "delivery", due.ID, "error", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// try makes one attempt, whatever it takes: one message that brings the sender
// down must not bring down the others.
func (c *Courier) try(ctx context.Context, due *store.Due) (t store.Tried) {
	started := time.Now()
	defer func() {
		if p := recover(); p != nil {
			c.Logger.ErrorContext(ctx, "sending a message panicked", "delivery", due.ID, "kind", due.ChannelKind, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			t = store.Tried{At: started, Took: time.Since(started), Outcome: alert.Later, Error: "something went wrong on our side"}
		}
		c.attempts.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", due.ChannelKind), attribute.String("outcome", string(t.Outcome))))
	}()
	if due.Locked != "" { // somebody may give us the key while we try
		c.Logger.WarnContext(ctx, "a message cannot be sent", "delivery", due.ID, "channel", due.ChannelName, "attempt", due.N, "error", due.Locked)
		return store.Tried{At: started, Took: time.Since(started), Outcome: alert.Later, Error: due.Locked}
	}
	to := target(due.ChannelID, due.ChannelName, due.ChannelKind, due.Settings, due.Secrets)
	a, err := c.Sender.Send(ctx, to, c.linked(due.Message), notify.Handle(due.Handle))
	if err != nil {
		c.Logger.WarnContext(ctx, "a message did not arrive", "delivery", due.ID, "channel", due.ChannelName, "attempt", due.N, "outcome", string(a.Outcome), "error", err)
	}
	return tried(a)
}

// linked has a message's links lead to where the pages are now.
func (c *Courier) linked(m alert.Message) alert.Message {
	if m.Request != nil && m.Request.BaseURL == "" {
		r := *m.Request
		r.BaseURL, m.Request = c.BaseURL, &r
	}
	m.Incidents = slices.Clone(m.Incidents)
	for i := range m.Incidents {
		if m.Incidents[i].BaseURL == "" {
			m.Incidents[i].BaseURL = c.BaseURL
		}
	}
	return m
}

// answered is what came back for a request, in the log of deliveries.
type answered struct {
	*notify.Response
	Error  string `json:"error,omitempty"`
	TookMS int64  `json:"took_ms"`
}

func tried(a notify.Attempt) store.Tried {
	t := store.Tried{At: a.At, Took: a.Took, Outcome: a.Outcome, Error: a.Reason, RetryAfter: a.RetryAfter, Handle: string(a.Handle)}
	requests, responses := []notify.Request{}, []answered{}
	for _, x := range a.Exchanges {
		requests = append(requests, x.Request)
		responses = append(responses, answered{x.Response, x.Error, x.Took.Milliseconds()})
	}
	var err error
	if t.Request, err = json.Marshal(requests); err == nil {
		t.Response, err = json.Marshal(responses)
	}
	if err != nil { // texts and numbers have a JSON form
		t.Error += "; what was said cannot be kept: " + err.Error()
	}
	return t
}
