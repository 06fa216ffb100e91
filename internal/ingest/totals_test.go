package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
)

func totalRows(n int) []event.Requests {
	rows := make([]event.Requests, n)
	for i := range rows {
		rows[i] = event.Requests{Source: event.TotalsRequests, N: float64(i)}
	}
	return rows
}

func (b *bench) totals(t *testing.T, body string) (int, totalsAnswer) {
	t.Helper()
	res, raw := b.send(t, "/v1/totals", []byte(body))
	var a totalsAnswer
	if res.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal([]byte(raw), &a), raw)
	}
	return res.StatusCode, a
}

func TestTotals(t *testing.T) {
	b := serve(t)
	minute := time.Now().UTC().Truncate(time.Minute)
	status, a := b.totals(t, fmt.Sprintf(`{"service":"billing","environment":"production","minutes":[
	  {"minute":%q,"method":"POST","endpoint":"/v1/charges?x=1","requests":5282},
	  {"minute":%d,"requests":0}]}`, minute.Add(30*time.Second).Format(time.RFC3339), minute.Unix()))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, totalsAnswer{Accepted: 2, Rejected: []refusal{}}, a)
	require.Len(t, b.requests, 2)
	assert.Equal(t, minute, b.requests[0].Minute, "reduced to the minute")
	assert.Equal(t, []string{"7 billing/production POST /v1/charges 0 totals 5282", "7 billing/production   0 totals 0"}, b.counted())

	status, a = b.totals(t, `{"service":"billing","minutes":[]}`)
	assert.Equal(t, http.StatusOK, status)
	assert.Zero(t, a.Accepted)

	b.failCount = func() error { return fault.New(fault.Unavailable, "service_unavailable", "away") }
	status, _ = b.totals(t, fmt.Sprintf(`{"service":"billing","minutes":[{"minute":%d,"requests":1}]}`, minute.Unix()))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	res, _ := b.send(t, "/v1/totals", []byte(`{}`), "x-api-key", readKey)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	res, _ = b.send(t, "/v1/totals", []byte(`{}`), "Content-Type", "application/x-ndjson")
	assert.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
}

func TestTotalsSayWhatIsWrongWithAMinute(t *testing.T) {
	b := serve(t)
	now := time.Now().UTC().Format(time.RFC3339)
	good := fmt.Sprintf(`{"minute":%q,"requests":1}`, now)
	for name, c := range map[string]struct{ minute, code, field string }{
		"no object":       {`5`, "validation_failed", "minutes"},
		"null":            {`null`, "validation_failed", "minutes"},
		"no minute":       {`{"requests":1}`, "validation_failed", "minute"},
		"no time":         {`{"minute":"noon","requests":1}`, "validation_failed", "minute"},
		"too old":         {`{"minute":"2001-01-01T00:00:00Z","requests":1}`, "expired_on_arrival", "minute"},
		"too early":       {`{"minute":"2199-01-01T00:00:00Z","requests":1}`, "occurred_at_out_of_range", "minute"},
		"no requests":     {fmt.Sprintf(`{"minute":%q}`, now), "validation_failed", "requests"},
		"negative":        {fmt.Sprintf(`{"minute":%q,"requests":-1}`, now), "validation_failed", "requests"},
		"a fraction":      {fmt.Sprintf(`{"minute":%q,"requests":1.5}`, now), "validation_failed", "requests"},
		"text":            {fmt.Sprintf(`{"minute":%q,"requests":"1"}`, now), "validation_failed", "requests"},
		"too many":        {fmt.Sprintf(`{"minute":%q,"requests":9007199254740993}`, now), "validation_failed", "requests"},
		"endpoint a list": {fmt.Sprintf(`{"minute":%q,"requests":1,"endpoint":[]}`, now), "validation_failed", "endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			status, a := b.totals(t, `{"service":"billing","minutes":[`+good+`,`+c.minute+`,`+good+`]}`)
			require.Equal(t, http.StatusOK, status)
			assert.Equal(t, 2, a.Accepted)
			require.Len(t, a.Rejected, 1)
			assert.Equal(t, 1, a.Rejected[0].Index)
			assert.Equal(t, c.code, a.Rejected[0].Error.Code)
			assert.Equal(t, c.field, a.Rejected[0].Error.Details["field"])
			assert.NotEmpty(t, a.Rejected[0].Error.Message)
		})
	}
}

func TestTotalsSayWhatIsWrongWithTheBody(t *testing.T) {
	b := serve(t)
	many := `{"service":"billing","minutes":[` + strings.TrimSuffix(strings.Repeat(`{},`, maxMinutes+1), ",") + `]}`
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"empty":      {"", 400, "empty"},
		"broken":     {`{"service":`, 400, "not valid JSON"},
		"deep":       {strings.Repeat("[", 5000), 400, "nests deeper"},
		"a list":     {`[]`, 422, "must be a JSON object"},
		"null":       {`null`, 422, "must be a JSON object"},
		"no service": {`{"minutes":[]}`, 422, `"field":"service"`},
		"no minutes": {`{"service":"billing"}`, 422, `"field":"minutes"`},
		"an object":  {`{"service":"billing","minutes":{}}`, 422, `"field":"minutes"`},
		"bad env":    {`{"service":"billing","environment":{},"minutes":[]}`, 422, `"field":"environment"`},
		"many":       {many, 413, `"limit":10000`},
		"large":      {strings.Repeat(" ", maxTotalsBody+1), 413, "limit_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := b.send(t, "/v1/totals", []byte(c.body))
			assert.Equal(t, c.status, res.StatusCode)
			assert.Contains(t, body, c.says)
		})
	}
	assert.Empty(t, b.counted())
}

func FuzzTotals(f *testing.F) {
	for _, seed := range []string{
		`{"service":"billing","environment":"production","minutes":[{"minute":"2026-11-20T14:02:00Z","method":"POST","endpoint":"/v1/charges","requests":5282}]}`,
		`{"service":"billing","minutes":[{"minute":1700000000,"requests":0},{"minute":1700000000000,"requests":9007199254740992}]}`,
		`{"service":7,"minutes":[null,{},[],{"minute":"x"},{"requests":-1}]}`, `{"service":"b","minutes":null}`, `[]`, ``, `{"service":"\u0000","minutes":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := decodeTotals(body)
		if err != nil {
			k := fault.Of(err).Kind
			assert.True(t, k == fault.Invalid || k == fault.Unprocessable || k == fault.TooLarge, "%v", err)
			return
		}
		assert.LessOrEqual(t, len(items), maxMinutes)
		for _, it := range items {
			if it.err != nil {
				assert.NotEmpty(t, fault.Of(it.err).Details["field"])
				continue
			}
			assert.NotEmpty(t, it.row.Service)
			assert.False(t, it.row.Minute.IsZero())
			assert.True(t, it.row.N >= 0 && it.row.N <= maxRequests, "%g", it.row.N)
		}
	})
}
