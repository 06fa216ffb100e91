package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	rpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/identity"
)

// connect serves gRPC on loopback, as the program does, and connects to it.
func (b *bench) connect(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, _ := b.connectTo(t)
	return conn
}

func (b *bench) connectTo(t *testing.T) (*grpc.ClientConn, *http.Server) {
	t.Helper()
	srv := httptest.NewUnstartedServer(b.GRPC())
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	conn, err := grpc.NewClient(srv.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return conn, srv.Config
}

// asSender is a context with a key.
func asSender(t *testing.T) context.Context {
	return metadata.NewOutgoingContext(t.Context(), metadata.Pairs("x-api-key", ingestKey))
}

// requireRetry finds a RetryInfo that no exporter takes for "drop it".
func requireRetry(t *testing.T, err error) {
	t.Helper()
	require.Len(t, status.Convert(err).Details(), 1, "%v", err)
	info, ok := status.Convert(err).Details()[0].(*errdetails.RetryInfo)
	require.True(t, ok)
	assert.LessOrEqual(t, info.GetRetryDelay().AsDuration(), 3*time.Second)
	assert.GreaterOrEqual(t, info.GetRetryDelay().AsDuration(), time.Second)
}

func TestOTLPOverGRPC(t *testing.T) {
	b := serve(t)
	client := ptraceotlp.NewGRPCClient(b.connect(t))
	for _, md := range []metadata.MD{metadata.Pairs("authorization", "Bearer "+ingestKey), metadata.Pairs("x-api-key", ingestKey)} {
		_, err := client.Export(metadata.NewOutgoingContext(t.Context(), md), failedSpans(500))
		require.NoError(t, err)
		assert.Equal(t, int32(7), b.parts[len(b.parts)-1].Workspace)
	}
	_, err := client.Export(t.Context(), failedSpans(500))
	assert.Equal(t, codes.Unauthenticated, status.Code(err))
	_, err = client.Export(metadata.NewOutgoingContext(t.Context(), metadata.Pairs("x-api-key", readKey)), failedSpans(500))
	assert.Equal(t, codes.PermissionDenied, status.Code(err))
}

func TestGRPCSaysWhenToRetry(t *testing.T) {
	b := serve(t)
	client := ptraceotlp.NewGRPCClient(b.connect(t))
	ctx := asSender(t)
	b.fail = func([]identity.Part) error { return fault.New(fault.Unavailable, "service_unavailable", "away") }
	_, err := client.Export(ctx, failedSpans(500))
	require.Equal(t, codes.Unavailable, status.Code(err))
	requireRetry(t, err)
}

func TestPanicInGRPCIsCaught(t *testing.T) {
	b := serve(t)
	method := b.answerRPC(func(context.Context, int32, []byte, bool) ([]byte, error) { panic("boom") })
	_, err := method(nil, context.WithValue(t.Context(), callKey{}, call{}), nil, nil)
	assert.Equal(t, codes.Internal, status.Code(err))
	_, err = b.takeOTLP(t.Context(), 7, nil) // calling nil panics
	assert.True(t, fault.Is(err, fault.Invalid))
}

// largeSpans is a request of about that many bytes.
func largeSpans(bytes int) ptraceotlp.ExportRequest {
	req := failedSpans(500)
	req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("padding", strings.Repeat("x", bytes))
	return req
}

// What is read over gRPC is held within the budget that HTTP has: what does
// not fit is told to come again, compressed or not, over either; and all of it
// comes back.
func TestGRPCIsWithinTheBudget(t *testing.T) {
	const budget, each = 8 << 20, 1 << 20 // of text, which is there twice: as it was sent, and decoded
	entered, release := make(chan struct{}, 10), make(chan struct{})
	b := serve(t, func(d *Deps) {
		d.MaxInflight, d.Writers, d.Keys, d.Sink = budget, 8, keysByName(), gate{entered, release}
	})
	client := ptraceotlp.NewGRPCClient(b.connect(t))
	as := func(key string) context.Context {
		return metadata.NewOutgoingContext(t.Context(), metadata.Pairs("x-api-key", key))
	}
	var wg sync.WaitGroup
	export := func(key string, opt ...grpc.CallOption) {
		wg.Go(func() {
			_, err := client.Export(as(key), largeSpans(each-each/8), opt...)
			assert.NoError(t, err)
		})
		<-entered
	}
	export("the-first-key-of-24-letters")
	export("the-first-key-of-24-letters", grpc.UseCompressor(rpcgzip.Name))
	_, err := client.Export(as("the-first-key-of-24-letters"), largeSpans(each-each/8))
	require.Equal(t, codes.Unavailable, status.Code(err), "half of it is for the others: %v", err)
	requireRetry(t, err)
	export("another-key-of-24-letters")
	for _, opt := range []grpc.CallOption{grpc.UseCompressor(rpcgzip.Name), grpc.EmptyCallOption{}} {
		_, err = client.Export(as("yet-another-key-of-24-letters"), largeSpans(2*each), opt)
		require.Equal(t, codes.Unavailable, status.Code(err), "there is no room: %v", err)
		requireRetry(t, err)
	}
	res, _ := b.send(t, "/v1/errors", bytes.Repeat([]byte(" "), 3*each), "x-api-key", "yet-another-key-of-24-letters")
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "nor over HTTP")
	assert.Less(t, b.budget.Left(), int64(3*each))
	close(release)
	wg.Wait()
	assert.Eventually(t, func() bool { return b.budget.Left() == budget }, 5*time.Second, time.Millisecond, "all of it came back")
	_, err = client.Export(as("yet-another-key-of-24-letters"), largeSpans(2*each))
	require.NoError(t, err, "there is room again")
}

