package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/slo"
	"errata/internal/store"
)

type sloList struct {
	SLOs    []sloView
	Default defaultSLO
}

func TestSLOs(t *testing.T) {
	f := newIssueFixture(t)
	for _, minutes := range []time.Duration{10, 11} { // in the failure's hour, at least one of them
		require.NoError(t, f.store.CountRequests(t.Context(), []event.Requests{{Workspace: store.DefaultWorkspace, Minute: time.Now().Add(-minutes * time.Minute), N: 25, Source: event.TotalsRequests,
			Series: event.Series{Service: "billing", Method: "POST", Endpoint: "/v1/x"}}}))
	}
	empty := decode[sloList](t, f.get("/v1/slos"))
	assert.Empty(t, empty.SLOs, "the default is no objective that was set")
	assert.Equal(t, defaultSLO{slo.Default, 28}, empty.Default)

	put := func(key, body string) (int, sloView) {
		w := f.call(http.MethodPut, "/v1/slos", key, body)
		if w.Code != http.StatusOK {
			return w.Code, sloView{}
		}
		return w.Code, decode[sloView](t, w)
	}
	code, _ := put(readKey, `{"service":"billing","objective":99}`)
	assert.Equal(t, 403, code, "readers set nothing")
	code, set := put(adminKey, `{"service":" billing ","objective":90}`)
	require.Equal(t, 200, code)
	assert.Equal(t, "the admin key", set.UpdatedBy)
	assert.Equal(t, 28, set.WindowDays)
	require.NotNil(t, set.Budget)
	assert.InDelta(t, .8, set.Budget.Left, 1e-9, "1 of 50 failed, where 5 may")
	assert.Equal(t, []float64{1, 50}, []float64{set.Budget.Failures, set.Budget.Requests})
	require.NotNil(t, set.Hour)
	assert.InDelta(t, .2, set.Hour.Burn, 1e-9)
	assert.Empty(t, set.Why)
	code, again := put(adminKey, `{"service":"billing","objective":95,"window_days":7}`)
	require.Equal(t, 200, code)
	assert.Equal(t, set.ID, again.ID)
	assert.InDelta(t, .6, again.Budget.Left, 1e-9)
	_, of := put(adminKey, `{"service":"billing","method":"post","endpoint":"/v1/x","objective":99}`)
	assert.InDelta(t, -1, of.Budget.Left, 1e-9, "more than there was")

	// Without request totals nothing is made up.
	_, silent := put(adminKey, `{"service":"search","environment":"production","objective":99.9}`)
	assert.Nil(t, silent.Budget)
	assert.Nil(t, silent.Hour)
	assert.Nil(t, silent.SixHours)
	assert.Equal(t, "no request totals from search in production", silent.Why)
	_, silent = put(adminKey, `{"service":"auth","endpoint":"/v1/x","objective":99.9}`)
	assert.Equal(t, "no request totals for /v1/x from auth", silent.Why)

	list := decode[sloList](t, f.get("/v1/slos"))
	require.Len(t, list.SLOs, 4)
	assert.Equal(t, []string{"auth", "billing", "billing", "search"}, []string{list.SLOs[0].Service, list.SLOs[1].Service, list.SLOs[2].Service, list.SLOs[3].Service})
	assert.Equal(t, again.ID, list.SLOs[1].ID)
	assert.Len(t, decode[sloList](t, f.get("/v1/slos?service=billing")).SLOs, 2)
	assert.Len(t, decode[sloList](t, f.get("/v1/slos?environment=production")).SLOs, 1)

	assert.Equal(t, 403, f.call(http.MethodDelete, "/v1/slos/"+set.ID, readKey, "").Code)
	assert.Equal(t, 204, f.call(http.MethodDelete, "/v1/slos/"+set.ID, adminKey, "").Code)
	for _, id := range []string{set.ID, "nonsense"} {
		code, _ := errorOf(t, f.call(http.MethodDelete, "/v1/slos/"+id, adminKey, ""))
		assert.Equal(t, "slo_not_found", code)
	}
	assert.Len(t, decode[sloList](t, f.get("/v1/slos")).SLOs, 3)
}

func TestSLOsRefuseNonsense(t *testing.T) {
	f := newIssueFixture(t)
	for body, field := range map[string]string{
		`{"objective":99}`:                                      "service",
		`{"service":"a"}`:                                       "objective",
		`{"service":"a","objective":100}`:                       "objective",
		`{"service":"a","objective":0}`:                         "objective",
		`{"service":"a","objective":99.99999}`:                  "objective",
		`{"service":"a","objective":"99"}`:                      "objective",
		`{"service":"a","objective":99,"window_days":0}`:        "window_days",
		`{"service":"a","objective":99,"window_days":91}`:       "window_days",
		`{"service":"a","objective":99,"method":"GET"}`:         "method",
		`{"service":"a","objective":99,"environment":"\u0007"}`: "environment",
		`{"service":"a","objective":99,"target":99}`:            "target",
	} {
		w := f.call(http.MethodPut, "/v1/slos", adminKey, body)
		code, details := errorOf(t, w)
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}
	assert.Equal(t, 400, f.call(http.MethodPut, "/v1/slos", adminKey, `{`).Code)
	assert.Equal(t, 422, f.get("/v1/slos?endpoint=/x").Code)
}
