package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/fault"
)

// rpcServer takes OTLP over gRPC. Keys and messages are dealt with here, as
// they are over HTTP: nothing is read before the key is known, and what is read
// is paid for out of the same Budget. grpc-go on its own would read and unpack
// a whole message before anybody is asked. It does the rest: methods,
// deadlines, statuses.
type rpcServer struct {
	*Server
	grpc  *grpc.Server
	paths map[string]bool
}

func (s *Server) newGRPC() *rpcServer {
	h := &rpcServer{Server: s, grpc: grpc.NewServer(grpc.ForceServerCodecV2(encoded{})), paths: map[string]bool{}}
	for service, export := range map[string]exporter{
		"opentelemetry.proto.collector.trace.v1.TraceService":     s.exportTraces,
		"opentelemetry.proto.collector.logs.v1.LogsService":       s.exportLogs,
		"opentelemetry.proto.collector.metrics.v1.MetricsService": s.exportMetrics,
	} {
		h.paths["/"+service+"/Export"] = true
		h.grpc.RegisterService(&grpc.ServiceDesc{ServiceName: service, Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: s.answerRPC(export)}}}, nil)
	}
	return h
}

// call is a request's message, read, or why it is not.
type call struct {
	key     auth.Key
	message []byte
	lease   *edge.Lease
	err     error
}

type callKey struct{}

// ServeHTTP reads the message and lets grpc-go answer.
func (h *rpcServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.paths[r.URL.Path] {
		h.grpc.ServeHTTP(w, r) // it knows how to say no
		return
	}
	var c call
	if c.key, c.err = h.deps.Keys.Check(r.Context(), auth.FromHeaders(r.Header.Get), auth.Ingest); c.err == nil {
		c.lease = h.budget.Open(c.key.ID)
		defer c.lease.Close()
		c.message, c.err = readMessage(r.Body, r.Header.Get("Grpc-Encoding"), c.lease)
	}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	r.Body = http.NoBody
	h.grpc.ServeHTTP(w, r)
}

// messageHead is a flag that says whether the message is compressed, and its
// length.
const messageHead = 5

// readMessage reads the one message of a unary call. Faults: those of
// edge.Unpack.
func readMessage(body io.Reader, encoding string, lease *edge.Lease) ([]byte, error) {
	var head [messageHead]byte
	if _, err := io.ReadFull(body, head[:]); err != nil {
		return nil, badMessage("it breaks off").Because(err)
	}
	length := int64(binary.BigEndian.Uint32(head[1:]))
	switch {
	case length > maxOTLPBody:
		return nil, fault.New(fault.TooLarge, "payload_too_large", "The message is larger than %d MiB. Send it in smaller parts.", maxOTLPBody>>20)
	case head[0] > 1:
		return nil, badMessage("its first byte is neither 0 nor 1")
	case head[0] == 0:
		encoding = "identity"
	}
	sent := &io.LimitedReader{R: body, N: length}
	message, err := edge.Unpack(sent, encoding, length, maxOTLPBody, lease)
	if err != nil {
		return nil, err
	}
	if sent.N > 0 && encoding == "identity" {
		return nil, badMessage("it breaks off")
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(body, messageHead)); err != nil || n+sent.N > 0 {
		return nil, badMessage("there is more than one message, or less than one").Because(err)
	}
	return message, nil
}

func badMessage(why string) *fault.Fault {
	return fault.New(fault.Invalid, "invalid_request", "The message cannot be read: %s.", why)
}

// answerRPC adapts an exporter. A panic costs the call, not the process:
// grpc-go does not catch panics.
func (s *Server) answerRPC(export exporter) grpc.MethodHandler {
	return func(_ any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (res any, err error) {
		defer func() {
			if v := recover(); v != nil {
				s.deps.Logger.ErrorContext(ctx, "panic in a gRPC handler", "panic", v, "stack", string(debug.Stack()))
				err = status.Error(codes.Internal, "internal_error: Something went wrong on our side.")
			}
		}()
		c, ok := ctx.Value(callKey{}).(call)
		if !ok {
			return nil, status.Error(codes.Internal, "internal_error: The message was not read.")
		}
		if c.err != nil {
			return nil, s.rpcError(ctx, c.err)
		}
		answer, err := export(withCaller(ctx, c.key, len(c.message), c.lease), c.key.Workspace, c.message, false)
		if err != nil {
			return nil, s.rpcError(ctx, err)
		}
		return answer, nil
	}
}

// encoded is a codec for answers that are encoded already; messages do not
// come this way.
type encoded struct{}

func (encoded) Name() string { return "proto" }

func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	answer, ok := v.([]byte)
	if !ok {
		return nil, errors.New("the answer is not encoded")
	}
	return mem.BufferSlice{mem.SliceBuffer(answer)}, nil
}

func (encoded) Unmarshal(mem.BufferSlice, any) error { return errors.ErrUnsupported }

// rpcError makes the gRPC status of an error, with RetryInfo where a retry
// makes sense.
func (s *Server) rpcError(ctx context.Context, err error) error {
	f := fault.Of(err)
	if (f.Kind == fault.Internal || f.Kind == fault.Unavailable) && !errors.Is(err, context.Canceled) {
		s.deps.Logger.ErrorContext(ctx, "export failed", "error", err)
	}
	code := grpcCodes[f.Kind]
	if f.Kind == fault.UnsupportedMediaType {
		code = codes.Unimplemented // what gRPC says about encodings
	}
	st := status.New(code, f.Code+": "+f.Message)
	if f.Kind == fault.Unavailable || f.Kind == fault.RateLimited {
		after := min(max(f.RetryAfter, time.Second), 3*time.Second)
		if with, detailErr := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); detailErr == nil {
			st = with
		}
	}
	return st.Err()
}
