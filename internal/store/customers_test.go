package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

func named(list []customer.Named) (out []string) {
	for _, n := range list {
		out = append(out, n.Customer+"="+n.Name)
	}
	return out
}

func TestCustomerNames(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		n, err := f.SetCustomerName(ctx, mia, ws, "acme", " Acme Ltd ")
		require.NoError(t, err)
		assert.Equal(t, []string{"acme", "Acme Ltd", "mia"}, []string{n.Customer, n.Name, n.UpdatedBy})
		assert.WithinDuration(t, time.Now(), n.UpdatedAt.Time, time.Minute)
		n, err = f.SetCustomerName(ctx, leo, ws, "acme", "Acme Ltd")
		require.NoError(t, err)
		assert.Equal(t, "mia", n.UpdatedBy, "the same again changes nothing")
		_, err = f.SetCustomerName(ctx, leo, ws, "acme", "Acme GmbH")
		require.NoError(t, err)
		_, err = f.SetCustomerName(ctx, leo, ws, "globex", "Globex")
		require.NoError(t, err)
		_, err = f.SetCustomerName(ctx, leo, ws, "globex-eu", "GLOBEX")
		require.NoError(t, err)
		_, err = f.SetCustomerName(ctx, leo, 2, "acme", "Theirs")
		require.NoError(t, err)

		names, err := f.CustomerNames(ctx, ws, []string{"acme", "nobody", "globex", "acme"})
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"acme": "Acme GmbH", "globex": "Globex"}, names)
		n, err = f.Customer(ctx, ws, "acme")
		require.NoError(t, err)
		assert.Equal(t, "leo", n.UpdatedBy)
		for _, missing := range []string{"Acme", "nobody", "", "a\x00b", "\xff"} {
			_, err = f.Customer(ctx, ws, missing)
			assert.Equal(t, "customer_name_not_found", fault.Of(err).Code, "%q", missing)
			assert.Equal(t, "customer_name_not_found", fault.Of(f.RemoveCustomerName(ctx, mia, ws, missing)).Code, "%q", missing)
		}

		for text, want := range map[string][]string{
			"acme gmbh": {"acme=Acme GmbH"}, " ACME   GMBH\n": {"acme=Acme GmbH"}, "acme": {"acme=Acme GmbH"}, "Acme": nil, "Acme Ltd": nil, "Theirs": nil,
			"globex": {"globex=Globex", "globex-eu=GLOBEX"}, "Globex": {"globex=Globex", "globex-eu=GLOBEX"}, "globex-eu": {"globex-eu=GLOBEX"}, "": nil, "a\x00": nil, "a\nb": nil,
		} {
			list, err := f.CustomersCalled(ctx, ws, text)
			require.NoError(t, err)
			assert.Equal(t, want, named(list), "%q", text)
		}

		var all []string
		for cursor := ""; ; {
			list, next, err := f.Customers(ctx, ws, 2, cursor)
			require.NoError(t, err)
			all = append(all, named(list)...)
			if cursor = next; next == "" {
				break
			}
			require.Len(t, list, 2)
		}
		assert.Equal(t, []string{"acme=Acme GmbH", "globex=Globex", "globex-eu=GLOBEX"}, all)
		for _, cursor := range []string{"!", "_w"} {
			_, _, err = f.Customers(ctx, ws, 2, cursor)
			assert.True(t, fault.Is(err, fault.Unprocessable), cursor)
		}
		_, err = f.SetCustomerName(ctx, mia, ws, "acme", "")
		assert.Equal(t, "name", fault.Of(err).Details["field"])

		require.NoError(t, f.RemoveCustomerName(ctx, mia, ws, "acme"))
		assert.True(t, fault.Is(f.RemoveCustomerName(ctx, mia, ws, "acme"), fault.NotFound))
		// Who did it to whom, and not what anybody is called.
		assert.Equal(t, []string{"mia customer.unname acme", "leo customer.name globex-eu", "leo customer.name globex", "leo customer.name acme", "mia customer.name acme"}, f.auditLog(t, ws, store.AuditFilter{Action: "customer"}))
		assert.Zero(t, f.count(t, `SELECT count(*) FROM audit WHERE action LIKE 'customer.%' AND details IS NOT NULL`))
		n, err = f.Customer(ctx, 2, "acme")
		require.NoError(t, err)
		assert.Equal(t, "Theirs", n.Name, "another workspace's is its own")
	}
}

