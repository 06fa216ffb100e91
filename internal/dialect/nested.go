package dialect

import (
	"encoding/json"
	"strings"
)

// Nested: {"error": {"code", "message", "details", "request_id"}}.

func isNested(in *input) bool { return in.obj.sub("error") != nil }

func readNested(in *input, r *Reading) {
	e := in.obj.sub("error")
	r.RawCode = codeOf(e)
	r.Message = messageOf(e)
	if r.Message == "" {
		r.Message = in.obj.str("message", "detail")
	}
	if r.RawCode == "" {
		r.RawCode = codeOf(in.obj)
	}
	if r.RawCode == "" { // Google's older APIs: errors[0].reason
		if list := e.list("errors"); len(list) > 0 {
			if first, ok := list[0].(map[string]any); ok {
				r.RawCode = object(first).str("reason", "code")
			}
		}
	}
	if r.Details = e.first("details", "errors", "data", "metadata"); r.Details == nil {
		r.Details = in.obj.first("details", "errors")
	}
}

// codeOf gives the name of the failure. A number between 100 and 599 is the
// HTTP status once more, and no name.
func codeOf(o object) string {
	for _, key := range []string{"code", "error_code", "errorCode", "type", "status", "name", "reason"} {
		switch v := o[key].(type) {
		case string:
			if s := strings.TrimSpace(v); s != "" && !isStatus(s) {
				return s
			}
		case json.Number:
			if (key == "code" || key == "error_code" || key == "errorCode") && !isStatus(v.String()) {
				return v.String()
			}
		}
	}
	return ""
}

func isStatus(s string) bool { return len(s) == 3 && s >= "100" && s <= "599" }

func messageOf(o object) string {
	return o.str("message", "msg", "detail", "error_description", "description", "error_message", "errorMessage", "title", "reason")
}
