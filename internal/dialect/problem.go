package dialect

import (
	"strings"

	"errata/internal/event"
)

// RFC 9457 problem details, and ASP.NET's extension of them.

func isProblem(in *input) bool {
	if in.obj == nil || in.obj.sub("error") != nil {
		return false
	}
	if strings.Contains(in.header("content-type"), "problem+json") {
		return true
	}
	return in.obj.str("title") != "" && (in.obj.has("status") || in.obj.has("detail") || in.obj.has("type"))
}

func isASPNet(in *input) bool {
	return in.obj.str("title") != "" && in.obj.has("traceId") && !in.obj.has("error")
}

// problemKeys are the members that have a field of their own.
var problemKeys = []string{"type", "title", "status", "detail", "code", "request_id", "traceId"}

func readProblem(in *input, r *Reading) {
	r.RawCode = in.obj.str("code", "error_code", "errorCode")
	if t := in.obj.str("type"); r.RawCode == "" && problemName(t) {
		r.RawCode = t
	}
	if r.Message = in.obj.str("detail"); r.Message == "" {
		r.Message = in.obj.str("title")
	}
	for _, key := range []string{"errors", "invalid-params", "invalid_params", "violations"} {
		if r.FieldErrors == nil {
			r.FieldErrors = fieldErrors(in.obj[key])
		}
	}
	r.Details = in.obj.rest(problemKeys...)
	r.TraceID = in.obj.str("traceId")
}

// problemName tells whether a problem's type names it: about:blank and the
// links to a section of the HTTP RFCs do not.
func problemName(t string) bool {
	return t != "" && t != "about:blank" && !strings.Contains(t, "rfc7231") && !strings.Contains(t, "rfc9110") &&
		!strings.Contains(t, "ietf.org")
}

// Spring Boot's default error attributes.

func isSpring(in *input) bool {
	_, ok := in.obj.integer("status")
	return ok && in.obj.has("timestamp") && in.obj.str("error") != "" && (in.obj.has("path") || in.obj.has("requestId"))
}

func readSpring(in *input, r *Reading) {
	r.RawCode = in.obj.str("code", "errorCode", "error")
	if r.Message = in.obj.str("message"); r.Message == "" {
		r.Message = in.obj.str("error")
	}
	r.Details = in.obj.rest("timestamp", "status", "error", "message", "trace", "requestId", "exception")
	if name, trace := in.obj.str("exception"), in.obj.str("trace"); name != "" || trace != "" {
		if name == "" {
			name, _, _ = strings.Cut(trace, ":")
			name, _, _ = strings.Cut(name, "\n")
		}
		r.Exception = &event.Exception{Type: name, Message: in.obj.str("message"), Stacktrace: trace}
	}
}
