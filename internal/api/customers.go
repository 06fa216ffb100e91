package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/customer"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// Customers is what the API needs of the store for what customers are called.
type Customers interface {
	NameTrails(ctx context.Context, ws int32, trails ...*event.Trail) error
	Customer(ctx context.Context, ws int32, id string) (customer.Named, error)
	CustomersCalled(ctx context.Context, ws int32, text string) ([]customer.Named, error)
	Customers(ctx context.Context, ws int32, limit int, cursor string) ([]customer.Named, string, error)
	SetCustomerName(ctx context.Context, actor store.Actor, ws int32, id, name string) (customer.Named, error)
	RemoveCustomerName(ctx context.Context, actor store.Actor, ws int32, id string) error
	ImportCustomerNames(ctx context.Context, actor store.Actor, ws int32, names []customer.Named, dryRun bool) (store.CustomerChanges, error)
}

// customerRoutes: whoever may look a request up may say what its customer is called, as
// they may write notes. To name many at once takes an administrator.
func (a *api) customerRoutes(v1 *gin.RouterGroup) {
	v1.GET("/customers", edge.Handle(a.customers))
	v1.POST("/customers/import", edge.Handle(a.importCustomers))
	v1.GET("/customers/:customer/name", edge.Handle(a.customerName))
	v1.PUT("/customers/:customer/name", edge.Handle(a.setCustomerName))
	v1.DELETE("/customers/:customer/name", edge.Handle(a.removeCustomerName))
}

func (a *api) customers(c *gin.Context) error {
	p, err := query(c, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	list, next, err := a.Store.Customers(c.Request.Context(), workspace(c), limit, cursor)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Customers []customer.Named `json:"customers"`
		Next      *string          `json:"next"`
	}{orEmpty(list), orNull(next)})
}

func (a *api) customerName(c *gin.Context) error {
	id, err := pathID(c, "customer")
	if err != nil {
		return err
	}
	n, err := a.Store.Customer(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, n)
}

func (a *api) setCustomerName(c *gin.Context) error {
	var in struct {
		Name string `json:"name"`
	}
	id, err := pathID(c, "customer")
	if err != nil {
		return err
	}
	if err := readJSON(c, maxChangeBody, &in); err != nil {
		return err
	}
	n, err := a.Store.SetCustomerName(c.Request.Context(), actor(c), workspace(c), id, in.Name)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, n)
}

func (a *api) removeCustomerName(c *gin.Context) error {
	id, err := pathID(c, "customer")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveCustomerName(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// importCustomers takes a file of names, all of it or nothing.
func (a *api) importCustomers(c *gin.Context) error {
	p, err := query(c, "dry_run")
	if err != nil {
		return err
	}
	dryRun := p["dry_run"] == "true"
	if v := p["dry_run"]; v != "" && v != "true" && v != "false" {
		return invalid("dry_run", "must be true or false")
	}
	text, err := edge.ReadBody(c, customer.MaxFile)
	if err != nil {
		return err
	}
	names, mistakes := customer.Read("", text)
	if len(mistakes) > 0 {
		m := mistakes[0]
		return fault.New(fault.Unprocessable, "validation_failed", "Line %d of the file: %s. Nothing was changed; 'details.mistakes' has all that is to mend.", m.Line, strings.TrimSpace(m.Path+" "+m.Why)).
			With("field", m.Path).With("mistakes", mistakes)
	}
	changes, err := a.Store.ImportCustomerNames(c.Request.Context(), actor(c), workspace(c), names, dryRun)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		store.CustomerChanges
		Applied bool `json:"applied"`
	}{changes, !dryRun})
}
