package otlp

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/tools/txtar"
)

// corpus gives the golden inputs of one signal.
func corpus(f *testing.F, signal string) [][]byte {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(f, err)
	var out [][]byte
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(f, err)
		for _, part := range archive.Files {
			if strings.HasSuffix(part.Name, "/in.json") && strings.Contains(string(part.Data), signal) {
				out = append(out, part.Data)
			}
		}
	}
	require.NotEmpty(f, out)
	return out
}

// sound holds for every input: items are neither invented nor mapped into
// something that the rest of Errata has no word for.
func sound(t *testing.T, res Result, items int) {
	assert.Equal(t, items, res.Items)
	assert.LessOrEqual(t, len(res.Envelopes)+len(res.Rejected), items)
	assert.LessOrEqual(t, len(res.Warnings), maxWarnings)
	for _, env := range res.Envelopes {
		assert.NotEmpty(t, env.Source)
		assert.NotEmpty(t, env.Role)
		assert.NotEmpty(t, env.Service)
		assert.LessOrEqual(t, len(env.Aliases), maxAliases)
		assert.LessOrEqual(t, len(env.Headers), maxHeaders)
		assert.True(t, env.Status == 0 || env.Status >= 100 && env.Status <= 599, "status %d", env.Status)
		assert.GreaterOrEqual(t, env.Weight, 0.0)
	}
	for _, r := range res.Rejected {
		assert.Less(t, r.Index, items)
	}
}

func FuzzTraces(f *testing.F) {
	for _, in := range corpus(f, "resourceSpans") {
		req := ptraceotlp.NewExportRequest()
		require.NoError(f, req.UnmarshalJSON(in))
		raw, err := req.MarshalProto()
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := ptraceotlp.NewExportRequest()
		if req.UnmarshalProto(raw) == nil {
			sound(t, Traces(req.Traces(), testOptions), req.Traces().SpanCount())
		}
	})
}

func FuzzTracesJSON(f *testing.F) {
	for _, in := range corpus(f, "resourceSpans") {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := ptraceotlp.NewExportRequest()
		if req.UnmarshalJSON(raw) == nil {
			sound(t, Traces(req.Traces(), testOptions), req.Traces().SpanCount())
		}
	})
}

func FuzzLogs(f *testing.F) {
	for _, in := range corpus(f, "resourceLogs") {
		req := plogotlp.NewExportRequest()
		require.NoError(f, req.UnmarshalJSON(in))
		raw, err := req.MarshalProto()
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := plogotlp.NewExportRequest()
		if req.UnmarshalProto(raw) == nil {
			sound(t, Logs(req.Logs(), testOptions), req.Logs().LogRecordCount())
		}
	})
}

func FuzzLogsJSON(f *testing.F) {
	for _, in := range corpus(f, "resourceLogs") {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := plogotlp.NewExportRequest()
		if req.UnmarshalJSON(raw) == nil {
			sound(t, Logs(req.Logs(), testOptions), req.Logs().LogRecordCount())
		}
	})
}
