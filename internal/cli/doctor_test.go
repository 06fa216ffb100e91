package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func doctor(t *testing.T, change func(*DoctorOptions)) (string, error) {
	t.Helper()
	s, server := newServer(t)
	collector, _, _ := newCollector(t, s, taken)
	port, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, port.Close()) })
	var out strings.Builder
	opt := DoctorOptions{
		Server: server.URL, Collector: collector.URL, GRPC: port.Addr().String(), IngestKey: "ingest", ReadKey: secret, Out: &out,
		Schema:        func(context.Context) (int64, int64, error) { return 3, 3, nil },
		DatabaseClock: func(context.Context) (time.Time, error) { return time.Now(), nil },
	}
	if change != nil {
		change(&opt)
	}
	err = Doctor(context.Background(), opt)
	return out.String(), err
}

func TestDoctorFindsNothing(t *testing.T) {
	out, err := doctor(t, nil)
	require.NoError(t, err, out)
	assert.Equal(t, 9, strings.Count(out, "✓"), out)
	assert.Contains(t, out, "It was read back")
	assert.Contains(t, out, "All is well.")
}

func TestDoctorFindsEachFault(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*DoctorOptions)
		want   string
	}{
		{"no API", func(o *DoctorOptions) { o.Server = "http://127.0.0.1:1" }, "errata serve"},
		{"no collector", func(o *DoctorOptions) { o.Collector = "http://127.0.0.1:1" }, "ERRATA_OTLP_HTTP_ADDR"},
		{"no gRPC", func(o *DoctorOptions) { o.GRPC = "127.0.0.1:1" }, "ERRATA_OTLP_GRPC_ADDR"},
		{"wrong read key", func(o *DoctorOptions) { o.ReadKey = "some-wrong-key-0123456789" }, "--scope read"},
		{"old schema", func(o *DoctorOptions) {
			o.Schema = func(context.Context) (int64, int64, error) { return 2, 3, nil }
		}, "errata migrate"},
		{"new schema", func(o *DoctorOptions) {
			o.Schema = func(context.Context) (int64, int64, error) { return 4, 3, nil }
		}, "newer"},
		{"no database", func(o *DoctorOptions) {
			o.Schema = func(context.Context) (int64, int64, error) { return 0, 0, errors.New("no\nroute") }
		}, "✗ Schema: no route"},
		{"late database", func(o *DoctorOptions) {
			o.DatabaseClock = func(context.Context) (time.Time, error) { return time.Now().Add(-time.Minute), nil }
		}, "1m0s off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := doctor(t, c.change)
			assert.Equal(t, 1, exitCode(t, err))
			assert.Contains(t, out, "✗")
			assert.Contains(t, out, c.want)
		})
	}
}

func TestDoctorSkipsWhatItWasNotGiven(t *testing.T) {
	out, err := doctor(t, func(o *DoctorOptions) { *o = DoctorOptions{Out: o.Out} })
	require.NoError(t, err)
	assert.NotContains(t, out, "✗")
	out, err = doctor(t, func(o *DoctorOptions) { o.IngestKey, o.ReadKey = "", "" })
	require.NoError(t, err)
	assert.Contains(t, out, "– Write and read back: no ingest key given")
}

func TestDoctorNoticesAWrongClock(t *testing.T) {
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	}))
	defer late.Close()
	out, err := doctor(t, func(o *DoctorOptions) { o.Server, o.ReadKey = late.URL, "" })
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, out, "Clock of the API server is 1h0m")
}

func TestDoctorLooksAtSecrets(t *testing.T) {
	for want, lie := range map[string]func() (int, []string, error){
		"– Channel secrets: there are none yet":                                   func() (int, []string, error) { return 0, nil, nil },
		"✓ Channel secrets are encrypted, with the key 3f9a1c02":                  func() (int, []string, error) { return 0, []string{"3f9a1c02"}, nil },
		"✗ 2 secrets of channels lie in the database unencrypted":                 func() (int, []string, error) { return 2, []string{"3f9a1c02"}, nil },
		"✗ Channel secrets are encrypted with several keys: 3f9a1c02, 77aa0011\n": func() (int, []string, error) { return 0, []string{"3f9a1c02", "77aa0011"}, nil },
		"✗ Channel secrets: away":                                                 func() (int, []string, error) { return 0, nil, errors.New("away") },
	} {
		out, err := doctor(t, func(o *DoctorOptions) { o.Secrets = func(context.Context) (int, []string, error) { return lie() } })
		assert.Contains(t, out, want)
		assert.Equal(t, strings.HasPrefix(want, "✗"), err != nil)
	}
}