func TestImportCustomerNames(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	_, err := f.SetCustomerName(ctx, mia, ws, "acme", "Acme")
	require.NoError(t, err)
	_, err = f.SetCustomerName(ctx, mia, ws, "stays", "Stays")
	require.NoError(t, err)
	list := []customer.Named{{Customer: "acme", Name: "Acme Ltd"}, {Customer: "globex", Name: "Globex"}}
	want := store.CustomerChanges{Added: 1, Changed: 1}
	changes, err := f.ImportCustomerNames(ctx, ada, ws, list, true)
	require.NoError(t, err)
	assert.Equal(t, want, changes)
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM customers`), "a dry run changes nothing")
	changes, err = f.ImportCustomerNames(ctx, ada, ws, list, false)
	require.NoError(t, err)
	assert.Equal(t, want, changes)
	changes, err = f.ImportCustomerNames(ctx, ada, ws, list, false)
	require.NoError(t, err)
	assert.Equal(t, store.CustomerChanges{Same: 2}, changes)
	assert.Equal(t, []string{"ada customer.import "}, f.auditLog(t, ws, store.AuditFilter{Actor: ada.ID, Action: "customer"}), "once, since the second one changed nothing")
	all, _, err := f.Customers(ctx, ws, 10, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"acme=Acme Ltd", "globex=Globex", "stays=Stays"}, named(all))
	_, err = f.ImportCustomerNames(ctx, ada, ws, []customer.Named{{Customer: "fine", Name: "Fine"}, {Customer: "bad", Name: ""}}, false)
	assert.True(t, fault.Is(err, fault.Unprocessable))
	assert.Equal(t, 3, f.count(t, `SELECT count(*) FROM customers`), "all or nothing")
}

// A workspace names so many and no more, however they come; a file of all of them is
// taken in one go.
func TestCustomerNamesAreBounded(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	all := make([]customer.Named, customer.MaxNames)
	for i := range all {
		all[i] = customer.Named{Customer: fmt.Sprintf("customer-%06d", i), Name: fmt.Sprintf("Customer %d Ltd", i)}
	}
	began := time.Now()
	_, err := f.ImportCustomerNames(ctx, ada, ws, all, false)
	require.NoError(t, err)
	t.Logf("%d names in %s", len(all), time.Since(began))
	_, err = f.SetCustomerName(ctx, ada, ws, "one-more", "One")
	assert.Equal(t, "too_many_customers", fault.Of(err).Code)
	_, err = f.SetCustomerName(ctx, ada, ws, "customer-000000", "Renamed")
	require.NoError(t, err)
	_, err = f.SetCustomerName(ctx, ada, 2, "one-more", "One")
	require.NoError(t, err, "each workspace has its own")
	_, err = f.ImportCustomerNames(ctx, ada, ws, []customer.Named{{Customer: "customer-000001", Name: "Changed"}, {Customer: "one-more", Name: "One"}}, false)
	assert.Equal(t, "too_many_customers", fault.Of(err).Code)
	n, err := f.Customer(ctx, ws, "customer-000001")
	require.NoError(t, err)
	assert.Equal(t, "Customer 1 Ltd", n.Name, "nothing of it was taken")

	// However many there are, those that a page needs are read by key.
	began = time.Now()
	for i := range 100 {
		list, err := f.CustomersCalled(ctx, ws, fmt.Sprintf("customer %d ltd", 1000+i))
		require.NoError(t, err)
		require.Len(t, list, 1)
	}
	t.Logf("called: %s each", time.Since(began)/100)
}

// Who a failure was for is said with what went on around it, and in Trails.
func TestCustomerOfARequestHasAName(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom", customer: "acme"})
	_, err := f.SetCustomerName(ctx, mia, ws, "acme", "Acme Ltd")
	require.NoError(t, err)
	_, err = f.SetCustomerName(ctx, mia, 2, "globex", "Theirs")
	require.NoError(t, err)
	trail, err := f.Trail(ctx, ws, "req_1")
	require.NoError(t, err)
	around, err := f.Around(ctx, ws, &trail.Events[0], time.Now())
	require.NoError(t, err)
	assert.Equal(t, "Acme Ltd", around.Called)
	none, unnamed := event.Trail{}, event.Trail{Summary: event.Summary{Customer: "globex"}}
	require.NoError(t, f.NameTrails(ctx, ws, &trail, &none, &unnamed))
	assert.Equal(t, []string{"Acme Ltd", "", ""}, []string{trail.Summary.CustomerName, none.Summary.CustomerName, unnamed.Summary.CustomerName})
	around, err = f.Around(ctx, 2, &trail.Events[0], time.Now())
	require.NoError(t, err)
	assert.Empty(t, strings.TrimSpace(around.Called), "another workspace calls nobody so")
}
