package cli

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"errata/internal/store"
)

type watchList struct {
	Watches []store.RequestWatch `json:"watches"`
}

// ListWatches prints the IDs that somebody waits for, and those that arrived lately.
func ListWatches(ctx context.Context, opt Options) error {
	return opt.watches(ctx, http.MethodGet, nil)
}

// AddWatch waits for an ID for a day; channel is the ID of one that tells more people,
// or "".
func AddWatch(ctx context.Context, opt Options, id, channel string) error {
	in := map[string]string{"request_id": id}
	if channel != "" {
		in["channel_id"] = channel
	}
	return opt.watches(ctx, http.MethodPost, in)
}

func (opt Options) watches(ctx context.Context, method string, in any) error {
	var list watchList
	p, done, err := opt.ask(ctx, method, "/v1/watches", in, &list)
	if err != nil || done {
		return err
	}
	if len(list.Watches) == 0 {
		p.line("Nobody waits for an ID.")
		return p.err
	}
	rows := [][]string{{"WATCH", "REQUEST", "STATE", "BY", "SINCE", "ENDS", "TELLS"}}
	for i := range list.Watches {
		w := &list.Watches[i]
		state := w.State
		if w.ArrivedAt != nil {
			state += " " + w.ArrivedAt.UTC().Format(time.DateTime)
		}
		rows = append(rows, []string{safe(w.ID), safe(w.Value), safe(state), safe(w.By), w.CreatedAt.UTC().Format(time.DateTime), w.EndsAt.UTC().Format(time.DateTime), orWord(safe(w.Channel), "-")})
	}
	p.table(rows)
	return p.err
}

// RemoveWatch waits no longer.
func RemoveWatch(ctx context.Context, opt Options, watch string) error {
	return opt.remove(ctx, "/v1/watches/"+url.PathEscape(watch), watch+": nobody waits for it any more")
}
