package seed

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// providerLimit: the gateway answers 502 because prompts did, because its
// language model provider answered 429. Nobody limited the customer.
func (w *world) providerLimit(ctx context.Context, customer string) string {
	id := w.id()
	edge := w.serve(ctx, "gateway", "POST", "/v1/prompts/{id}/run", "/v1/prompts/42/run", id, customer)
	hop := w.call(edge, "POST", "/v1/prompts/{id}/run", "prompts.internal")
	inner := w.serve(hop.ctx, "prompts", "POST", "/v1/prompts/{id}/run", "/v1/prompts/42/run", id, customer)
	model := w.call(inner, "POST", "/v1/responses", "api.openai.com")
	model.end(429, 180*time.Millisecond, `{"error":{"type":"requests","code":"rate_limit_exceeded","message":"Rate limit reached for requests"}}`,
		attribute.StringSlice("http.response.header.retry-after", []string{"20"}), attribute.StringSlice("http.response.header.x-request-id", []string{"req-oai-" + id[4:12]}))
	body := fmt.Sprintf(`{"error":"provider_error","message":"The model provider returned an error","request_id":%q,"details":{"provider":"openai","code":"rate_limit_exceeded"}}`, id)
	inner.end(502, 190*time.Millisecond, body)
	hop.end(502, 195*time.Millisecond, "")
	edge.end(502, 200*time.Millisecond, body)
	return id
}

// brokenCharge: billing fails twice on the same request, the second time for
// good.
func (w *world) brokenCharge(ctx context.Context, customer string) string {
	id := w.id()
	body := fmt.Sprintf(`{"error":{"code":"INTERNAL_ERROR","message":"An unexpected error occurred","request_id":%q}}`, id)
	edge := w.serve(ctx, "gateway", "POST", "/v1/charges", "/v1/charges", id, customer)
	for attempt := range 2 {
		hop := w.call(edge, "POST", "/v1/charges", "billing.internal")
		if attempt > 0 {
			hop.span.SetAttributes(attribute.Int("http.request.resend_count", attempt))
		}
		inner := w.serve(hop.ctx, "billing", "POST", "/v1/charges", "/v1/charges", id, customer)
		inner.exception("*pgconn.PgError", "deadlock detected (SQLSTATE 40P01)")
		inner.end(500, 35*time.Millisecond, body)
		hop.end(500, 38*time.Millisecond, "")
	}
	edge.end(500, 90*time.Millisecond, body)
	return id
}

// poolExhausted is the incident: the new release leaks connections.
func (w *world) poolExhausted(ctx context.Context, customer string) {
	id := w.id()
	body := fmt.Sprintf(`{"error":{"code":"DB_POOL_EXHAUSTED","message":"No database connection became free within 5 s","request_id":%q}}`, id)
	edge := w.serve(ctx, "gateway", "POST", "/v1/charges", "/v1/charges", id, customer)
	hop := w.call(edge, "POST", "/v1/charges", "billing.internal")
	inner := w.serve(hop.ctx, "billing", "POST", "/v1/charges", "/v1/charges", id, customer)
	inner.exception("PoolTimeout", "acquire: context deadline exceeded")
	inner.end(503, 5*time.Second, body)
	hop.end(503, 5*time.Second, "")
	edge.end(503, 5*time.Second, body)
}

// fine is a request without any failure.
func (w *world) fine(ctx context.Context, customer string) {
	edge := w.serve(ctx, "gateway", "GET", "/v1/prompts", "/v1/prompts", w.id(), customer)
	edge.end(200, 12*time.Millisecond, "")
}