// Who is being served when the collector stops gets an answer.
func TestGRPCStopsInOrder(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	b := serve(t, func(d *Deps) { d.Sink = gate{entered, release} })
	conn, srv := b.connectTo(t)
	answered := make(chan error, 1)
	go func() {
		_, err := ptraceotlp.NewGRPCClient(conn).Export(asSender(t), failedSpans(500))
		answered <- err
	}()
	<-entered
	stopping := make(chan struct{})
	srv.RegisterOnShutdown(sync.OnceFunc(func() { close(stopping) }))
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Shutdown(context.Background()) }()
	<-stopping
	close(release)
	require.NoError(t, <-answered)
	require.NoError(t, <-stopped)
}

// gate is a Sink that tells when it is entered, and waits.
type gate struct{ entered, release chan struct{} }

func (g gate) Write(_ context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	<-g.release
	return make([]identity.Outcome, len(parts)), nil
}

// keysByName takes any secret for an ingest key of its own.
func keysByName() *auth.Keyring {
	return auth.NewKeyring(func(_ context.Context, hash []byte) (auth.Key, error) {
		return auth.Key{ID: fmt.Sprintf("%x", hash), Workspace: 7, Hash: hash, Scopes: []auth.Scope{auth.Ingest}}, nil
	}, 0)
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the message was read")
	return 0, io.EOF
}

// Nobody without a key gets anything read.
func TestGRPCReadsNothingWithoutAKey(t *testing.T) {
	b := serve(t)
	for _, key := range []string{"", "an-unknown-key-of-24-letters", readKey} {
		req := httptest.NewRequest(http.MethodPost, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", unread{t})
		req.ProtoMajor, req.ProtoMinor = 2, 0
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("x-api-key", key)
		w := httptest.NewRecorder()
		b.GRPC().ServeHTTP(w, req)
		assert.Contains(t, []string{"16", "7"}, w.Result().Trailer.Get("Grpc-Status"), key) //nolint:bodyclose // a recorder's
	}
	assert.Empty(t, b.parts)
}

// What one key sends over gRPC counts against its bytes, as over HTTP.
func TestGRPCCountsBytes(t *testing.T) {
	b := serve(t, func(d *Deps) { d.Limits = Limits{KeyBytes: 1000} })
	client := ptraceotlp.NewGRPCClient(b.connect(t))
	_, err := client.Export(asSender(t), largeSpans(100_000))
	require.NoError(t, err, "more than the limit goes through once")
	_, err = client.Export(asSender(t), failedSpans(500))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	requireRetry(t, err)
}

// framed puts a gRPC head before a message.
func framed(flag byte, length int, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(length)), message...) //nolint:gosec // a test
}

func TestReadMessage(t *testing.T) {
	plain := []byte("a message, whatever it says")
	var gz bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, err := g.Write(plain)
	require.NoError(t, errors.Join(err, g.Close()))
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	zs := enc.EncodeAll(plain, nil)
	var bomb bytes.Buffer
	g = gzip.NewWriter(&bomb)
	for range 80 {
		_, err = g.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, g.Close())
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		kind     fault.Kind
		ok       bool
	}{
		"plain":                 {body: framed(0, len(plain), plain), ok: true},
		"plain, gzip announced": {body: framed(0, len(plain), plain), encoding: "gzip", ok: true},
		"gzip":                  {body: framed(1, gz.Len(), gz.Bytes()), encoding: "gzip", ok: true},
		"zstd":                  {body: framed(1, len(zs), zs), encoding: "zstd", ok: true},
		"nothing":               {kind: fault.Invalid},
		"half a head":           {body: []byte{0, 0}, kind: fault.Invalid},
		"half a message":        {body: framed(0, len(plain), plain[:9]), kind: fault.Invalid},
		"half a gzip":           {body: framed(1, gz.Len(), gz.Bytes()[:gz.Len()/2]), encoding: "gzip", kind: fault.Invalid},
		"two messages":          {body: append(framed(0, len(plain), plain), framed(0, 0, nil)...), kind: fault.Invalid},
		"unknown flag":          {body: framed(2, len(plain), plain), kind: fault.Invalid},
		"unknown encoding":      {body: framed(1, len(plain), plain), encoding: "snappy", kind: fault.UnsupportedMediaType},
		"not gzip":              {body: framed(1, len(plain), plain), encoding: "gzip", kind: fault.Invalid},
		"too large":             {body: framed(0, maxOTLPBody+1, nil), kind: fault.TooLarge},
		"too large, unpacked":   {body: framed(1, bomb.Len(), bomb.Bytes()), encoding: "gzip", kind: fault.TooLarge},
	} {
		budget := edge.NewBudget(256 << 20)
		lease := budget.Open("a")
		got, err := readMessage(bytes.NewReader(c.body), c.encoding, lease)
		if c.ok {
			require.NoError(t, err, name)
			assert.Equal(t, string(plain), string(got), name)
		} else {
			assert.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
		}
		lease.Close()
		assert.EqualValues(t, 256<<20, budget.Left(), name)
	}
	_, err = readMessage(bytes.NewReader(framed(1, bomb.Len(), bomb.Bytes())), "gzip", edge.NewBudget(1<<20).Open("a"))
	assert.True(t, fault.Is(err, fault.TooLarge), "it is paid for while it is unpacked")
}
