package linkout_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/linkout"
)

var at = time.UnixMilli(1795183355000).UTC()

func failure() event.Event {
	return event.Event{ID: "e1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", RequestID: "req_1", Service: "prompts api/ü", Customer: "acme", Release: "2026.11.20-3", OccurredAt: at}
}

func fill(t *testing.T, template string, e event.Event) linkout.Link {
	t.Helper()
	list, err := linkout.Check([]linkout.Template{{Name: "x", URL: template}})
	require.NoError(t, err, template)
	trail := event.NewTrail(e.RequestID, []event.Event{e})
	return linkout.Fill(list, &trail, &e)[0]
}

func TestPresets(t *testing.T) {
	_, err := linkout.Check(linkout.Presets)
	require.NoError(t, err)
	for _, p := range linkout.Presets {
		link := fill(t, p.URL, failure())
		u, err := url.Parse(link.URL)
		require.NoError(t, err, p.Name)
		assert.Equal(t, "https", u.Scheme)
		assert.NotContains(t, link.URL, "{", p.Name)
		if panes := u.Query().Get("panes"); strings.Contains(u.Host, "grafana") {
			var doc map[string]struct {
				Queries []map[string]string
				Range   map[string]string
			}
			require.NoError(t, json.Unmarshal([]byte(panes), &doc), panes)
			assert.Equal(t, "1795183055000", doc["a"].Range["from"])
			assert.Equal(t, "1795183655000", doc["a"].Range["to"])
			if p.Name == "Loki" {
				assert.Equal(t, `{service_name="prompts api/ü"} |= "4bf92f3577b34da6a3ce929d0e0e4736"`, doc["a"].Queries[0]["expr"])
			} else {
				assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", doc["a"].Queries[0]["query"])
			}
		} else {
			assert.True(t, strings.HasSuffix(u.Path, "/trace/4bf92f3577b34da6a3ce929d0e0e4736"), link.URL)
		}
	}
}

// Whatever services and callers send: it stays one value in the place that it has.
func TestValuesCannotBreakOut(t *testing.T) {
	const template = "https://logs.example.com/s/{service}?q={request_id}&c={customer_id}&v={version}#{span_id}"
	for _, evil := range []string{"a&b=c", "../..", "//evil.test", "x#y", "a b+c", "%2e%2e", "javascript:alert(1)", "<script>", "a/b?c", "@evil.test", "ü", "'"} {
		e := failure()
		e.Service, e.RequestID, e.Customer, e.Release = evil, evil, evil, evil
		u, err := url.Parse(fill(t, template, e).URL)
		require.NoError(t, err, evil)
		assert.Equal(t, "logs.example.com", u.Host, evil)
		assert.Equal(t, "/s/"+evil, u.Path, evil)
		assert.Equal(t, url.Values{"q": {evil}, "c": {evil}, "v": {evil}}, u.Query(), evil)
		assert.Equal(t, "00f067aa0ba902b7", u.Fragment)
	}
	for _, evil := range []string{`" or 1=1`, `a\`, "a`b", "a\nb", "a\x00", "\xff"} {
		e := failure()
		e.Customer = evil
		assert.Equal(t, linkout.Link{Name: "x", Missing: "customer_id"}, fill(t, template, e), "%q", evil)
	}
}

func TestWhatIsMissing(t *testing.T) {
	e := failure()
	e.SpanID = ""
	assert.Equal(t, linkout.Link{Name: "x", Missing: "span_id"}, fill(t, "https://a.example/{trace_id}/{span_id}", e))
	e.TraceID = ""
	assert.Equal(t, "trace_id", fill(t, "https://a.example/{trace_id}", e).Missing)
	other := failure()
	other.ID, other.RequestID = "e2", ""
	trail := event.NewTrail("req_1", []event.Event{e, other})
	links := linkout.Fill([]linkout.Template{{Name: "x", URL: "https://a.example/{trace_id}?r={request_id}"}}, &trail, &e)
	assert.Equal(t, "https://a.example/4bf92f3577b34da6a3ce929d0e0e4736?r=req_1", links[0].URL, "its Trail knows the trace")
	assert.Empty(t, linkout.Fill([]linkout.Template{{Name: "x", URL: "javascript:alert(1)"}}, &trail, &e)[0].URL, "however it came to be stored")
}

func TestCheck(t *testing.T) {
	for template, why := range map[string]string{
		"": "must be an address", "jaeger/{trace_id}": "must begin with https://", "http://jaeger.example.com/{trace_id}": "must begin with https://", "javascript:alert(1)": "must begin with https://",
		"javascript://x/%0aalert(1)": "must begin with https://", "ftp://a.example/": "must begin with https://", "https://{service}.example.com/": "name its host", "https://a.example{service}/": "name its host",
		"https://user:pass@a.example/": "name its host", "https://a.example\\@b/": "name its host", "https:///x": "not an address", "https://a.example/{trace}": "{trace}, which is no field", "https://a.example/{Trace_ID}": "which is no field",
		"https://a.example/%zz": "not an address", "https://a.example/\n": "", "https://a.example/a\nb": "must be an address", "https://a.example:x/": "not an address", "https://a.example/" + strings.Repeat("a", 2000): "at most 2000 bytes",
		"http://127.0.0.1.evil.test/": "must begin with https://",
	} {
		_, err := linkout.Check([]linkout.Template{{Name: "x", URL: template}})
		if why == "" {
			assert.NoError(t, err, template)
			continue
		}
		require.Error(t, err, template)
		assert.Contains(t, fault.Of(err).Message, why, template)
		assert.Equal(t, "links[0].url", fault.Of(err).Details["field"])
	}
	for _, ok := range []string{"http://localhost:16686/trace/{trace_id}", "http://127.0.0.1/x", "http://[::1]:3000/x", "https://a.example?q={request_id}", `https://a.example/?p={"a":"{trace_id}"}`} {
		_, err := linkout.Check([]linkout.Template{{Name: "x", URL: ok}})
		assert.NoError(t, err, ok)
	}
	for field, list := range map[string][]linkout.Template{
		"links[0].name": {{URL: "https://a.example/"}}, "links[1].name": {{Name: "a", URL: "https://a.example/"}, {Name: " A ", URL: "https://a.example/"}}, "links": make([]linkout.Template, linkout.MaxTemplates+1),
	} {
		_, err := linkout.Check(list)
		require.Error(t, err, field)
		assert.Equal(t, field, fault.Of(err).Details["field"])
	}
}
