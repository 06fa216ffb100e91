package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/alert"
	"errata/internal/store"
)

const maxChannelBody = 128 << 10

// Channels is what the API needs of the store for channels and deliveries.
type Channels interface {
	Channels(ctx context.Context, ws int32) ([]store.Channel, error)
	Channel(ctx context.Context, ws int32, id string) (store.Channel, error)
	AddChannel(ctx context.Context, actor store.Actor, ws int32, spec store.ChannelSpec, check store.CheckChannel) (store.Channel, error)
	SetChannel(ctx context.Context, actor store.Actor, ws int32, id string, spec store.ChannelSpec, check store.CheckChannel) (store.Channel, error)
	RemoveChannel(ctx context.Context, actor store.Actor, ws int32, id string) error
	Deliveries(ctx context.Context, ws int32, f store.DeliveryFilter, limit int, cursor string) ([]store.Delivery, string, error)
	Delivery(ctx context.Context, ws int32, id string) (store.DeliveryDetail, error)
	Redeliver(ctx context.Context, actor store.Actor, ws int32, id string) (store.DeliveryDetail, error)
}

// Courier knows what the kinds of channel need, and reaches them.
type Courier interface {
	Check(spec store.ChannelSpec) error
	Test(ctx context.Context, actor store.Actor, ws int32, channel string) (store.DeliveryDetail, error)
}

func (a *api) channels(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	list, err := a.Store.Channels(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Channels []store.Channel `json:"channels"`
	}{orEmpty(list)})
}

func (a *api) channel(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	found, err := a.Store.Channel(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, found)
}

// readChannel reads what somebody wants a channel to be.
func readChannel(c *gin.Context) (store.ChannelSpec, error) {
	var in struct {
		Name     string            `json:"name"`
		Kind     string            `json:"kind"`
		Settings map[string]string `json:"settings"`
		Secrets  map[string]string `json:"secrets"`
		Level    alert.Level       `json:"level"`
		Fallback *string           `json:"fallback"`
		Hourly   int               `json:"hourly"`
		Enabled  bool              `json:"enabled"`
	}
	in.Level, in.Hourly, in.Enabled = alert.Notify, store.DefaultHourly, true
	if err := readJSON(c, maxChannelBody, &in); err != nil {
		return store.ChannelSpec{}, err
	}
	spec := store.ChannelSpec{Name: in.Name, Kind: in.Kind, Settings: in.Settings, Secrets: in.Secrets, Level: in.Level, Hourly: in.Hourly, Enabled: in.Enabled}
	if in.Fallback != nil {
		spec.Fallback = *in.Fallback
	}
	return spec, nil
}

func (a *api) addChannel(c *gin.Context) error {
	spec, err := readChannel(c)
	if err != nil {
		return err
	}
	added, err := a.Store.AddChannel(c.Request.Context(), actor(c), workspace(c), spec, a.Courier.Check)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, added)
}

// setChannel puts a channel in place of the one that was there; secrets that are
// not given stay.
func (a *api) setChannel(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	spec, err := readChannel(c)
	if err != nil {
		return err
	}
	set, err := a.Store.SetChannel(c.Request.Context(), actor(c), workspace(c), id, spec, a.Courier.Check)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, set)
}

func (a *api) removeChannel(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveChannel(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// testChannel sends a test, and answers with what came of it: that it did not
// arrive is an answer, too.
func (a *api) testChannel(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := a.Courier.Test(c.Request.Context(), actor(c), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, d)
}

// deliveries lists messages to channels, newest first.
func (a *api) deliveries(c *gin.Context) error {
	p, err := query(c, "limit", "cursor", "channel", "incident", "state")
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	f := store.DeliveryFilter{Channel: p["channel"], Incident: p["incident"], State: store.DeliveryState(p["state"])}
	list, next, err := a.Store.Deliveries(c.Request.Context(), workspace(c), f, limit, cursor)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Deliveries []store.Delivery `json:"deliveries"`
		Next       *string          `json:"next"`
	}{orEmpty(list), orNull(next)})
}

func (a *api) delivery(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := a.Store.Delivery(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, d)
}

// redeliver has a message sent again, and answers before it is.
func (a *api) redeliver(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := a.Store.Redeliver(c.Request.Context(), actor(c), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, d)
}
