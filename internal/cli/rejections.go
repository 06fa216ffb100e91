package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

type rejection struct {
	ID         string     `json:"id"`
	ReceivedAt time.Time  `json:"received_at"`
	Reason     string     `json:"reason"`
	Message    string     `json:"message"`
	RequestID  string     `json:"request_id"`
	Service    string     `json:"service"`
	Replayable bool       `json:"replayable"`
	ReplayedAt *time.Time `json:"replayed_at"`
}

const listedRejections = 200

func (c *client) rejections(ctx context.Context) (raw json.RawMessage, list []rejection, err error) {
	if err := c.call(ctx, http.MethodGet, "/v1/rejections?limit="+strconv.Itoa(listedRejections), nil, &raw); err != nil {
		return nil, nil, err
	}
	return raw, list, c.decode(answer{body: raw}, &list)
}

// ListRejections prints the newest rejections.
func ListRejections(ctx context.Context, opt Options) error {
	raw, list, err := newClient(opt.Server, opt.Key).rejections(ctx)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	if len(list) == 0 {
		p.line("Nothing has been rejected.")
		return p.err
	}
	rows := [][]string{{"ID", "RECEIVED", "REASON", "SERVICE", "REQUEST", "STATE"}}
	for _, r := range list {
		state := ""
		switch {
		case r.ReplayedAt != nil:
			state = "replayed " + day(r.ReplayedAt)
		case r.Replayable:
			state = "replayable"
		}
		rows = append(rows, []string{safe(r.ID), r.ReceivedAt.UTC().Format(time.DateTime), safe(r.Reason), safe(r.Service), safe(r.RequestID), state})
	}
	p.table(rows)
	return p.err
}

// ReplayRejections tries rejected items again: those with the IDs, or, without
// any, all of the newest that can be. It goes on after a failure, and fails at
// the end when any was refused again.
func ReplayRejections(ctx context.Context, opt Options, ids []string) error {
	c := newClient(opt.Server, opt.Key)
	if len(ids) == 0 {
		_, list, err := c.rejections(ctx)
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Replayable {
				ids = append(ids, r.ID)
			}
		}
	}
	p := printer{out: opt.Out}
	if len(ids) == 0 {
		p.line("Nothing can be replayed.")
		return p.err
	}
	failed := 0
	for _, id := range ids {
		var out struct {
			Verdict string `json:"verdict"`
			EventID string `json:"event_id"`
		}
		var raw json.RawMessage
		err := c.call(ctx, http.MethodPost, "/v1/rejections/"+url.PathEscape(id)+"/replay", nil, &raw)
		if err == nil {
			err = c.decode(answer{body: raw}, &out)
		}
		if err != nil {
			failed++
			p.line("%s: %v", safe(id), err)
			continue
		}
		p.line("%s: %s as Event %s", safe(id), safe(out.Verdict), safe(out.EventID))
	}
	if p.err == nil && failed > 0 {
		return exitf("%d of %d could not be replayed.", failed, len(ids))
	}
	return p.err
}
