package desk

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/brief"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

const (
	maxOthers = 5       // other tickets that are named
	maxLink   = 4 << 10 // of a request to link
)

var ticketNumber = regexp.MustCompile(`^[0-9]{1,15}$`)

// ticketOf is the address of the ticket that a page stands beside. The page says a
// number only: the host is the one that the integration is for. "" for no ticket,
// which a new one has not got yet.
func ticketOf(door *store.Door, number string) (string, error) {
	switch {
	case number == "":
		return "", nil
	case !ticketNumber.MatchString(number):
		return "", fault.New(fault.Unprocessable, "validation_failed", "The 'ticket' field must be the number of a ticket").With("field", "ticket")
	}
	return "https://" + door.Account + ".zendesk.com/agent/tickets/" + number, nil
}

func agent(door *store.Door) store.Actor {
	return store.Actor{Kind: "zendesk", ID: door.ID, Label: "Zendesk " + door.Account}
}

// ticketsOf tells the tickets of a request, and of the issue behind it.
func (d *Desk) ticketsOf(ctx context.Context, ws int32, events []event.Event, focus, own string) (*brief.Tickets, error) {
	beside, err := d.Store.Desk(ctx, ws, events, focus)
	if err != nil {
		return nil, err
	}
	out := &brief.Tickets{Count: len(beside.Issue), Others: []brief.Ticket{}}
	seen := map[string]bool{own: true}
	for i, list := range [][]store.DeskTicket{beside.Tickets, beside.Issue} {
		for _, t := range list {
			if i == 0 && t.URL == own {
				out.Linked = true
			}
			if !seen[t.URL] && strings.HasPrefix(t.URL, "https://") && len(out.Others) < maxOthers {
				seen[t.URL] = true
				out.Others = append(out.Others, brief.Ticket{Name: t.Name(), URL: t.URL})
			}
		}
	}
	return out, nil
}

// linkTicket links the ticket that an agent looks at to a request.
func (d *Desk) linkTicket(c *gin.Context) error {
	const wants = `{"event_id": "…", "ticket": "4411"}`
	var in struct {
		Event  string `json:"event_id"`
		Ticket string `json:"ticket"`
	}
	door, err := d.fromPage(c, maxLink, &in, wants)
	if err != nil {
		return err
	}
	if in.Event == "" || in.Ticket == "" {
		return bodyMustBe(wants)
	}
	own, err := ticketOf(&door, in.Ticket)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := d.Store.AddTicket(ctx, agent(&door), door.Workspace, in.Event, own); err != nil {
		return err
	}
	e, err := d.Store.Event(ctx, door.Workspace, in.Event)
	if err != nil {
		return err
	}
	tickets, err := d.ticketsOf(ctx, door.Workspace, []event.Event{e}, e.ID, own)
	if err != nil {
		return err
	}
	c.PureJSON(http.StatusOK, tickets)
	return nil
}
