package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"errata/internal/store"
)

type shareList struct {
	Allowed bool                 `json:"public_links"`
	Shares  []store.RequestShare `json:"shares"`
}

// ListShares prints the public links that are good, and how often each was opened.
func ListShares(ctx context.Context, opt Options) error {
	return opt.shares(ctx, http.MethodGet, nil)
}

// AllowShares says whether the workspace has public links at all. Those that there are
// end at once where it has none.
func AllowShares(ctx context.Context, opt Options, which Links) error {
	return opt.shares(ctx, http.MethodPut, map[string]bool{"public_links": which == LinksOn})
}

// Links is whether there are public links.
type Links string

// The two of them.
const (
	LinksOn  Links = "on"
	LinksOff Links = "off"
)

func (opt Options) shares(ctx context.Context, method string, in any) error {
	var list shareList
	p, done, err := opt.ask(ctx, method, "/v1/shares", in, &list)
	if err != nil || done {
		return err
	}
	if !list.Allowed {
		p.line("This workspace has no public links; 'errata shares allow' turns them on.")
		return p.err
	}
	if len(list.Shares) == 0 {
		p.line("Public links are allowed, and there is none.")
		return p.err
	}
	rows := [][]string{{"LINK", "EVENT", "BY", "SINCE", "ENDS", "OPENED", "LAST"}}
	for i := range list.Shares {
		s := &list.Shares[i]
		last := "-"
		if s.LastOpenedAt != nil {
			last = s.LastOpenedAt.UTC().Format(time.DateTime)
		}
		rows = append(rows, []string{safe(s.ID), safe(s.EventID), safe(s.By), s.CreatedAt.UTC().Format(time.DateTime), s.ExpiresAt.UTC().Format(time.DateTime), strconv.Itoa(s.Opened), last})
	}
	p.table(rows)
	return p.err
}

// AddShare makes a public link of a request and prints it, the only time that it is
// seen.
func AddShare(ctx context.Context, opt Options, id string, days int) error {
	var made struct {
		store.RequestShare
		Path string `json:"path"`
	}
	p, done, err := opt.ask(ctx, http.MethodPost, requestPath(id, "/shares"), map[string]int{"days": days}, &made)
	if err != nil || done {
		return err
	}
	p.line("%s", safe(newClient(opt.Server, "").base+made.Path))
	p.line("Whoever has the line above sees the time, status and code until %s UTC. It cannot be shown again; 'errata shares revoke %s' ends it.", made.ExpiresAt.UTC().Format(time.DateTime), safe(made.ID))
	return p.err
}

// RevokeShare ends a public link at once.
func RevokeShare(ctx context.Context, opt Options, share string) error {
	return opt.remove(ctx, "/v1/shares/"+url.PathEscape(share), share+": revoked")
}
