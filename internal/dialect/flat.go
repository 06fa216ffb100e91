package dialect

import (
	"strings"

	"errata/internal/event"
)

// Flat: {"error": "code", "message", "field", "retry_after", "request_id"},
// {"code", "message"}, and OAuth's {"error", "error_description"}.

func isFlat(in *input) bool {
	return in.obj.str("error", "err") != "" || in.obj.str("message", "msg") != "" || in.obj.word("code", "error_code", "errorCode") != ""
}

func readFlat(in *input, r *Reading) {
	said := in.obj.str("error", "err")
	r.Message = in.obj.str("message", "msg", "error_description", "description", "detail", "error_message", "errorMessage")
	r.RawCode = codeOf(in.obj)
	switch {
	case said != "" && isName(said):
		r.RawCode = said
	case said != "" && r.Message == "":
		r.Message = said
	case said != "" && r.RawCode == "":
		r.RawCode = said // Nest's {"error": "Not Found", "message": …}
	}
	r.Details = in.obj.first("details", "errors", "data")
	if name := in.obj.str("exception", "exception_class"); name != "" {
		r.Exception = &event.Exception{Type: name, Message: r.Message, Stacktrace: in.obj.str("trace", "stack", "stacktrace")}
	}
}

// isName tells a code from a sentence.
func isName(s string) bool { return len(s) <= 100 && !strings.ContainsAny(s, " \n\t") }

func readUnknown(in *input, r *Reading) {
	if s, ok := in.value.(string); ok {
		r.Dialect, r.Message = "text", s
		return
	}
	r.Details = append(r.Details, in.raw...)
	r.RawCode = codeOf(in.obj)
	r.Message = messageOf(in.obj)
}
