package otlp

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/tools/txtar"

	"errata/internal/event"
)

var update = flag.Bool("update", false, "rewrite the expected envelopes in testdata")

// testOptions are those of all golden cases.
var testOptions = Options{
	RequestIDKeys: []string{"acme.ticket"}, CustomerKeys: []string{"acme.account"}, DefaultEnvironment: "staging",
}

// Each file of testdata is named after the row of the table that it is about,
// and holds pairs <case>/in.json, <case>/want.json.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for i := range archive.Files {
			name, ok := strings.CutSuffix(archive.Files[i].Name, "/in.json")
			if !ok {
				continue
			}
			t.Run(rowOf(file)+"/"+name, func(t *testing.T) {
				require.Less(t, i+1, len(archive.Files), "want.json is missing; run with -update")
				want := &archive.Files[i+1]
				require.Equal(t, name+"/want.json", want.Name)
				got := asJSON(t, mapped(t, archive.Files[i].Data))
				if *update {
					want.Data = got
				}
				assert.Equal(t, string(want.Data), string(got))
			})
		}
		if *update {
			require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o600))
		}
	}
}

func rowOf(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".txtar")
}

func TestEveryRowHasAGoldenCase(t *testing.T) {
	for _, r := range table(Options{}) {
		archive, err := txtar.ParseFile("testdata/" + r.field + ".txtar")
		if assert.NoError(t, err, "row %s", r.field) {
			assert.NotEmpty(t, archive.Files, "row %s", r.field)
		}
	}
}

// Every key that a row names occurs in that row's own cases, so that no key
// can be misspelt unnoticed.
func TestEveryKeyHasAGoldenCase(t *testing.T) {
	for _, r := range table(testOptions) {
		data, err := os.ReadFile("testdata/" + r.field + ".txtar")
		require.NoError(t, err)
		for _, src := range r.from {
			for _, key := range append(src.keys, src.uses...) {
				assert.Contains(t, string(data), `"`+key+`"`, "row %s", r.field)
			}
		}
	}
}

// mapped runs OTLP JSON of either signal through the mapper.
func mapped(t testing.TB, in []byte) Result {
	if bytes.Contains(in, []byte(`"resourceLogs"`)) {
		req := plogotlp.NewExportRequest()
		require.NoError(t, req.UnmarshalJSON(in))
		return Logs(req.Logs(), testOptions)
	}
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalJSON(in))
	return Traces(req.Traces(), testOptions)
}

// asJSON writes what was filled of each Envelope, and the rest of the Result
// if there is any.
func asJSON(t testing.TB, res Result) []byte {
	out := map[string]any{"envelopes": []any{}}
	for _, env := range res.Envelopes {
		out["envelopes"] = append(out["envelopes"].([]any), filled(env))
	}
	if len(res.Rejected) > 0 {
		out["rejected"] = res.Rejected
	}
	if len(res.Warnings) > 0 {
		out["warnings"] = res.Warnings
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(out))
	return b.Bytes()
}

func filled(env event.Envelope) map[string]any {
	out := map[string]any{}
	v := reflect.ValueOf(env)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			out[v.Type().Field(i).Name] = f.Interface()
		}
	}
	if env.Body != nil {
		out["Body"] = string(env.Body)
	}
	return out
}
