package web

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"errata/internal/customer"
	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/store"
)

// Customers is what the pages need of the store for what customers are called.
type Customers interface {
	CustomerNames(ctx context.Context, ws int32, ids []string) (map[string]string, error)
	Customer(ctx context.Context, ws int32, id string) (customer.Named, error)
	CustomersCalled(ctx context.Context, ws int32, text string) ([]customer.Named, error)
	SetCustomerName(ctx context.Context, actor store.Actor, ws int32, id, name string) (customer.Named, error)
	RemoveCustomerName(ctx context.Context, actor store.Actor, ws int32, id string) error
}

// naming is the form that says what a customer is called.
type naming struct {
	Action  string
	Name    string // as it is; "" for none
	Typed   string
	By      string
	At      moment
	Problem string
}

// namingOf reads what a customer is called; nil for failures that name no customer.
func (w *web) namingOf(c *gin.Context, id string) (*naming, error) {
	if id == "" {
		return nil, nil
	}
	out := &naming{Action: pathOfCustomer(id)}
	n, err := w.Store.Customer(c.Request.Context(), member(c).Workspace, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if err == nil {
		out.Name, out.Typed, out.By, out.At = n.Name, n.Name, n.UpdatedBy, w.moment(n.UpdatedAt.Time)
	}
	return out, nil
}

// heading is the name, or the ID where there is none.
func (n *naming) heading(id string) string {
	switch {
	case id == "":
		return "(no customer named)"
	case n.Name != "":
		return n.Name
	}
	return id
}

// nameCustomer gives a customer a name, or takes it away: whoever may look up may.
func (w *web) nameCustomer(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	id, err := nameOf(c.Param("customer"))
	if err != nil {
		return err
	}
	ctx, login := c.Request.Context(), member(c)
	switch c.PostForm("do") {
	case "name":
		_, err = w.Store.SetCustomerName(ctx, login.Actor, login.Workspace, id, c.PostForm("name"))
	case "unname":
		if err = w.Store.RemoveCustomerName(ctx, login.Actor, login.Workspace, id); fault.Is(err, fault.NotFound) {
			err = nil // somebody else did
		}
	default:
		return invalid("Choose what to do.")
	}
	if f := fault.Of(err); err != nil && (f.Kind == fault.Unprocessable || f.Kind == fault.Conflict) {
		return w.showCustomer(c, id, f)
	}
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, pathOfCustomer(id))
	return nil
}

// called puts what a customer is called before their ID.
func called(facts []fact, id, name string) []fact {
	i := slices.IndexFunc(facts, func(f fact) bool { return f.Name == "Customer" && f.Value == id })
	if name == "" || i < 0 {
		return facts
	}
	facts[i].Value = name
	return slices.Insert(facts, i+1, fact{"Customer ID", id, ""})
}

// callByName puts names into rankings of customers: one look for all of them.
func (w *web) callByName(c *gin.Context, list []ranking) error {
	var ids []string
	for i := range list {
		for _, r := range list[i].Rows {
			if r.Customer != "" {
				ids = append(ids, r.Customer)
			}
		}
	}
	names, err := w.Store.CustomerNames(c.Request.Context(), member(c).Workspace, ids)
	if err != nil {
		return err
	}
	for i := range list {
		for j := range list[i].Rows {
			if r := &list[i].Rows[j]; names[r.Customer] != "" {
				r.Label, r.Detail = names[r.Customer], r.Customer
			}
		}
	}
	return nil
}

type calledPage struct {
	frame
	Name string
	Rows []row // ID and path
	Most bool
}

// findCustomer takes whoever typed what a customer is called, or their ID, to the
// page of that customer; done is false where nobody is called so.
func (w *web) findCustomer(c *gin.Context, text string) (done bool, err error) {
	list, err := w.Store.CustomersCalled(c.Request.Context(), member(c).Workspace, text)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if len(list) == 1 || list[0].Customer == customer.Asked(text) {
		c.Redirect(http.StatusSeeOther, pathOfCustomer(list[0].Customer))
		return true, nil
	}
	page := calledPage{Name: list[0].Name, Most: len(list) == store.MaxCalled}
	for _, n := range list {
		page.Rows = append(page.Rows, row{n.Customer, pathOfCustomer(n.Customer)})
	}
	page.frame = w.frame(c, plural(len(list), "customer is", "customers are")+" called so", "")
	return true, w.render(c, http.StatusOK, "called", page)
}

// refusedStatus is the status of a page that says why something was not done.
func refusedStatus(problem *fault.Fault) int {
	if problem == nil {
		return http.StatusOK
	}
	return edge.Status(problem.Kind)
}
