package dialect

import (
	"strings"

	"errata/internal/event"
)

// common reads what may stand in any JSON body, whatever its dialect: IDs,
// how long to wait, the provider behind it, the fields it complains about.
func (in *input) common(r *Reading) {
	e := in.obj.sub("error")
	details := e.sub("details")
	if details == nil {
		details = in.obj.sub("details")
	}
	in.bodyRequestID(r, e, details)
	in.bodyKey(r, e, details)
	if r.Status == 0 {
		r.Status = statusIn(in.obj, e)
	}
	readUpstream(r, in.obj, e, details)
	readBodyRetry(r, in.obj, e, details)
	readBodyLimit(r, details)
	if len(r.FieldErrors) == 0 && r.Dialect != "graphql" { // there a path is one of the answer, not of the input
		r.FieldErrors = in.looseFieldErrors(r, e, details)
	}
	if len(r.FieldErrors) > maxList {
		r.FieldErrors = r.FieldErrors[:maxList]
	}
	if r.TraceID == "" {
		r.TraceID = in.obj.str("traceId", "trace_id")
		if r.TraceID == "" {
			r.TraceID = e.str("trace_id", "traceId")
		}
	}
}

// bodyRequestID looks in the places that APIs use, in the order of the mapping
// table.
func (in *input) bodyRequestID(r *Reading, e, details object) {
	for _, id := range []string{
		r.RequestID,
		e.word("request_id"), in.obj.word("request_id"),
		e.word("requestId"), in.obj.word("requestId", "RequestId"),
		in.obj.sub("meta").word("request_id", "requestId"),
		details.word("request_id", "requestId"),
		in.obj.sub("details").word("request_id", "requestId"),
	} {
		if id = event.CleanID(id); id != "" {
			r.RequestID = id
			return
		}
	}
	r.RequestID = ""
}

// bodyKey looks for the idempotency key that an answer repeats. A validation
// error has words in its place ("is required"), in which there is no digit.
func (in *input) bodyKey(r *Reading, objects ...object) {
	for _, o := range append(objects, in.obj, in.obj.sub("meta"), in.obj.sub("details")) {
		key := event.CleanKey(o.word("idempotency_key", "idempotencyKey"))
		if strings.ContainsAny(key, "0123456789") && !strings.Contains(key, " ") {
			r.Aliases = append(r.Aliases, event.Alias{Kind: event.Idempotency, Value: key})
			return
		}
	}
}

func statusIn(objects ...object) int {
	for _, o := range objects {
		if n, ok := o.integer("status", "statusCode", "status_code", "code"); ok && n >= 100 && n <= 599 {
			return n
		}
	}
	return 0
}

func readUpstream(r *Reading, objects ...object) {
	for _, o := range objects {
		provider := o.str("provider", "provider_name", "upstream")
		id := event.CleanID(o.word("provider_request_id", "upstream_request_id"))
		if provider == "" && id == "" {
			continue
		}
		code := o.word("provider_code", "upstream_code")
		if code == "" && o.word("code") != r.RawCode {
			code = o.word("code")
		}
		r.Upstream = &event.UpstreamInfo{Provider: provider, Code: code, RequestID: id}
	}
}

func readBodyLimit(r *Reading, details object) {
	limit, ok := number(details["limit"])
	window := details.word("window")
	if !ok || (window == "" && !strings.Contains(strings.ToLower(r.RawCode), "limit")) {
		return
	}
	n := int64(limit)
	r.RateLimit = &event.RateLimit{Limit: &n, Window: window}
	if left, ok := number(details["remaining"]); ok {
		m := int64(left)
		r.RateLimit.Remaining = &m
	}
}
