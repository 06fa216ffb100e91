// Package cli holds the operator's verbs that talk to a running Errata over
// HTTP: look something up, send something, manage keys, find out what is
// wrong. It knows neither the store nor flags: app parses those and passes
// what else is needed as functions.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Exit is an error that has been explained already, and the code to exit with.
type Exit struct {
	Code    int
	Message string
}

func (e *Exit) Error() string { return e.Message }

// ExitCode is what the process should exit with.
func (e *Exit) ExitCode() int { return e.Code }

func exitf(format string, args ...any) error {
	return &Exit{Code: 1, Message: fmt.Sprintf(format, args...)}
}

// APIError is an error that Errata answered with.
type APIError struct {
	Status    int            `json:"-"`
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	RequestID string         `json:"request_id"`
	Details   map[string]any `json:"details"`
}

func (e *APIError) Error() string {
	text := fmt.Sprintf("%d %s: %s", e.Status, safe(e.Code), safe(e.Message))
	if e.RequestID != "" && e.Status >= 500 {
		text += " (request " + safe(e.RequestID) + ")"
	}
	return text
}

const (
	requestTimeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer: 20 full Trails fit.
	maxAnswer = 256 << 20
)

// client is one server and the key for it.
type client struct {
	base, key string
	http      http.Client
}

func newClient(base, key string) *client {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return &client{base: strings.TrimRight(base, "/"), key: strings.TrimSpace(key), http: http.Client{Timeout: requestTimeout}}
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request. Its errors are an *Exit when the server cannot be
// reached, an *APIError when it refuses.
func (c *client) send(ctx context.Context, method, path, contentType string, body []byte) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, exitf("%s is not the address of a server: write it as http://127.0.0.1:8080", safe(c.base))
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "errata-cli")
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return answer{}, unreachable(c.base, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	got := answer{status: res.StatusCode, header: res.Header}
	if got.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return got, unreachable(c.base, err)
	}
	if got.status >= 300 {
		return got, apiError(c.base, got)
	}
	return got, nil
}

// call sends in as JSON, if any, and reads the answer into out, if any.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	contentType := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		contentType = "application/json"
	}
	got, err := c.send(ctx, method, path, contentType, body)
	if err != nil || out == nil {
		return err
	}
	return c.decode(got, out)
}

func (c *client) decode(got answer, out any) error {
	if err := json.Unmarshal(got.body, out); err != nil {
		return exitf("%s did not answer as Errata does. Is it another server, or a proxy in front of it?", c.base)
	}
	return nil
}

func apiError(base string, got answer) error {
	var envelope struct {
		Error *APIError `json:"error"`
	}
	if err := json.Unmarshal(got.body, &envelope); err != nil || envelope.Error == nil || envelope.Error.Code == "" {
		return exitf("%s answered %d, and not as Errata does. Is it another server, or a proxy in front of it?", base, got.status)
	}
	envelope.Error.Status = got.status
	return envelope.Error
}

// unreachable says in one line which server could not be reached and why,
// without the layers that net/http wraps around the cause.
func unreachable(base string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	cause := err
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		cause = wrapped.Err
	}
	var dns *net.DNSError
	why := cause.Error()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "nothing listens there"
	case errors.As(err, &dns):
		why = "the name does not resolve"
	case isTimeout(err):
		why = "no answer in time"
	}
	return exitf("Cannot reach %s: %s. Is Errata running, and is this the right address?", safe(base), safe(why))
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
