package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"errata/internal/alert"
)

type delivery struct {
	ID         string     `json:"id"`
	Channel    string     `json:"channel"`
	ChannelID  string     `json:"channel_id"`
	IncidentID *string    `json:"incident_id"`
	Seq        int        `json:"seq"`
	Kind       alert.Kind `json:"kind"`
	State      string     `json:"state"`
	Why        string     `json:"why"`
	Error      string     `json:"error"`
	Attempts   int        `json:"attempts"`
	CreatedAt  time.Time  `json:"created_at"`
	NextAt     *time.Time `json:"next_at"`
	EndedAt    *time.Time `json:"ended_at"`
}

type deliveryDetail struct {
	delivery
	Message alert.Message `json:"message"`
	Tries   []deliveryTry `json:"tries"`
}

type deliveryTry struct {
	N       int           `json:"n"`
	At      time.Time     `json:"at"`
	TookMS  int           `json:"took_ms"`
	Outcome alert.Outcome `json:"outcome"`
	Error   string        `json:"error"`
	Request []struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	} `json:"request"`
	Response []struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Error   string            `json:"error"`
	} `json:"response"`
}

// DeliveryList says which deliveries; Channel is a name or an ID.
type DeliveryList struct {
	Channel, Incident, State string
	Limit                    int
}

// ListDeliveries prints messages to channels, newest first, one on a line.
func ListDeliveries(ctx context.Context, opt ChannelsOptions, list DeliveryList) error {
	c, channel := newClient(opt.Server, opt.Key), ""
	if list.Channel != "" {
		found, err := c.channelOf(ctx, list.Channel)
		if err != nil {
			return err
		}
		channel = found.ID
	}
	return listing[delivery]{
		path: "/v1/alerts/deliveries", query: map[string]string{"channel": channel, "incident": list.Incident, "state": list.State}, limit: list.Limit, field: "deliveries", none: "No message matches.",
		head: []string{"ID", "MADE", "CHANNEL", "KIND", "SEQ", "STATE", "TRIES", "WHY"},
		row: func(d *delivery) []string {
			return []string{safe(d.ID), ago(d.CreatedAt, time.Now()), safe(orWord(d.Channel, "(removed)")), safe(string(d.Kind)), strconv.Itoa(d.Seq), safe(d.State), strconv.Itoa(d.Attempts), safe(cutText(orWord(d.Why, d.Error), 80))}
		},
	}.print(ctx, c, &printer{out: opt.Out}, opt.JSON)
}

// ShowDelivery prints what a message says, and what was said on both sides.
func ShowDelivery(ctx context.Context, opt ChannelsOptions, id string) error {
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, http.MethodGet, "/v1/alerts/deliveries/"+url.PathEscape(id), nil, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var d deliveryDetail
	if err := c.decode(answer{body: raw}, &d); err != nil {
		return err
	}
	p.line("%s", safe(alert.Write(d.Message).Title))
	p.line("%s  %s to %s, made %s", safe(d.ID), safe(string(d.Kind)), safe(orWord(d.Channel, "a channel that was removed")), d.CreatedAt.UTC().Format(time.DateTime))
	state := safe(d.State)
	if d.Why != "" {
		state += ": " + safe(d.Why)
	}
	if d.NextAt != nil {
		state += ", next attempt " + d.NextAt.UTC().Format(time.DateTime)
	}
	p.line("%s", state)
	p.tries(d.Tries)
	return p.err
}

func (p *printer) tries(all []deliveryTry) {
	for _, t := range all {
		p.line("")
		p.line("Attempt %d, %s: %s in %d ms", t.N, t.At.UTC().Format(time.DateTime), safe(string(t.Outcome)), t.TookMS)
		if t.Error != "" {
			p.line("  %s", safe(t.Error))
		}
		for i, r := range t.Request {
			p.line("  > %s %s", safe(r.Method), safe(r.URL))
			for _, name := range sorted(r.Headers) {
				p.line("  > %s: %s", safe(name), safe(r.Headers[name]))
			}
			p.line("  > %s", safe(r.Body))
			if i >= len(t.Response) {
				continue
			}
			a := t.Response[i]
			if a.Error != "" || a.Status == 0 {
				p.line("  < %s", safe(orWord(a.Error, "no answer")))
				continue
			}
			p.line("  < %d", a.Status)
			for _, name := range sorted(a.Headers) {
				p.line("  < %s: %s", safe(name), safe(a.Headers[name]))
			}
			p.line("  < %s", safe(a.Body))
		}
	}
}

// Redeliver has messages sent again, in the order given, up to the first that
// cannot be.
func Redeliver(ctx context.Context, opt ChannelsOptions, ids []string) error {
	c := newClient(opt.Server, opt.Key)
	p := printer{out: opt.Out}
	for _, id := range ids {
		if err := c.call(ctx, http.MethodPost, "/v1/alerts/deliveries/"+url.PathEscape(id)+"/redeliver", nil, nil); err != nil {
			return err
		}
		p.line("%s: is sent again; 'errata deliveries show' has what comes of it", safe(id))
	}
	return p.err
}
