package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/front"
)

func TestCustomerNames(t *testing.T) {
	f := newIssueFixture(t)
	const path = "/v1/customers/acme/name"
	assert.Equal(t, http.StatusNotFound, f.call("GET", path, supportKey, "").Code)
	w := f.call("PUT", path, supportKey, `{"name":" Acme Ltd "}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	n := decoded[customer.Named](t, w)
	assert.Equal(t, []string{"acme", "Acme Ltd", "the support key"}, []string{n.Customer, n.Name, n.UpdatedBy})
	assert.Equal(t, n, decoded[customer.Named](t, f.call("GET", path, supportKey, "")))
	odd := f.call("PUT", "/v1/customers/a%2Fb%20c/name", readKey, `{"name":"Odd"}`)
	assert.Equal(t, "a/b c", decoded[customer.Named](t, odd).Customer)

	// Whoever asks what happened is told, and so is the customer.
	trail := decoded[event.Trail](t, f.call("GET", "/v1/requests/req_billing", readKey, ""))
	assert.Equal(t, []string{"acme", "Acme Ltd"}, []string{trail.Summary.Customer, trail.Summary.CustomerName})
	outside := decoded[front.Trail](t, f.call("GET", "/v1/requests/req_billing", supportKey, ""))
	assert.Equal(t, "Acme Ltd", outside.Summary.CustomerName)
	w = f.call("PUT", "/v1/catalog/billing/boom", adminKey, `{"version":0,"title":"Boom","plain":"It went boom.","replies":{"fix":"Hello[ {customer_name}], it went boom."}}`)
	require.Less(t, w.Code, 300, w.Body)
	for _, key := range []string{readKey, supportKey} {
		for _, res := range []string{f.call("GET", "/v1/requests/req_billing", key, "").Body.String(), f.call("POST", "/v1/lookup", key, `{"text":"req_billing and req_auth"}`).Body.String()} {
			assert.Contains(t, res, "Hello Acme Ltd, it went boom.")
			assert.Contains(t, res, `"customer_name":"Acme Ltd"`)
		}
	}

	// Whoever asks by name is told the ID, where nothing else is found.
	for _, key := range []string{readKey, supportKey} {
		for text, want := range map[string]string{
			"acme": `[{"customer":"acme","name":"Acme Ltd"}]`, " ACME  ltd\n": `[{"customer":"acme","name":"Acme Ltd"}]`, "a/b c": `[{"customer":"a/b c","name":"Odd"}]`,
			"req_billing": `[]`, "req_nobody1": `[]`, "Hello, this is Acme Ltd": `[]`, "sk_live_51Habc9Zz0QkX7Lm3": `[]`,
		} {
			body, err := json.Marshal(map[string]string{"text": text})
			require.NoError(t, err)
			for _, w := range []*httptest.ResponseRecorder{f.call("POST", "/v1/lookup", key, string(body)), f.call("GET", "/v1/lookup?q="+url.QueryEscape(text), key, "")} {
				require.Equal(t, http.StatusOK, w.Code, w.Body)
				assert.JSONEq(t, want, string(decoded[struct{ Customers json.RawMessage }](t, w).Customers), text)
			}
		}
	}

	list := decoded[struct {
		Customers []customer.Named
		Next      *string
	}](t, f.call("GET", "/v1/customers?limit=1", readKey, ""))
	require.NotNil(t, list.Next)
	assert.Equal(t, "a/b c", list.Customers[0].Customer)
	assert.Contains(t, f.call("GET", "/v1/customers?limit=1&cursor="+*list.Next, readKey, "").Body.String(), `"next":null`)

	assert.Equal(t, http.StatusNoContent, f.call("DELETE", path, supportKey, "").Code)
	assert.NotContains(t, f.call("GET", "/v1/requests/req_billing", readKey, "").Body.String(), "customer_name")
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", path, `{"name":""}`, 422}, {"PUT", path, `{"name":"a\nb"}`, 422}, {"PUT", path, `{"called":"x"}`, 422}, {"PUT", path, `{`, 400}, {"PUT", "/v1/customers/%FF/name", `{"name":"x"}`, 400},
		{"PUT", "/v1/customers/" + strings.Repeat("x", 201) + "/name", `{"name":"x"}`, 422}, {"DELETE", path, "", 404}, {"GET", "/v1/customers?cursor=!", "", 422}, {"GET", "/v1/customers?q=x", "", 422},
	} {
		assert.Equal(t, c.status, f.call(c.method, c.path, readKey, c.body).Code, "%s %s %s", c.method, c.path, c.body)
	}
}

func TestImportCustomers(t *testing.T) {
	f := newIssueFixture(t)
	w := f.call("POST", "/v1/customers/import?dry_run=true", adminKey, "customer,name\nacme,Acme Ltd\nglobex,Globex\n")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.JSONEq(t, `{"added":2,"changed":0,"same":0,"applied":false}`, w.Body.String())
	assert.Contains(t, f.call("GET", "/v1/customers", readKey, "").Body.String(), `"customers":[]`)
	w = f.call("POST", "/v1/customers/import", adminKey, "acme,Acme Ltd\nglobex,Globex\n")
	assert.JSONEq(t, `{"added":2,"changed":0,"same":0,"applied":true}`, w.Body.String())
	w = f.call("POST", "/v1/customers/import", adminKey, "acme,Acme GmbH\nglobex,Globex\n")
	assert.JSONEq(t, `{"added":0,"changed":1,"same":1,"applied":true}`, w.Body.String())

	w = f.call("POST", "/v1/customers/import", adminKey, "acme,Other\n,Nobody\nglobex,\n")
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	_, details := errorOf(t, w)
	assert.Len(t, details["mistakes"], 2)
	assert.Contains(t, w.Body.String(), "Line 2 of the file: customer must be the ID of a customer")
	assert.Contains(t, f.call("GET", "/v1/customers", readKey, "").Body.String(), "Acme GmbH", "nothing was changed")
	assert.Equal(t, http.StatusUnprocessableEntity, f.call("POST", "/v1/customers/import?dry_run=x", adminKey, "a,b\n").Code)
	assert.Equal(t, http.StatusForbidden, f.call("POST", "/v1/customers/import", readKey, "a,b\n").Code)
	assert.Equal(t, http.StatusForbidden, f.call("GET", "/v1/customers", supportKey, "").Code, "a list is for engineers")
	assert.Equal(t, http.StatusRequestEntityTooLarge, f.call("POST", "/v1/customers/import", adminKey, strings.Repeat("x", customer.MaxFile+1)).Code)
}
