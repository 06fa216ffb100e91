package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lookupIn(t *testing.T, stdin string, change func(*LookupOptions), ids ...string) (string, error) {
	t.Helper()
	_, server := newServer(t)
	var out strings.Builder
	opt := LookupOptions{
		Server: server.URL, Key: secret, IDs: ids, In: strings.NewReader(stdin), Out: &out,
		Now: func() time.Time { return noon.Add(3*time.Hour + 30*time.Minute) },
	}
	if change != nil {
		change(&opt)
	}
	err := Lookup(context.Background(), opt)
	return out.String(), err
}

func TestLookupTellsTheStory(t *testing.T) {
	out, err := lookupIn(t, "", nil, "req_abc123xyz")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(out, "429 rate_limit_exceeded POST /v1/charges\n"), out)
	for _, want := range []string{
		"2026-11-20 12:00:00.010 UTC (3 h ago)", "acme", "What helps:", "4bf92f3577b34da6a3ce929d0e0e4736", "Retry: ",
		"Attempts: This was attempt 2 of 2 in 4 s; the customer waited 4 s where 45 s were asked for.",
		"Timeline:", "502 provider_error", "via openai overloaded", "← root cause", "+10 ms",
	} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "\x1b", "neither our colours nor the sender's")
}

func TestLookupBySupport(t *testing.T) {
	support := func(o *LookupOptions) { o.Key = supportSecret }
	out, err := lookupIn(t, "", support, "req_abc123xyz")
	require.NoError(t, err)
	for _, want := range []string{"429 rate_limit_exceeded POST /v1/charges\n", "2026-11-20 12:00:00.010 UTC (3 h ago)", "acme", "What helps:", "Retry: ", "The failure began in billing, in a call that it made to openai: 502 provider_error."} {
		assert.Contains(t, out, want)
	}
	for _, gone := range []string{"Timeline:", "4bf92f3577b34da6a3ce929d0e0e4736", "root cause", "+10 ms", "requests\n"} {
		assert.NotContains(t, out, gone)
	}
	out, err = lookupIn(t, "we got req_abc123xyz and req_abcI23xyz", support, "-")
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, out, "Did you mean req_abc123xyz ?")
}

func TestLookupInColour(t *testing.T) {
	out, err := lookupIn(t, "", func(o *LookupOptions) { o.Color = true }, "req_abc123xyz")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(out, "\x1b[1m429 rate_limit_exceeded"), out)
	assert.NotContains(t, out, "\x1b[31mrequests")
}

func TestLookupNotFound(t *testing.T) {
	out, err := lookupIn(t, "", nil, "req_abcI23xyz", "req_rejected1", "req_abc123xyz")
	assert.Equal(t, 1, exitCode(t, err))
	assert.EqualError(t, err, "2 not found.")
	assert.Contains(t, out, "No failure with this ID has been reported within 30 days.")
	assert.Contains(t, out, "Did you mean req_abc123xyz ?")
	assert.Contains(t, out, "was rejected")
	assert.Contains(t, out, "  production: newest failure 2026-11-20 14:00:00 UTC; a failure is known after 1.5 s")
	assert.Contains(t, out, "  no environment: newest failure 2026-11-20 13:00:00 UTC\n")
	assert.Contains(t, out, "429 rate_limit_exceeded", "what is there is shown all the same")
}

func TestLookupOfText(t *testing.T) {
	out, err := lookupIn(t, "Hello,\nwe got req_abc123xyz and req_abcI23xyz today", nil, "-")
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, out, "429 rate_limit_exceeded")
	assert.Contains(t, out, "Did you mean req_abc123xyz ?")

	out, err = lookupIn(t, "", nil, "X-Request-Id: req_abc123xyz")
	require.NoError(t, err)
	assert.Contains(t, out, "429 rate_limit_exceeded")

	out, err = lookupIn(t, "good morning", nil, "-")
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, out, "nothing in this text")

	_, err = lookupIn(t, strings.Repeat("x", maxPaste+1), nil, "-")
	assert.ErrorContains(t, err, "256 KiB")
}

