package otlp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"golang.org/x/tools/txtar"

	"errata/internal/event"
)

// Each file of testdata/metrics is about one metric, or about what is no use,
// and holds pairs <case>/in.json, <case>/want.txt.
func TestGoldenMetrics(t *testing.T) {
	files, err := filepath.Glob("testdata/metrics/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for i := 0; i+1 < len(archive.Files); i += 2 {
			name, _ := strings.CutSuffix(archive.Files[i].Name, "/in.json")
			t.Run(rowOf(file)+"/"+name, func(t *testing.T) {
				want := &archive.Files[i+1]
				require.Equal(t, name+"/want.txt", want.Name)
				got := metricsText(Metrics(metricsOf(t, archive.Files[i].Data).Metrics(), Options{DefaultEnvironment: "staging"}))
				if *update {
					want.Data = []byte(got)
				}
				assert.Equal(t, string(want.Data), got)
			})
		}
		if *update {
			require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o600))
		}
	}
}

func TestEveryInstrumentHasAGoldenCase(t *testing.T) {
	files, err := filepath.Glob("testdata/metrics/*.txtar")
	require.NoError(t, err)
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(data)
	}
	for name := range instruments {
		assert.Contains(t, all.String(), `"name": "`+name+`"`)
	}
}

func metricsOf(t testing.TB, in []byte) pmetricotlp.ExportRequest {
	t.Helper()
	req := pmetricotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalJSON(in))
	return req
}

// metricsText writes a result, a line for each point.
func metricsText(res MetricsResult) string {
	var b strings.Builder
	for _, p := range res.Points {
		kind := "delta"
		if p.Cumulative {
			kind = "cumulative"
		}
		since := "?"
		if p.Start != 0 {
			since = time.Unix(0, int64(p.Start)).UTC().Format("15:04:05") //nolint:gosec // a test
		}
		fmt.Fprintf(&b, "%d %s %s/%s %q %q %d: %s %g from %s to %s\n", p.Index, p.Metric, p.Service, p.Environment, p.Method, p.Endpoint, p.Status,
			kind, p.N, since, p.Minute.Format("15:04:05.0"))
	}
	for _, r := range res.Rejected {
		fmt.Fprintf(&b, "rejected: %d %s: %s\n", r.Index, r.Metric, r.Reason)
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	fmt.Fprintf(&b, "%d seen\n", res.Items)
	return b.String()
}

const deltaPoint = `{"resourceMetrics": [{"resource": {"attributes": [
 {"key": "service.name", "value": {"stringValue": "billing"}}, {"key": "service.instance.id", "value": {"stringValue": %q}}]},
 "scopeMetrics": [{"metrics": [{"name": "http.server.request.duration", "histogram": {"aggregationTemporality": 1, "dataPoints": [
 {"timeUnixNano": "%d", "startTimeUnixNano": "1", "count": "%d", "attributes": [%s]}]}}]}]}]}`

// Key and Stream say what is the same, whatever the order of attributes.
func TestPointsAreIdentified(t *testing.T) {
	const a, b = `{"key": "http.route", "value": {"stringValue": "/a"}}`, `{"key": "server.address", "value": {"arrayValue": {"values": [{"boolValue": true}, {"kvlistValue": {"values": [{"key": "x", "value": {"bytesValue": "AQI="}}]}}]}}}`
	point := func(instance string, at, count int, attrs string) Point {
		res := Metrics(metricsOf(t, fmt.Appendf(nil, deltaPoint, instance, at, count, attrs)).Metrics(), Options{})
		require.Len(t, res.Points, 1)
		return res.Points[0]
	}
	first := point("i-1", 5, 3, a+","+b)
	assert.Equal(t, first, point("i-1", 5, 3, b+","+a))
	for name, other := range map[string]Point{
		"time": point("i-1", 6, 3, a+","+b), "count": point("i-1", 5, 4, a+","+b), "instance": point("i-2", 5, 3, a+","+b), "attributes": point("i-1", 5, 3, a),
	} {
		assert.NotEqual(t, first.Key, other.Key, name)
		assert.Equal(t, name == "time" || name == "count", first.Stream == other.Stream, name)
		assert.Equal(t, name != "instance", first.Group == other.Group, name)
	}
}

func TestTooManyPoints(t *testing.T) {
	req := metricsOf(t, fmt.Appendf(nil, deltaPoint, "i", 5, 1, ""))
	points := req.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints()
	for range maxPoints {
		points.At(0).CopyTo(points.AppendEmpty())
	}
	res := Metrics(req.Metrics(), Options{})
	assert.Len(t, res.Points, maxPoints)
	require.Len(t, res.Rejected, 1)
	assert.Contains(t, res.Rejected[0].Reason, "more than")
}

// soundMetrics holds for every input.
func soundMetrics(t *testing.T, req pmetricotlp.ExportRequest) {
	items := req.Metrics().DataPointCount()
	res := Metrics(req.Metrics(), testOptions)
	assert.Equal(t, items, res.Items)
	assert.LessOrEqual(t, len(res.Points)+len(res.Rejected), items)
	assert.LessOrEqual(t, len(res.Warnings), maxWarnings)
	tracker := NewTracker(time.Unix(0, 0), 2)
	for range 2 {
		advance := tracker.Advance()
		for i := range res.Points {
			p := &res.Points[i]
			assert.True(t, p.N >= 0 && p.N <= maxCount, "%g", p.N)
			assert.NotEmpty(t, p.Service)
			assert.True(t, p.Status == 0 || p.Status >= 100 && p.Status <= 599, "status %d", p.Status)
			assert.NotEqual(t, event.RequestSource(0), p.Source)
			n := advance.Count(1, p)
			assert.True(t, n >= 0 && n <= p.N, "%g of %g", n, p.N)
		}
		advance.Commit(time.Unix(1, 0))
	}
	assert.LessOrEqual(t, len(tracker.young), 2)
	assert.LessOrEqual(t, len(tracker.groups), 2)
}

func metricsCorpus(f *testing.F) [][]byte {
	files, err := filepath.Glob("testdata/metrics/*.txtar")
	require.NoError(f, err)
	var out [][]byte
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(f, err)
		for _, part := range archive.Files {
			if strings.HasSuffix(part.Name, "/in.json") {
				out = append(out, part.Data)
			}
		}
	}
	require.NotEmpty(f, out)
	return out
}

func FuzzMetrics(f *testing.F) {
	for _, in := range metricsCorpus(f) {
		raw, err := metricsOf(f, in).MarshalProto()
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := pmetricotlp.NewExportRequest()
		if req.UnmarshalProto(raw) == nil {
			soundMetrics(t, req)
		}
	})
}

func FuzzMetricsJSON(f *testing.F) {
	for _, in := range metricsCorpus(f) {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := pmetricotlp.NewExportRequest()
		if req.UnmarshalJSON(raw) == nil {
			soundMetrics(t, req)
		}
	})
}
