package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// report is one item of POST /v1/errors.
type report struct {
	RequestID   string            `json:"request_id,omitempty"`
	Service     string            `json:"service"`
	Environment string            `json:"environment"`
	Release     string            `json:"release,omitempty"`
	Method      string            `json:"method"`
	Endpoint    string            `json:"endpoint"`
	Path        string            `json:"path,omitempty"`
	Status      int               `json:"status"`
	OccurredAt  time.Time         `json:"occurred_at"`
	DurationMS  float64           `json:"duration_ms"`
	Customer    string            `json:"customer,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Envelope    any               `json:"envelope"`
}

// reporter sends reports over plain HTTP.
type reporter struct {
	url, key string
	client   *http.Client
}

func newReporter(collector, key string) *reporter {
	return &reporter{collector + "/v1/errors", key, &http.Client{Timeout: 10 * time.Second}}
}

func (r *reporter) send(ctx context.Context, reports ...report) error {
	body, err := json.Marshal(reports)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-api-key", r.key)
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	var verdict struct {
		Rejected []json.RawMessage `json:"rejected"`
	}
	if res.StatusCode != http.StatusOK || json.Unmarshal(answer, &verdict) != nil || len(verdict.Rejected) > 0 {
		return fmt.Errorf("the collector answers %s: %.300s", res.Status, answer)
	}
	return nil
}

// The services that report over plain HTTP, each in a dialect of its own.

// nested and flat are two common shapes of an error body.
type nested struct {
	Error nestedError `json:"error"`
}

type nestedError struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	RequestID string         `json:"request_id,omitempty"`
	Details   map[string]any `json:"details,omitempty"`
}

type flat struct {
	Error      string         `json:"error"`
	Message    string         `json:"message"`
	Field      string         `json:"field,omitempty"`
	RetryAfter int            `json:"retry_after,omitempty"`
	RequestID  string         `json:"request_id,omitempty"`
	Details    map[string]any `json:"details,omitempty"`
}

func (w *world) base(service, method, endpoint, customer string, status int, at time.Time) report {
	return report{Service: service, Environment: "production", Release: "2026.11.18-1", Method: method, Endpoint: endpoint, Status: status,
		OccurredAt: at, DurationMS: 2 + w.rand.Float64()*60, Customer: customer}
}

func (w *world) validation(customer string, at time.Time) report {
	r := w.base("prompts", "POST", "/v1/prompts", customer, 422, at)
	r.Envelope = flat{Error: "validation_error", Message: "Field 'text' must be between 1 and 8000 characters", Field: "text", RequestID: w.id()}
	return r
}

func (w *world) quota(customer string, at time.Time) report {
	r := w.base("billing", "POST", "/v1/usage", customer, 403, at)
	r.Envelope = nested{nestedError{Code: "QUOTA_EXCEEDED", Message: "The monthly request quota of this workspace is used up", RequestID: w.id(),
		Details: map[string]any{"quota": 100000, "used": 100000, "resets_at": "2026-12-01T00:00:00Z"}}}
	return r
}

func (w *world) unauthorized(customer string, at time.Time) report {
	r := w.base("auth", "POST", "/v1/token", customer, 401, at)
	r.Headers = map[string]string{"X-Request-Id": w.id()}
	r.Envelope = nested{nestedError{Code: "invalid_api_key", Message: "The API key is invalid or was revoked"}}
	return r
}

func (w *world) searchTimeout(customer string, at time.Time) report {
	r := w.base("search", "GET", "/v1/search", customer, 504, at)
	r.DurationMS = 60_000
	r.Envelope = flat{Error: "timeout", Message: "The request timed out after 60 seconds", RequestID: w.id()}
	return r
}

func (w *world) notFound(customer string, at time.Time) report {
	r := w.base("prompts", "GET", "/v1/prompts/{id}", customer, 404, at)
	r.Envelope = flat{Error: "not_found", Message: fmt.Sprintf("Prompt '%d' does not exist", w.rand.IntN(9000)), RequestID: w.id()}
	return r
}

func (w *world) limitReport(customer string, at time.Time) report {
	r := w.base("prompts", "POST", "/v1/prompts/{id}/run", customer, 429, at)
	r.Headers = map[string]string{"Retry-After": "45", "X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0",
		"X-RateLimit-Reset": fmt.Sprint(at.Add(45 * time.Second).Unix())}
	r.Envelope = flat{Error: "rate_limit_exceeded", Message: "Rate limit exceeded. Try again in 45 seconds.", RetryAfter: 45, RequestID: w.id()}
	return r
}

// rateLimited is a customer who goes on trying: three attempts under one ID.
func (w *world) rateLimited(ctx context.Context, customer string, at time.Time) (string, error) {
	id := w.id()
	var attempts []report
	for i := range 3 {
		r := w.limitReport(customer, at.Add(time.Duration(i*5)*time.Second))
		r.RequestID, r.Path = id, "/v1/prompts/42/run"
		r.Envelope = flat{Error: "rate_limit_exceeded", Message: "Rate limit exceeded. Try again in 45 seconds.", RetryAfter: 45, RequestID: id}
		attempts = append(attempts, r)
	}
	return id, w.http.send(ctx, attempts...)
}
