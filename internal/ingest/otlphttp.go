package ingest

import (
	"context"
	"errors"
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/fault"
)

// maxOTLPBody is what OTLP 1.11 recommends, before and after decompression.
const maxOTLPBody = 64 << 20

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// exporter takes a body in one encoding and gives the answer in the same.
type exporter func(ctx context.Context, ws int32, body []byte, asJSON bool) ([]byte, error)

// otlpHTTP does what all OTLP routes have in common. Its errors are
// google.rpc.Status in the request's encoding, as OTLP demands.
func (s *Server) otlpHTTP(export exporter) gin.HandlerFunc {
	return func(c *gin.Context) {
		asJSON, err := otlpType(c.GetHeader("Content-Type"))
		if err != nil {
			s.otlpError(c, asJSON, err)
			return
		}
		key, err := s.deps.Keys.Check(c.Request.Context(), auth.FromHeaders(c.GetHeader), auth.Ingest)
		if err != nil {
			s.otlpError(c, asJSON, err)
			return
		}
		edge.SetKey(c, key)
		body, give, err := edge.BorrowBody(c, maxOTLPBody) // pdata copies what it keeps
		if err != nil {
			s.otlpError(c, asJSON, err)
			return
		}
		defer give()
		answer, err := export(withCaller(c.Request.Context(), key, len(body), edge.LeaseOf(c)), key.Workspace, body, asJSON)
		if err != nil {
			s.otlpError(c, asJSON, err)
			return
		}
		c.Data(http.StatusOK, typeName(asJSON), answer)
	}
}

func otlpType(header string) (asJSON bool, err error) {
	mt, _, err := mime.ParseMediaType(header)
	switch {
	case err == nil && mt == protobufType:
		return false, nil
	case err == nil && mt == jsonType:
		return true, nil
	default:
		return false, fault.New(fault.UnsupportedMediaType, "unsupported_media_type", "Content-Type must be application/x-protobuf or application/json.")
	}
}

func typeName(asJSON bool) string {
	if asJSON {
		return jsonType
	}
	return protobufType
}

// grpcCodes is the one table from kind to gRPC code. Only UNAVAILABLE (and
// RESOURCE_EXHAUSTED with RetryInfo) makes an exporter try again.
var grpcCodes = map[fault.Kind]codes.Code{
	fault.Internal: codes.Internal, fault.Invalid: codes.InvalidArgument, fault.Unauthorized: codes.Unauthenticated,
	fault.Forbidden: codes.PermissionDenied, fault.NotFound: codes.NotFound, fault.MethodNotAllowed: codes.Unimplemented,
	fault.Conflict: codes.AlreadyExists, fault.TooLarge: codes.ResourceExhausted, fault.UnsupportedMediaType: codes.InvalidArgument,
	fault.Unprocessable: codes.InvalidArgument, fault.RateLimited: codes.ResourceExhausted, fault.Unavailable: codes.Unavailable,
}

func (s *Server) otlpError(c *gin.Context, asJSON bool, err error) {
	if edge.Gone(c, err) {
		return
	}
	f := fault.Of(err)
	status := edge.Status(f.Kind)
	if status >= 500 {
		s.deps.Logger.ErrorContext(c.Request.Context(), "export failed", "error", err, "request_id", edge.RequestID(c))
		if s.deps.OnServerError != nil {
			s.deps.OnServerError(c, f)
		}
	}
	edge.SetRetryAfter(c, f)
	st := &spb.Status{Code: int32(grpcCodes[f.Kind]), Message: f.Code + ": " + f.Message} //nolint:gosec // gRPC codes are small
	var body []byte
	if asJSON {
		body, err = protojson.Marshal(st)
	} else {
		body, err = proto.Marshal(st)
	}
	if err != nil {
		edge.Write(c, errors.Join(f, err))
		return
	}
	c.Data(status, typeName(asJSON), body)
	c.Abort()
}

func malformed(err error) error {
	return fault.New(fault.Invalid, "invalid_request", "The body is not a valid OTLP request: %v.", err)
}

func (s *Server) exportTraces(ctx context.Context, ws int32, body []byte, asJSON bool) ([]byte, error) {
	req := ptraceotlp.NewExportRequest()
	if err := decodePaid(ctx, tracesShape, req.UnmarshalProto, req.UnmarshalJSON, body, asJSON); err != nil {
		return nil, err
	}
	res, err := s.takeTraces(ctx, ws, req)
	if err != nil {
		return nil, err
	}
	return encode(res.MarshalProto, res.MarshalJSON, asJSON)
}

func (s *Server) exportLogs(ctx context.Context, ws int32, body []byte, asJSON bool) ([]byte, error) {
	req := plogotlp.NewExportRequest()
	if err := decodePaid(ctx, logsShape, req.UnmarshalProto, req.UnmarshalJSON, body, asJSON); err != nil {
		return nil, err
	}
	res, err := s.takeLogs(ctx, ws, req)
	if err != nil {
		return nil, err
	}
	return encode(res.MarshalProto, res.MarshalJSON, asJSON)
}

func (s *Server) exportMetrics(ctx context.Context, ws int32, body []byte, asJSON bool) ([]byte, error) {
	req := pmetricotlp.NewExportRequest()
	if err := decodePaid(ctx, metricsShape, req.UnmarshalProto, req.UnmarshalJSON, body, asJSON); err != nil {
		return nil, err
	}
	res, err := s.takeMetrics(ctx, ws, req)
	if err != nil {
		return nil, err
	}
	return encode(res.MarshalProto, res.MarshalJSON, asJSON)
}

// decodePaid unmarshals a body once the memory is paid for that this takes.
func decodePaid(ctx context.Context, shape *message, fromProto, fromJSON func([]byte) error, body []byte, asJSON bool) error {
	weight, err := weigh(shape, body, asJSON)
	if err != nil {
		return err
	}
	if err := callerOf(ctx).lease.Charge(weight); err != nil {
		return err
	}
	return decode(fromProto, fromJSON, body, asJSON)
}

// decode unmarshals a body; a panic in the decoder is the sender's 400.
func decode(fromProto, fromJSON func([]byte) error, body []byte, asJSON bool) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = malformed(panicked{v})
		}
	}()
	if asJSON {
		if err := checkNesting(body); err != nil {
			return err
		}
		err = fromJSON(body)
	} else {
		err = fromProto(body)
	}
	if err != nil {
		return malformed(err)
	}
	return nil
}

func encode(toProto, toJSON func() ([]byte, error), asJSON bool) ([]byte, error) {
	if asJSON {
		return toJSON()
	}
	return toProto()
}
