// Package fault gives failures of Errata itself a kind, so that each edge
// (HTTP, gRPC, CLI) can decide in one place what its client is told. What the
// client reads (Message, Details) and what is logged (the wrapped cause) are
// two different things.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is a class of failure; the edges map it to a status.
type Kind int

// The kinds, in the order of the HTTP statuses that they become.
const (
	Internal             Kind = iota // 500
	Invalid                          // 400 invalid_request
	Unauthorized                     // 401
	Forbidden                        // 403
	NotFound                         // 404 <thing>_not_found
	MethodNotAllowed                 // 405
	Conflict                         // 409
	TooLarge                         // 413 payload_too_large
	UnsupportedMediaType             // 415
	Unprocessable                    // 422 validation_failed
	RateLimited                      // 429 rate_limit_exceeded
	Unavailable                      // 503 service_unavailable
)

// Fault is a failure with a stable code and a message that is safe to show.
type Fault struct {
	Kind       Kind
	Code       string         // stable, lower snake case
	Message    string         // for the client: which field, why, what to do
	Details    map[string]any // for the client; no secrets
	RetryAfter time.Duration  // for RateLimited and Unavailable
	Err        error          // for the log only
}

func (f *Fault) Error() string {
	if f.Err != nil {
		return f.Code + ": " + f.Message + ": " + f.Err.Error()
	}
	return f.Code + ": " + f.Message
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// New makes a Fault. code must be stable; message is shown to clients.
func New(kind Kind, code, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// With adds a detail and returns the same Fault.
func (f *Fault) With(key string, value any) *Fault {
	if f.Details == nil {
		f.Details = map[string]any{}
	}
	f.Details[key] = value
	return f
}

// Because sets the cause that is logged and returns the same Fault.
func (f *Fault) Because(err error) *Fault {
	f.Err = err
	return f
}

// Retry sets how long the client should wait and returns the same Fault.
func (f *Fault) Retry(after time.Duration) *Fault {
	f.RetryAfter = after
	return f
}

// Of finds the Fault in err; an error without one is Internal.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Kind: Internal, Code: "internal_error", Message: "Something went wrong on our side. Retry, and give support the request ID if it goes on.", Err: err}
}

// Is reports whether err carries a Fault of that kind.
func Is(err error, kind Kind) bool {
	var f *Fault
	return errors.As(err, &f) && f.Kind == kind
}

// Wrap adds context to *errp when it is not nil; for use with defer at package
// boundaries: defer fault.Wrap(&err, "Trail(%q)", id).
func Wrap(errp *error, format string, args ...any) {
	if *errp != nil {
		*errp = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), *errp)
	}
}
