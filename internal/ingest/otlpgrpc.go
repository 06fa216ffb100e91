package ingest

import (
	"context"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may compress
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"errata/internal/auth"
	"errata/internal/fault"
)

const maxStreams = 256

func (s *Server) newGRPC() *grpc.Server {
	srv := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxOTLPBody),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 15 * time.Minute, Time: 2 * time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(s.recoverRPC, s.authenticateRPC),
	)
	ptraceotlp.RegisterGRPCServer(srv, &traceService{s: s})
	plogotlp.RegisterGRPCServer(srv, &logService{s: s})
	pmetricotlp.RegisterGRPCServer(srv, &metricService{s: s})
	return srv
}

// recoverRPC keeps the process alive: grpc-go does not catch panics.
func (s *Server) recoverRPC(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (res any, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.deps.Logger.ErrorContext(ctx, "panic in a gRPC handler", "panic", v, "method", info.FullMethod, "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "internal_error: Something went wrong on our side.")
		}
	}()
	return next(ctx, req)
}

func (s *Server) authenticateRPC(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	secret := auth.FromHeaders(func(name string) string {
		if v := md.Get(strings.ToLower(name)); len(v) > 0 {
			return v[0]
		}
		return ""
	})
	key, err := s.deps.Keys.Check(ctx, secret, auth.Ingest)
	if err != nil {
		return nil, s.rpcError(ctx, err)
	}
	return next(withCaller(ctx, key, 0), req) // what it costs in bytes is reckoned from its items
}

// workspaceOf is 0, which no workspace has, for a call without a key.
func workspaceOf(ctx context.Context) int32 { return callerOf(ctx).key.Workspace }

// rpcError makes the gRPC status of an error, with RetryInfo where a retry
// makes sense.
func (s *Server) rpcError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		s.deps.Logger.ErrorContext(ctx, "export failed", "error", err)
	}
	st := status.New(grpcCodes[f.Kind], f.Code+": "+f.Message)
	if f.Kind == fault.Unavailable || f.Kind == fault.RateLimited {
		after := min(max(f.RetryAfter, time.Second), 3*time.Second)
		if with, detailErr := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); detailErr == nil {
			st = with
		}
	}
	return st.Err()
}

type traceService struct {
	ptraceotlp.UnimplementedGRPCServer
	s *Server
}

func (t *traceService) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	res, err := t.s.takeTraces(ctx, workspaceOf(ctx), req)
	return res, t.s.rpcError(ctx, err)
}

type logService struct {
	plogotlp.UnimplementedGRPCServer
	s *Server
}

func (l *logService) Export(ctx context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	res, err := l.s.takeLogs(ctx, workspaceOf(ctx), req)
	return res, l.s.rpcError(ctx, err)
}

type metricService struct {
	pmetricotlp.UnimplementedGRPCServer
	s *Server
}

func (m *metricService) Export(ctx context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	res, err := m.s.takeMetrics(ctx, workspaceOf(ctx), req)
	return res, m.s.rpcError(ctx, err)
}
