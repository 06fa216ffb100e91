package dialect

import (
	"strings"

	"errata/internal/event"
)

// GraphQL and JSON:API: a top-level list of errors. The first one is the
// failure; all of them are its details.

func firstError(in *input) object {
	if list := in.obj.list("errors"); len(list) > 0 {
		m, _ := list[0].(map[string]any)
		return m
	}
	return nil
}

func isGraphQL(in *input) bool {
	e := firstError(in)
	return e.has("message") && (e.has("extensions") || e.has("locations") || in.obj.has("data"))
}

func readGraphQL(in *input, r *Reading) {
	e := firstError(in)
	ext := e.sub("extensions")
	r.RawCode, r.Message = ext.word("code", "errorType", "classification"), e.str("message")
	if r.RawCode == "" {
		r.RawCode = e.str("type", "errorType")
	}
	r.RequestID = ext.word("request_id", "requestId")
	r.Status = statusIn(ext, ext.sub("http"))
	if r.FieldErrors = fieldErrors(ext["fields"]); r.FieldErrors == nil {
		r.FieldErrors = fieldErrors(ext["errors"])
	}
	if ex := ext.sub("exception"); ex != nil {
		r.Exception = &event.Exception{Type: ex.str("name", "code"), Message: r.Message, Stacktrace: lines(ex["stacktrace"])}
	} else if st := lines(ext["stacktrace"]); st != "" {
		r.Exception = &event.Exception{Message: r.Message, Stacktrace: st}
	}
	r.Details = in.obj.first("errors")
}

func lines(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return strings.Join(sentences(v), "\n")
}

func isJSONAPI(in *input) bool {
	e := firstError(in)
	if e == nil || in.obj.has("error") || in.obj.has("title") {
		return false
	}
	if strings.Contains(in.header("content-type"), "vnd.api+json") {
		return true
	}
	return (e.str("title") != "" || e.str("detail") != "") && (e.has("status") || e.has("code") || e.has("source"))
}

func readJSONAPI(in *input, r *Reading) {
	e := firstError(in)
	r.RawCode = e.word("code")
	if r.Message = e.str("detail"); r.Message == "" {
		r.Message = e.str("title")
	}
	r.Status = statusIn(object{"status": e["status"]})
	r.RequestID = e.sub("meta").word("request_id", "requestId")
	r.Details = in.obj.first("errors")
	list := in.obj.list("errors")
	for _, item := range list[:min(len(list), maxList)] {
		m, _ := item.(map[string]any)
		o := object(m)
		field := o.sub("source").str("pointer", "parameter", "header")
		if field == "" {
			continue
		}
		field = strings.TrimPrefix(strings.TrimPrefix(field, "/data/attributes/"), "/data/")
		r.FieldErrors = append(r.FieldErrors, event.FieldError{Field: field, Code: o.word("code"), Message: o.str("detail", "title")})
	}
}
