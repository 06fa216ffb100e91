package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// nameShelf keeps names.
type nameShelf struct {
	*shelf
	names []customer.Named
}

func (s *nameShelf) at(id string) int {
	return slices.IndexFunc(s.names, func(n customer.Named) bool { return n.Customer == id })
}

func (s *nameShelf) Customers(_ context.Context, _ int32, limit int, cursor string) ([]customer.Named, string, error) {
	from := s.at(cursor) + 1
	if from+limit < len(s.names) {
		return s.names[from : from+limit], s.names[from+limit-1].Customer, nil
	}
	return s.names[from:], "", nil
}

func (s *nameShelf) SetCustomerName(_ context.Context, actor store.Actor, _ int32, id, name string) (customer.Named, error) {
	n, err := customer.Named{Customer: id, Name: name, UpdatedAt: event.Time{Time: noon}, UpdatedBy: actor.Label}.Check()
	if err == nil {
		s.names = append(s.names, n)
	}
	return n, err
}

func (s *nameShelf) RemoveCustomerName(_ context.Context, _ store.Actor, _ int32, id string) error {
	i := s.at(id)
	if i < 0 {
		return fault.New(fault.NotFound, "customer_name_not_found", "Nobody gave this customer a name.")
	}
	s.names = slices.Delete(s.names, i, i+1)
	return nil
}

func (s *nameShelf) ImportCustomerNames(_ context.Context, actor store.Actor, _ int32, names []customer.Named, dryRun bool) (out store.CustomerChanges, err error) {
	for _, n := range names {
		switch i := s.at(n.Customer); {
		case i < 0:
			out.Added++
		case s.names[i].Name != n.Name:
			out.Changed++
		default:
			out.Same++
		}
	}
	if !dryRun {
		s.names = names
	}
	return out, nil
}

func TestCustomers(t *testing.T) {
	keys, _ := newServer(t)
	s := &nameShelf{shelf: keys}
	var out strings.Builder
	opt, ctx := CustomersOptions{Server: serve(t, s, keys).URL, Key: secret, Out: &out}, t.Context()
	printed := func(err error) string {
		t.Helper()
		require.NoError(t, err)
		text := out.String()
		out.Reset()
		return text
	}
	assert.Equal(t, "Nobody gave a customer a name.\n", printed(ListCustomers(ctx, opt, 50)))
	assert.Equal(t, "a/b is called Acme Ltd.\n", printed(SetCustomer(ctx, opt, "a/b", " Acme Ltd ")))
	assert.Equal(t, "CUSTOMER  NAME      BY     SINCE\na/b       Acme Ltd  admin  2026-11-20 12:00:00\n", printed(ListCustomers(ctx, opt, 50)))
	require.ErrorContains(t, SetCustomer(ctx, opt, "acme", ""), "422 validation_failed: The 'name' field must be what the customer is called.")
	require.ErrorContains(t, RemoveCustomers(ctx, opt, []string{"a/b", "nobody"}), "404 customer_name_not_found")
	assert.Equal(t, "a/b: has no name any more\n", printed(nil), "up to the first that cannot be")

	bad := fileOf(t, "customer,name\nacme,Acme\n,Nobody\nglobex,\n")
	require.ErrorContains(t, ImportCustomers(ctx, opt, bad, false, AskNobody), "2 mistakes to mend; nothing was changed.")
	told := printed(nil)
	assert.Contains(t, told, ":3: customer: must be the ID")
	assert.Contains(t, told, ":4: name: must be what")
	file := fileOf(t, "acme,Acme\nglobex,Globex\n")
	for ask, in := range map[Ask]string{AskRefuse: "yes\n", AskPerson: "no\n"} {
		opt.In = strings.NewReader(in)
		require.ErrorContains(t, ImportCustomers(ctx, opt, file, false, ask), "Nothing was changed")
	}
	out.Reset()
	assert.Equal(t, "2 new, 0 changed, 0 as they are.\n", printed(ImportCustomers(ctx, opt, file, true, AskNobody)))
	assert.Empty(t, s.names)
	opt.In = strings.NewReader("yes\n")
	assert.Equal(t, "2 new, 0 changed, 0 as they are.\nImport this? Type yes:\nImported.\n", printed(ImportCustomers(ctx, opt, file, false, AskPerson)))
	assert.Equal(t, "0 new, 0 changed, 2 as they are.\n", printed(ImportCustomers(ctx, opt, file, false, AskRefuse)), "there is nothing to ask")

	for i := range 450 {
		s.names = append(s.names, customer.Named{Customer: "c" + strconv.Itoa(i), Name: "N"})
	}
	opt.CSV = true
	csv := printed(ListCustomers(ctx, opt, 1))
	assert.True(t, strings.HasPrefix(csv, "customer,name\nacme,Acme\nglobex,Globex\n"), "as import takes it, and all of them")
	assert.Equal(t, 453, strings.Count(csv, "\n"))
}
