package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/fault"
)

// reply writes v as JSON, unescaped for HTML. It is encoded whole before the
// status goes out, so that a failure can still be answered as one.
func reply(c *gin.Context, status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	c.Data(status, "application/json; charset=utf-8", b.Bytes())
	return nil
}

// workspace is the tenant of the key that asks.
func workspace(c *gin.Context) int32 { return edge.Key(c).Workspace }

// pathID is a path parameter as it was before it was escaped.
func pathID(c *gin.Context, name string) (string, error) {
	id, err := url.PathUnescape(c.Param(name))
	if err != nil || !utf8.ValidString(id) {
		return "", fault.New(fault.Invalid, "invalid_request", "The ID in the path is not valid URL-encoded UTF-8.").With("field", name)
	}
	return id, nil
}

// readJSON reads a request body of at most limit bytes into v.
func readJSON(c *gin.Context, limit int64, v any) error {
	if err := wantJSON(c.GetHeader("Content-Type")); err != nil {
		return err
	}
	body, err := edge.ReadBody(c, limit)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badJSON(err)
	}
	if dec.More() {
		return fault.New(fault.Invalid, "invalid_request", "The request body has more than one JSON value.")
	}
	return nil
}

// wantJSON accepts a missing Content-Type: what follows is parsed as JSON.
func wantJSON(contentType string) error {
	if contentType == "" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(contentType); err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return fault.New(fault.UnsupportedMediaType, "unsupported_media_type", "Send the body as application/json.")
}

// unknownField is how encoding/json, which has no type for it, begins the
// error for a field that nobody asked for.
const unknownField = "json: unknown field "

func badJSON(err error) error {
	var wrongType *json.UnmarshalTypeError
	var f *fault.Fault
	switch {
	case errors.As(err, &f): // of a type that reads itself
		return f
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return invalid(wrongType.Field, "must not be a JSON %s", wrongType.Value)
	case strings.HasPrefix(err.Error(), unknownField):
		return invalid(strings.Trim(strings.TrimPrefix(err.Error(), unknownField), `"`), "is not known here")
	}
	return fault.New(fault.Invalid, "invalid_request", "The request body is not a valid JSON object.").Because(err)
}

// invalid is the answer to a field or parameter that cannot be right.
func invalid(field, format string, args ...any) *fault.Fault {
	const maxName = 100 // of a field that the client made up
	if len(field) > maxName {
		field = strings.ToValidUTF8(field[:maxName], "") + "…"
	}
	why := fmt.Sprintf(format, args...)
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' field %s", field, why).With("field", field)
}
