package dialect

import (
	"sort"
	"strings"

	"errata/internal/event"
)

// looseFieldErrors reads the fields that a validation error complains about
// where the dialect has no rule of its own.
func (in *input) looseFieldErrors(r *Reading, e, details object) []event.FieldError {
	for _, o := range []object{e, details, in.obj} {
		for _, key := range []string{"fields", "field_errors", "errors", "validation_errors", "violations"} {
			if found := fieldErrors(o[key]); len(found) > 0 {
				return found
			}
		}
	}
	for _, o := range []object{in.obj, e, details} {
		field := o.str("field", "param")
		if field != "" {
			return []event.FieldError{{Field: field, Code: details.word("requirement", "rule"), Message: r.Message}}
		}
	}
	code := strings.ToLower(r.RawCode)
	if !strings.Contains(code, "valid") && in.status != 422 {
		return nil
	}
	if list := fieldErrors(e["details"]); len(list) > 0 {
		return list
	}
	return fieldErrors(in.obj["details"])
}

// notFields are keys of details that explain, and are not names of inputs.
var notFields = map[string]bool{
	"request_id": true, "requestId": true, "retry_after": true, "limit": true, "window": true, "provider": true,
	"code": true, "reason": true, "message": true, "requirement": true, "hint": true, "docs": true, "trace_id": true,
}

// fieldErrors reads {"field": "why"}, {"field": ["why", …]}, {"field":
// {"message": …}} and [{"field": …, "message": …}].
func fieldErrors(v any) []event.FieldError {
	var out []event.FieldError
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			if !notFields[name] {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		for _, name := range names[:min(len(names), maxList)] {
			out = append(out, complaints(name, v[name])...)
		}
	case []any:
		for _, item := range v[:min(len(v), maxList)] {
			if o, ok := item.(map[string]any); ok {
				if f := fieldError(o); f.Field != "" {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// complaints reads what is said about one field.
func complaints(field string, v any) []event.FieldError {
	switch v := v.(type) {
	case string:
		return []event.FieldError{{Field: field, Message: v}}
	case map[string]any:
		if m := object(v).str("message", "msg", "detail", "error"); m != "" {
			return []event.FieldError{{Field: field, Message: m, Code: object(v).word("code", "type", "kind")}}
		}
	case []any:
		var out []event.FieldError
		for _, item := range v[:min(len(v), maxList)] {
			if _, nested := item.([]any); !nested {
				out = append(out, complaints(field, item)...)
			}
		}
		return out
	}
	return nil
}

func fieldError(o object) event.FieldError {
	f := event.FieldError{
		Field:   o.str("field", "param", "property", "name", "path", "propertyPath", "pointer", "attribute"),
		Code:    o.word("code", "type", "rule", "reason", "keyword"),
		Message: o.str("message", "msg", "detail", "description", "defaultMessage", "error"),
	}
	if f.Field == "" {
		f.Field = joinPath(o["loc"])
	}
	if f.Field == "" {
		f.Field = joinPath(o["path"])
	}
	return f
}

// joinPath writes ["body", "items", 0, "name"] as body.items.0.name.
func joinPath(v any) string {
	list, _ := v.([]any)
	parts := make([]string, 0, len(list))
	for _, p := range list[:min(len(list), maxDepth)] {
		if s := scalar(p); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ".")
}
