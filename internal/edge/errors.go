package edge

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
)

// statuses is the one table from kind to HTTP status.
var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError, fault.Invalid: http.StatusBadRequest, fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound, fault.MethodNotAllowed: http.StatusMethodNotAllowed,
	fault.Conflict: http.StatusConflict, fault.TooLarge: http.StatusRequestEntityTooLarge,
	fault.UnsupportedMediaType: http.StatusUnsupportedMediaType, fault.Unprocessable: http.StatusUnprocessableEntity,
	fault.RateLimited: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable,
}

// Status gives the HTTP status of a kind.
func Status(k fault.Kind) int { return statuses[k] }

// statusClientGone is logged when the client did not wait for its answer.
const statusClientGone = 499

// envelope is Errata's own error body.
type envelope struct {
	Error body `json:"error"`
}

type body struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	RequestID string         `json:"request_id"`
	Details   map[string]any `json:"details,omitempty"`
}

// problem is the same as RFC 9457 has it.
type problem struct {
	Type       string         `json:"type"`
	Title      string         `json:"title"`
	Status     int            `json:"status"`
	Detail     string         `json:"detail"`
	Code       string         `json:"code"`
	RequestID  string         `json:"request_id"`
	RetryAfter int            `json:"retry_after,omitempty"`
	Details    map[string]any `json:"details,omitempty"`
}

// Gone ends the handling of a request whose client did not wait: nobody reads
// the answer, and it is no failure of ours. It tells whether that is so.
func Gone(c *gin.Context, err error) bool {
	if !errors.Is(err, context.Canceled) || c.Request.Context().Err() == nil {
		return false
	}
	c.AbortWithStatus(statusClientGone)
	return true
}

// Write answers with the error and ends the handling of the request.
func Write(c *gin.Context, err error) {
	opt := options(c)
	if Gone(c, err) {
		return
	}
	f := fault.Of(err)
	status := Status(f.Kind)
	if status >= 500 {
		opt.Logger.ErrorContext(c.Request.Context(), "request failed", "error", err, "code", f.Code, "route", c.FullPath(), "request_id", RequestID(c))
		if opt.OnServerError != nil {
			opt.OnServerError(c, f)
		}
	}
	c.Abort()
	if c.Writer.Written() {
		return // too late to say anything
	}
	retry := SetRetryAfter(c, f)
	if status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="errata"`)
	}
	c.Header("Cache-Control", "no-store")
	if opt.WriteError != nil && opt.WriteError(c, f) {
		return
	}
	if strings.Contains(c.GetHeader("Accept"), "application/problem+json") {
		c.Header("Content-Type", "application/problem+json")
		c.PureJSON(status, problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: f.Message, Code: f.Code,
			RequestID: RequestID(c), RetryAfter: retry, Details: f.Details})
		return
	}
	c.PureJSON(status, envelope{body{f.Code, f.Message, RequestID(c), f.Details}})
}

// SetRetryAfter sets the headers that tell a client how long to wait, and
// gives the seconds; 0 when there is nothing to wait for.
func SetRetryAfter(c *gin.Context, f *fault.Fault) int {
	if f.Kind != fault.RateLimited && f.Kind != fault.Unavailable {
		return 0
	}
	seconds := int(math.Ceil(max(f.RetryAfter, time.Second).Seconds()))
	c.Header("Retry-After", strconv.Itoa(seconds))
	if f.Kind == fault.RateLimited {
		if limit, ok := f.Details["limit"]; ok {
			c.Header("X-RateLimit-Limit", toText(limit))
			c.Header("X-RateLimit-Remaining", "0")
			c.Header("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Duration(seconds)*time.Second).Unix(), 10))
		}
		f.With("retry_after", seconds)
	}
	return seconds
}

func toText(v any) string {
	switch n := v.(type) {
	case int:
		return strconv.Itoa(n)
	case int64:
		return strconv.FormatInt(n, 10)
	case string:
		return n
	default:
		return ""
	}
}