// What a customer is called is found where no failure has that ID.
func TestLookupOfACustomer(t *testing.T) {
	const told = "Acme Ltd is customer acme: http"
	for _, asked := range []string{"acme", "acme LTD"} {
		out, err := lookupIn(t, "", nil, asked)
		require.NoError(t, err, "something was found")
		assert.True(t, strings.HasPrefix(out, told), out)
		assert.True(t, strings.HasSuffix(out, "/customers/acme\n"), out)

		out, err = lookupIn(t, "", func(o *LookupOptions) { o.JSON = true }, asked)
		require.NoError(t, err)
		assert.Contains(t, out, `"customers":[{"customer":"acme","name":"Acme Ltd"}]`)
		var said strings.Builder
		out, err = lookupIn(t, "", func(o *LookupOptions) { o.CSV, o.Err = true, &said }, asked)
		require.NoError(t, err)
		assert.Equal(t, "Acme Ltd is customer acme.\n", said.String())
		assert.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 1, "it is no row")
	}
	out, err := lookupIn(t, "", nil, "req_abc123xyz", "Acme Ltd", "Acme Limited")
	assert.EqualError(t, err, "1 not found.")
	assert.Contains(t, out, told)
	assert.Contains(t, out, "429 rate_limit_exceeded")
}

// Many IDs are a table, and the same for spreadsheets.
func TestLookupOfMany(t *testing.T) {
	list := "req_abc123xyz\nreq_rejected1\nreq_none0001\nreq_none0002\nreq_none0003\nreq_none0004\n"
	out, err := lookupIn(t, list, nil, "-")
	assert.Equal(t, 1, exitCode(t, err))
	assert.EqualError(t, err, "5 not found.")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 7)
	assert.Regexp(t, `^ID +TIME \(UTC\) +SERVICE +STATUS +CODE +FAMILY +VERDICT$`, lines[0])
	assert.Regexp(t, `^req_abc123xyz +2026-11-20 12:00:00 +\S+ +429 +rate_limit_exceeded +limits +The customer `, lines[1])
	assert.Regexp(t, `^req_rejected1 +not found: its report was rejected$`, lines[2])

	out, err = lookupIn(t, list, func(o *LookupOptions) { o.CSV = true }, "-")
	assert.Equal(t, 1, exitCode(t, err))
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 7)
	assert.Equal(t, []string{"req_abc123xyz", "yes", "2026-11-20T12:00:00.01Z"}, records[1][:3])
	assert.Equal(t, []string{"req_none0004", "no"}, records[6][:2])

	out, err = lookupIn(t, "", func(o *LookupOptions) { o.Table = true }, "req_abc123xyz")
	require.NoError(t, err)
	assert.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 2)

	var said strings.Builder
	out, err = lookupIn(t, "req_abc123xyz with sk_live_51Habc9Zz0QkX7Lm3", func(o *LookupOptions) { o.CSV, o.Err = true, &said }, "-")
	require.NoError(t, err)
	assert.Contains(t, said.String(), "sk_live_…7Lm3")
	assert.NotContains(t, out+said.String(), "51Habc9")
}

func TestLookupAsJSON(t *testing.T) {
	out, err := lookupIn(t, "req_abc123xyz", func(o *LookupOptions) { o.JSON = true }, "req_abc123xyz", "req_none0000", "-")
	assert.Equal(t, 1, exitCode(t, err))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 3)
	for i, field := range []string{"request_id", "error", "trails"} {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &v))
		assert.Contains(t, v, field)
	}
}

func TestLookupErrorsAreOneLine(t *testing.T) {
	_, err := lookupIn(t, "", func(o *LookupOptions) { o.Key = "" }, "x")
	assert.ErrorContains(t, err, "401 unauthorized: No API key.")

	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err = lookupIn(t, "", func(o *LookupOptions) { o.Server = gone.URL }, "x")
	assert.EqualError(t, err, "Cannot reach "+gone.URL+": nothing listens there. Is Errata running, and is this the right address?")
	assert.Equal(t, 2, exitCode(t, err))

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write([]byte("<html>welcome to nginx"))
		assert.NoError(t, err)
	}))
	defer other.Close()
	_, err = lookupIn(t, "", func(o *LookupOptions) { o.Server = strings.TrimPrefix(other.URL, "http://") }, "x")
	assert.ErrorContains(t, err, "did not answer as Errata does")
	assert.NotContains(t, err.Error(), "\n")

	_, err = lookupIn(t, "", nil)
	assert.ErrorContains(t, err, "Name an ID")
}
