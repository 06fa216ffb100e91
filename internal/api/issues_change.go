package api

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

const (
	maxChangeBody = 64 << 10
	maxBulk       = 100
)

// change is a change as it is sent. Null undoes a merge, and is not the same as
// nothing.
type change struct {
	State           *event.IssueState `json:"state"`
	ResolvedIn      string            `json:"resolved_in"`
	IgnoreUntil     *string           `json:"ignore_until"`
	IgnoreEvents    int64             `json:"ignore_events"`
	IgnoreCustomers int               `json:"ignore_customers"`
	Assignee        *string           `json:"assignee"`
	MergedInto      json.RawMessage   `json:"merged_into"`
}

func (in change) read(a *api) (out store.IssueChange, err error) {
	out = store.IssueChange{State: in.State, ResolvedIn: in.ResolvedIn, IgnoreEvents: in.IgnoreEvents, IgnoreCustomers: in.IgnoreCustomers, Assignee: in.Assignee}
	if in.IgnoreUntil != nil {
		if out.IgnoreUntil, err = instant("ignore_until", *in.IgnoreUntil, a.Now()); err != nil {
			return out, err
		}
	}
	switch string(in.MergedInto) {
	case "":
	case "null":
		out.MergedInto = new(string)
	default:
		var target string
		if json.Unmarshal(in.MergedInto, &target) != nil || target == "" {
			return out, invalid("merged_into", "must be the ID of an issue, or null to undo a merge")
		}
		out.MergedInto = &target
	}
	return out, nil
}

// changeIssue answers with the issue as it has become: after a merge, the one
// that it counts for.
func (a *api) changeIssue(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	var in change
	if err := readJSON(c, maxChangeBody, &in); err != nil {
		return err
	}
	want, err := in.read(a)
	if err != nil {
		return err
	}
	if err := a.Store.ChangeIssue(c.Request.Context(), actor(c), workspace(c), id, want); err != nil {
		return err
	}
	return a.replyIssue(c, http.StatusOK, id)
}

// changed is what became of one of several.
type changed struct {
	ID    string     `json:"id"`
	Error *itemError `json:"error,omitempty"`
}

type itemError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// changeIssues changes each for itself: one that cannot be changed keeps the
// others from nothing.
func (a *api) changeIssues(c *gin.Context) error {
	var in struct {
		IDs []string `json:"ids"`
		change
	}
	if err := readJSON(c, maxChangeBody, &in); err != nil {
		return err
	}
	if len(in.IDs) == 0 || len(in.IDs) > maxBulk {
		return invalid("ids", "must hold 1 to %d IDs", maxBulk)
	}
	want, err := in.read(a)
	if err != nil {
		return err
	}
	results := make([]changed, 0, len(in.IDs))
	for _, id := range in.IDs {
		result := changed{ID: id}
		if err := a.Store.ChangeIssue(c.Request.Context(), actor(c), workspace(c), id, want); err != nil {
			f := fault.Of(err)
			if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
				return err // the others will not do better
			}
			result.Error = &itemError{f.Code, f.Message, f.Details}
		}
		results = append(results, result)
	}
	return reply(c, http.StatusOK, struct {
		Results []changed `json:"results"`
	}{results})
}

func (a *api) commentIssue(c *gin.Context) error {
	var in struct {
		Body string `json:"body"`
	}
	id, err := pathID(c, "id")
	if err == nil {
		err = readJSON(c, maxChangeBody, &in)
	}
	if err == nil {
		err = a.Store.CommentIssue(c.Request.Context(), actor(c), workspace(c), id, in.Body)
	}
	if err != nil {
		return err
	}
	return a.replyIssue(c, http.StatusCreated, id)
}

func (a *api) linkTicket(c *gin.Context) error {
	var in struct {
		URL string `json:"url"`
	}
	id, err := pathID(c, "id")
	if err == nil {
		err = readJSON(c, maxChangeBody, &in)
	}
	if err == nil {
		err = a.Store.LinkTicket(c.Request.Context(), actor(c), workspace(c), id, in.URL)
	}
	if err != nil {
		return err
	}
	return a.replyIssue(c, http.StatusCreated, id)
}

func (a *api) unlinkTicket(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	p, err := query(c, "url")
	if err != nil {
		return err
	}
	if err := a.Store.UnlinkTicket(c.Request.Context(), actor(c), workspace(c), id, p["url"]); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
