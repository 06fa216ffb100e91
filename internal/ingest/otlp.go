package ingest

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/otlp"
)

// partial is what an OTLP answer says beside success.
type partial struct {
	rejected int64
	message  string
}

// takeTraces and its siblings are what HTTP and gRPC share.
func (s *Server) takeTraces(ctx context.Context, ws int32, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	res := ptraceotlp.NewExportResponse()
	p, err := s.takeOTLP(ctx, ws, func() otlp.Result { return otlp.Traces(req.Traces(), s.deps.OTLP) })
	if p.message != "" {
		res.PartialSuccess().SetRejectedSpans(p.rejected)
		res.PartialSuccess().SetErrorMessage(p.message)
	}
	return res, err
}

func (s *Server) takeLogs(ctx context.Context, ws int32, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	res := plogotlp.NewExportResponse()
	p, err := s.takeOTLP(ctx, ws, func() otlp.Result { return otlp.Logs(req.Logs(), s.deps.OTLP) })
	if p.message != "" {
		res.PartialSuccess().SetRejectedLogRecords(p.rejected)
		res.PartialSuccess().SetErrorMessage(p.message)
	}
	return res, err
}

// takeOTLP maps one export request and takes its failures through the
// pipeline. A panic over hostile data costs that request, not the process.
func (s *Server) takeOTLP(ctx context.Context, ws int32, mapped func() otlp.Result) (p partial, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.deps.Logger.ErrorContext(ctx, "panic while mapping OTLP", "panic", v, "stack", string(debug.Stack()))
			p, err = partial{}, fault.New(fault.Invalid, "invalid_request", "The request could not be mapped.").Because(panicked{v})
		}
	}()
	result := mapped()
	items := make([]item, len(result.Envelopes), len(result.Envelopes)+len(result.Rejected))
	for i := range result.Envelopes {
		items[i].env = &result.Envelopes[i]
	}
	for _, r := range result.Rejected {
		it := refused(nil, fault.New(fault.Unprocessable, "validation_failed", "%s", r.Reason).With("field", r.Field).With("span_id", r.SpanID))
		it.env.TraceID, it.env.SpanID = r.TraceID, r.SpanID
		if len(result.Envelopes) > 0 {
			it.env.Source = result.Envelopes[0].Source
		}
		items = append(items, it)
	}
	// Both are written at the same time, and what is repeated after one of them
	// failed changes nothing in the other.
	counted, countErr := s.countSpans(ws, result.Requests)
	verdicts, err := s.process(ctx, ws, items)
	if err != nil {
		return partial{}, err
	}
	if countErr == nil {
		countErr = counted.wait(ctx)
	}
	if countErr != nil {
		s.count.refused.Add(ctx, 1, byReason(fault.Of(countErr).Code))
		return partial{}, countErr
	}
	return explain(items, verdicts, result.Warnings), nil
}

const maxExplained = 5

// explain says which records were rejected and why, the first few of them.
func explain(items []item, verdicts []verdict, warnings []string) partial {
	var p partial
	var reasons []string
	for i, v := range verdicts {
		if v.Verdict != identity.Rejected {
			continue
		}
		if p.rejected++; p.rejected <= maxExplained {
			env := items[i].env
			reasons = append(reasons, fmt.Sprintf("trace %s span %s: %s", orDash(env.TraceID), orDash(env.SpanID), fault.Of(v.Err).Message))
		}
	}
	if more := p.rejected - maxExplained; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	p.message = strings.Join(append(reasons, warnings...), "; ")
	return p
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
