package dialect

import "strings"

// FastAPI: {"detail": "text"}, {"detail": [{"loc", "msg", "type"}]}, and an
// object where the application raised one.

func isFastAPI(in *input) bool {
	return in.obj.has("detail") && !in.obj.has("title") && !in.obj.has("error") && !in.obj.has("message") && !in.obj.has("code")
}

func readFastAPI(in *input, r *Reading) {
	switch detail := in.obj["detail"].(type) {
	case string:
		r.Message = detail
	case []any:
		r.FieldErrors = fieldErrors(detail)
		r.Message = firstComplaint(r)
		r.Details = raw(detail)
	case map[string]any:
		r.RawCode, r.Message = codeOf(detail), messageOf(detail)
		if r.RawCode == "" {
			r.RawCode = object(detail).str("error")
		}
		r.Details = raw(detail)
	}
}

// firstComplaint is the message of an answer that has none but its fields'.
func firstComplaint(r *Reading) string {
	if len(r.FieldErrors) == 0 {
		return ""
	}
	f := r.FieldErrors[0]
	if f.Message == "" {
		return f.Field
	}
	return f.Field + ": " + f.Message
}

// Laravel: {"message", "errors": {"field": ["why"]}}. Rails: {"errors":
// {"field": ["why"]}}, {"errors": ["sentence"]} or {"field": ["why"]}.

func isLaravel(in *input) bool {
	return in.obj.str("message") != "" && in.obj.sub("errors") != nil && !in.obj.has("error") && !in.obj.has("code")
}

func isRails(in *input) bool {
	return !in.obj.has("error") && !in.obj.has("code") && (in.obj.sub("errors") != nil || len(sentences(in.obj["errors"])) > 0)
}

func readValidation(in *input, r *Reading) {
	r.Message = in.obj.str("message")
	r.FieldErrors = fieldErrors(in.obj["errors"])
	r.Details = in.obj.first("errors")
	if r.Message == "" {
		r.Message = strings.Join(sentences(in.obj["errors"]), "; ")
	}
	if r.Message == "" {
		r.Message = firstComplaint(r)
	}
}

// isBareFields recognises an object of nothing but lists of sentences.
func isBareFields(in *input) bool {
	if len(in.obj) == 0 || (in.status != 0 && in.status != 400 && in.status != 409 && in.status != 422) {
		return false
	}
	for _, v := range in.obj {
		if len(sentences(v)) == 0 {
			return false
		}
	}
	return true
}

func readBareFields(in *input, r *Reading) {
	r.FieldErrors = fieldErrors(map[string]any(in.obj))
	r.Message = firstComplaint(r)
	r.Details = raw(in.obj)
}

// sentences gives a list of strings; nil when it is anything else.
func sentences(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, min(len(list), maxList))
	for _, item := range list[:min(len(list), maxList)] {
		s, ok := item.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}
