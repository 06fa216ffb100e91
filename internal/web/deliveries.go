package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/store"
)

type deliveriesPage struct {
	frame
	Tabs             []link
	Channels, States []choice
	Incident         string
	Rows             []deliveryRow
	Older, Problem   string
	Narrowed         bool
}

// deliveryRow is a message in the log.
type deliveryRow struct {
	Path, Title          string
	Created, Next        moment
	Channel, ChannelPath string
	Incident             string // INC-12, and the service
	IncidentPath         string
	State, Word, Why     string
	Attempts             int
}

var (
	stateWords = map[store.DeliveryState]string{store.Waiting: "waits", store.Sent: "arrived", store.Dead: "did not arrive", store.Dropped: "not needed"}
	toldWords  = map[alert.Kind]string{alert.KindFiring: "it began", alert.KindUpdate: "it changed", alert.KindReopened: "it came back", alert.KindResolved: "it is over",
		alert.KindTest: "test", alert.KindDigest: "digest of several", alert.KindArrived: "request arrived"}
)

// deliveries is the log of messages, newest first.
func (w *web) deliveries(c *gin.Context) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	list, err := w.Store.Channels(ctx, ws)
	if err != nil {
		return err
	}
	asked := map[string]string{"channel": c.Query("channel"), "state": c.Query("state"), "incident": strings.TrimSpace(c.Query("incident"))}
	page := deliveriesPage{frame: w.frame(c, "Deliveries", "alerts"), Tabs: tabs("/alerts/channels"), Incident: asked["incident"], Narrowed: asked["channel"]+asked["state"]+asked["incident"] != "",
		Channels: []choice{{"", "all", asked["channel"] == ""}}, States: choices(asked["state"], "", "all")}
	for i := range list {
		page.Channels = append(page.Channels, choice{list[i].ID, list[i].Name, list[i].ID == asked["channel"]})
	}
	for _, s := range store.DeliveryStates {
		page.States = append(page.States, choice{string(s), stateWords[s], string(s) == asked["state"]})
	}
	f := store.DeliveryFilter{Channel: asked["channel"], State: store.DeliveryState(asked["state"])}
	next := ""
	if f.Incident, err = w.incidentIDOf(ctx, ws, asked["incident"]); err == nil {
		page.Rows, next, err = w.deliveryRows(ctx, ws, f, pageSize, c.Query("cursor"))
	}
	var status int
	if page.Problem, status, err = problem(err); err != nil {
		return err
	}
	if next != "" {
		v := url.Values{"cursor": {next}}
		for name, value := range asked {
			if value != "" {
				v.Set(name, value)
			}
		}
		page.Older = "/alerts/deliveries?" + v.Encode()
	}
	return w.render(c, status, "deliveries", page)
}

// incidentIDOf is the ID of an incident as people name it: INC-12, 12, or the ID.
func (w *web) incidentIDOf(ctx context.Context, ws int32, ref string) (string, error) {
	if ref == "" || uuid.Validate(ref) == nil {
		return ref, nil
	}
	d, err := w.Store.Incident(ctx, ws, ref)
	if err != nil && fault.Of(err).Kind == fault.NotFound {
		return "", invalid("There is no incident %q. Give its number, such as INC-12.", ref)
	}
	return d.ID, err
}

func (w *web) deliveryRows(ctx context.Context, ws int32, f store.DeliveryFilter, limit int, cursor string) ([]deliveryRow, string, error) {
	list, next, err := w.Store.Deliveries(ctx, ws, f, limit, cursor)
	out := make([]deliveryRow, 0, len(list))
	for i := range list {
		out = append(out, w.deliveryRow(&list[i]))
	}
	return out, next, err
}

func (w *web) deliveryRow(d *store.Delivery) deliveryRow {
	row := deliveryRow{Path: "/alerts/deliveries/" + d.ID, Title: toldWords[d.Kind], Created: w.moment(d.CreatedAt.Time), Channel: d.Channel, State: string(d.State), Word: stateWords[d.State], Why: d.Why, Attempts: d.Attempts}
	if row.Title == "" {
		row.Title = string(d.Kind)
	}
	if row.Channel == "" {
		row.Channel = "removed"
	} else {
		row.ChannelPath = channelPath(d.ChannelID)
	}
	if d.IncidentID != nil {
		row.Incident, row.IncidentPath = joined("INC-"+itoa(int(d.Number)), d.Service), "/incidents/"+*d.IncidentID
	}
	if row.Why == "" && d.State == store.Waiting && d.Error != "" {
		row.Why = "failed so far: " + d.Error
	}
	if d.NextAt != nil {
		row.Next = w.moment(d.NextAt.Time)
	}
	return row
}

type deliveryPage struct {
	frame
	Tabs          []link
	One           *deliveryView
	Done, Problem string
	Again         bool // it may be sent again
}

// delivery shows a message, and what was said on both sides each time.
func (w *web) delivery(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := w.Store.Delivery(c.Request.Context(), member(c).Workspace, id)
	if err != nil {
		return err
	}
	return w.showDelivery(c, http.StatusOK, &d, nil)
}

func (w *web) showDelivery(c *gin.Context, status int, d *store.DeliveryDetail, refused *fault.Fault) error {
	page := deliveryPage{frame: w.frame(c, "Delivery", "alerts"), Tabs: tabs("/alerts/channels"), One: w.deliveryView(d),
		Again: member(c).Decides && d.Kind != alert.KindTest && d.State != store.Dropped && d.Channel != ""}
	if c.Query("done") == "again" {
		page.Done = "It is sent again, under the same ID. This page says what comes of it."
	}
	if refused != nil {
		page.Problem = refused.Message
	}
	return w.render(c, status, "delivery", page)
}

// decideDelivery has a message sent again.
func (w *web) decideDelivery(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	ctx, login := c.Request.Context(), member(c)
	err = invalid("Choose what to do.")
	if c.PostForm("do") == "again" {
		_, err = w.Store.Redeliver(ctx, login.Actor, login.Workspace, id)
		w.dead.forget(login.Workspace)
	}
	if status := refusedAs(err); status != 0 {
		d, missing := w.Store.Delivery(ctx, login.Workspace, id)
		if missing != nil {
			return missing
		}
		return w.showDelivery(c, status, &d, fault.Of(err))
	} else if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, "/alerts/deliveries/"+url.PathEscape(id)+"?done=again")
	return nil
}
