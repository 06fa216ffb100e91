package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	ql "errata/internal/query"
	"errata/internal/store"
)

func TestValues(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		at := time.Now().UTC().Add(-time.Hour)
		one := func(service, request, customer string, ws int32) report {
			return report{ws: ws, src: event.FromHTTP, service: service, request: request, status: 500, code: "timeout", customer: customer, release: "r1", at: at}
		}
		f.write(t, one("billing", "req_1", "acme", 0), one("billing-eu", "req_2", "Acme Ltd", 0), one("billing-eu", "req_3", "globex", 0), one("auth", "req_4", "", 0), one("billing-other", "req_5", "acme-other", 2))
		for _, c := range []struct {
			field  ql.Field
			prefix string
			limit  int
			want   []string
		}{
			{ql.Service, "", 10, []string{"billing-eu", "auth", "billing"}},
			{ql.Service, "BILL", 10, []string{"billing-eu", "billing"}},
			{ql.Service, "", 1, []string{"billing-eu"}},
			{ql.Service, "%", 10, []string{}},
			{ql.Code, "t", 10, []string{"timeout"}},
			{ql.Release, "", 10, []string{"r1"}},
			{ql.Environment, "prod", 10, []string{"production"}},
			{ql.Provider, "", 10, []string{}},
			{ql.Customer, "a", 10, []string{"Acme Ltd", "acme"}},
			{ql.Request, "req", 10, nil},
			{ql.Field("workspace_id"), "", 10, nil},
			{ql.Service, "\x00", 10, nil},
		} {
			got, err := f.Values(t.Context(), ws, c.field, c.prefix, c.limit)
			require.NoError(t, err)
			if c.field == ql.Customer { // both once; which comes first is a matter of collation
				assert.ElementsMatch(t, c.want, got)
				continue
			}
			assert.Equal(t, c.want, got, "%s %q", c.field, c.prefix)
		}
	}
}
