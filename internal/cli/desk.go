package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"errata/internal/store"
)

// remove asks for something to go, and says that it has.
func (opt Options) remove(ctx context.Context, path, what string) error {
	if err := newClient(opt.Server, opt.Key).call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	p.line("%s", safe(what))
	return p.err
}

func requestPath(id, rest string) string { return "/v1/requests/" + url.PathEscape(id) + rest }

// desk asks for what the team keeps beside a request, after doing something there.
func (opt Options) desk(ctx context.Context, method, id, rest string, in any) (p printer, d store.Desk, done bool, err error) {
	p, done, err = opt.ask(ctx, method, requestPath(id, rest), in, &d)
	return p, d, done, err
}

// ListNotes prints what people wrote about a request.
func ListNotes(ctx context.Context, opt Options, id string) error {
	p, d, done, err := opt.desk(ctx, http.MethodGet, id, "/desk", nil)
	if err != nil || done {
		return err
	}
	p.notes(&d)
	return p.err
}

// notes prints them one under another, since they may have several lines.
func (p *printer) notes(d *store.Desk) {
	if len(d.Notes) == 0 {
		p.line("Nobody has written anything about it.")
	}
	for i := range d.Notes {
		n := &d.Notes[i]
		if i > 0 {
			p.line("")
		}
		p.line("%s  %s  %s", safe(n.ID), n.At.UTC().Format(time.DateTime), safe(n.Author))
		for line := range strings.Lines(n.Body) {
			p.line("  %s", safe(strings.TrimRight(line, "\r\n")))
		}
	}
}

// maxNote is more than a note may have, in bytes.
const maxNote = 64 << 10

// AddNote writes a note about a request; "-" takes the text from standard input.
func AddNote(ctx context.Context, opt Options, id, text string) error {
	if text == "-" {
		_, body, err := readFile(opt.In, "-", maxNote)
		if err != nil {
			return err
		}
		text = string(body)
	}
	p, d, done, err := opt.desk(ctx, http.MethodPost, id, "/notes", map[string]string{"body": text})
	if err != nil || done {
		return err
	}
	p.notes(&d)
	return p.err
}

// RemoveNote takes a note away: one's own, or with an admin key anybody's.
func RemoveNote(ctx context.Context, opt Options, id, note string) error {
	return opt.remove(ctx, requestPath(id, "/notes/"+url.PathEscape(note)), note+": removed")
}

// ListTickets prints the tickets that a request came up in, and those of its issue.
func ListTickets(ctx context.Context, opt Options, id string) error {
	return opt.tickets(ctx, http.MethodGet, id, "/desk", nil)
}

// AddTicket links a request to a ticket.
func AddTicket(ctx context.Context, opt Options, id, address string) error {
	return opt.tickets(ctx, http.MethodPost, id, "/tickets", map[string]string{"url": address})
}

func (opt Options) tickets(ctx context.Context, method, id, rest string, in any) error {
	p, d, done, err := opt.desk(ctx, method, id, rest, in)
	if err != nil || done {
		return err
	}
	rows, own := [][]string{{"TICKET", "OF", "LINKED", "BY", "ADDRESS"}}, map[string]bool{}
	add := func(t store.DeskTicket, of string) {
		rows = append(rows, []string{safe(t.Name()), of, t.At.UTC().Format(time.DateTime), orWord(safe(t.By), "-"), safe(t.URL)})
	}
	for _, t := range d.Tickets {
		own[t.URL] = true
		add(t, "this request")
	}
	for _, t := range d.Issue {
		if !own[t.URL] {
			add(t, "its issue")
		}
	}
	if len(rows) == 1 {
		p.line("No ticket is linked to it.")
		return p.err
	}
	p.table(rows)
	return p.err
}

// RemoveTicket takes the link to a ticket away.
func RemoveTicket(ctx context.Context, opt Options, id, address string) error {
	return opt.remove(ctx, requestPath(id, "/tickets?url="+url.QueryEscape(address)), address+": no longer linked")
}

// ShowStatus prints how far the team has come with a request.
func ShowStatus(ctx context.Context, opt Options, id string) error {
	return opt.status(ctx, http.MethodGet, id, "/desk", nil)
}

// SetStatus says how far the team has come with a request.
func SetStatus(ctx context.Context, opt Options, id, status string) error {
	return opt.status(ctx, http.MethodPut, id, "/status", map[string]string{"status": strings.ReplaceAll(status, "-", "_")})
}

func (opt Options) status(ctx context.Context, method, id, rest string, in any) error {
	p, d, done, err := opt.desk(ctx, method, id, rest, in)
	if err != nil || done {
		return err
	}
	decided := ""
	if d.StatusAt != nil {
		decided = ", set by " + safe(d.StatusBy) + " at " + d.StatusAt.UTC().Format(time.DateTime)
	}
	p.line("%s: %s%s", safe(id), safe(string(d.Status)), decided)
	return p.err
}
