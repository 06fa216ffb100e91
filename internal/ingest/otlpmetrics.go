package ingest

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/otlp"
)

// takeMetrics counts the requests that metrics speak of, for HTTP and gRPC.
func (s *Server) takeMetrics(ctx context.Context, ws int32, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	res := pmetricotlp.NewExportResponse()
	p, err := s.countMetrics(ctx, ws, func() otlp.MetricsResult { return otlp.Metrics(req.Metrics(), s.deps.OTLP) })
	if p.message != "" {
		res.PartialSuccess().SetRejectedDataPoints(p.rejected)
		res.PartialSuccess().SetErrorMessage(p.message)
	}
	return res, err
}

// countMetrics maps one export request and waits until it is counted. A panic
// over hostile data costs that request, not the process.
func (s *Server) countMetrics(ctx context.Context, ws int32, mapped func() otlp.MetricsResult) (p partial, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.deps.Logger.ErrorContext(ctx, "panic while mapping metrics", "panic", v, "stack", string(debug.Stack()))
			p, err = partial{}, fault.New(fault.Invalid, "invalid_request", "The request could not be mapped.").Because(panicked{v})
		}
	}()
	result := mapped()
	if err := callerOf(ctx).lease.Charge(pointWeight * int64(len(result.Points))); err != nil {
		s.count.refused.Add(ctx, 1, byReason(fault.Of(err).Code))
		return partial{}, err
	}
	received := time.Now().UTC()
	points := result.Points[:0]
	for _, point := range result.Points {
		rows, err := s.norm.Requests(point.Requests, "time_unix_nano", received)
		if err != nil {
			result.Rejected = append(result.Rejected, otlp.PointReject{Index: point.Index, Metric: point.Metric, Reason: fault.Of(err).Message})
			continue
		}
		rows.Workspace = ws
		point.Requests = rows
		points = append(points, point)
	}
	if n := len(result.Rejected); n > 0 {
		s.count.rejected.Add(ctx, int64(n), byReason("data_point"))
	}
	counted, err := s.counter.submit(nil, points)
	if err == nil {
		err = counted.wait(ctx)
	}
	if err != nil {
		s.count.refused.Add(ctx, 1, byReason(fault.Of(err).Code))
		return partial{}, err
	}
	return explainPoints(result.Rejected, result.Warnings), nil
}

// explainPoints says which data points were rejected and why, the first few of
// them.
func explainPoints(rejected []otlp.PointReject, warnings []string) partial {
	var reasons []string
	for _, r := range rejected[:min(len(rejected), maxExplained)] {
		reasons = append(reasons, fmt.Sprintf("data point %d of %s: %s", r.Index, r.Metric, r.Reason))
	}
	if more := len(rejected) - maxExplained; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	return partial{rejected: int64(len(rejected)), message: strings.Join(append(reasons, warnings...), "; ")}
}

// countSpans hands over what spans count as requests, in addition to
// the failures among them. What is outside of the time that is kept is left
// out: a span that failed at such a time is rejected by itself.
func (s *Server) countSpans(ws int32, rows []event.Requests) (*counting, error) {
	received := time.Now().UTC()
	kept := rows[:0]
	for _, r := range rows {
		r, err := s.norm.Requests(r, "end_time_unix_nano", received)
		if err != nil {
			continue
		}
		r.Workspace = ws
		kept = append(kept, r)
	}
	return s.counter.submit(kept, nil)
}
