package month

import "errata/internal/event"

// kind is a way to fail.
type kind struct {
	family  event.Family
	status  int
	code    string
	message []string // %i an ID, %n a number, %f a field, %p a provider
	// exception is the type of what was thrown, where something was.
	exception string
	// slow: it took long to fail.
	slow bool
}

// shares is how much of everything each family has.
var shares = map[event.Family]float64{event.FamilyCaller: 0.62, event.FamilyLimits: 0.2, event.FamilyUs: 0.11, event.FamilyUpstream: 0.07}

// kinds are all ways to fail.
var kinds = []kind{
	{family: event.FamilyCaller, status: 400, code: "invalid_request", message: []string{"Unrecognized parameter: %f", "The body is no valid JSON at byte %n"}},
	{family: event.FamilyCaller, status: 401, code: "invalid_api_key", message: []string{"No such API key: key_%i", "The API key has been revoked"}},
	{family: event.FamilyCaller, status: 401, code: "token_expired", message: []string{"The token expired %n seconds ago"}},
	{family: event.FamilyCaller, status: 402, code: "card_declined", message: []string{"The card was declined by its issuer", "The card ending in %n was declined"}},
	{family: event.FamilyCaller, status: 403, code: "insufficient_permissions", message: []string{"The role of usr_%i may not do this", "This needs the permission write:%f"}},
	{family: event.FamilyCaller, status: 404, code: "resource_missing", message: []string{"No such object: obj_%i", "Nothing was found under %i"}},
	{family: event.FamilyCaller, status: 409, code: "idempotency_key_reused", message: []string{"The key %i was used with other parameters"}},
	{family: event.FamilyCaller, status: 409, code: "already_exists", message: []string{"There is one already: obj_%i"}},
	{family: event.FamilyCaller, status: 413, code: "payload_too_large", message: []string{"The body has %n bytes; 1048576 are taken"}},
	{family: event.FamilyCaller, status: 422, code: "validation_failed", message: []string{"The field '%f' is required", "The field '%f' must be below %n", "The field '%f' is no e-mail address"}},
	{family: event.FamilyLimits, status: 429, code: "rate_limit_exceeded", message: []string{"More than %n requests a minute", "Slow down: try again in %n seconds"}},
	{family: event.FamilyLimits, status: 429, code: "concurrency_limit_exceeded", message: []string{"%n requests are under way already"}},
	{family: event.FamilyLimits, status: 403, code: "quota_exceeded", message: []string{"The monthly quota of %n is used up"}},
	{family: event.FamilyUs, status: 500, code: "internal_error", message: []string{"An unexpected error occurred (%i)"}, exception: "NullPointerException"},
	{family: event.FamilyUs, status: 500, code: "deadlock_detected", message: []string{"Process %n waits for ShareLock on transaction %n"}, exception: "PgError"},
	{family: event.FamilyUs, status: 500, code: "serialization_failed", message: []string{"Cannot read version %n of obj_%i"}, exception: "DecodeError"},
	{family: event.FamilyUs, status: 503, code: "db_pool_exhausted", message: []string{"No connection became free within %n ms"}, exception: "PoolTimeout", slow: true},
	{family: event.FamilyUs, status: 503, code: "service_unavailable", message: []string{"The service is starting", "Shutting down in %n s"}},
	{family: event.FamilyUpstream, status: 502, code: "provider_error", message: []string{"%p answered with an error (%i)", "%p closed the connection"}},
	{family: event.FamilyUpstream, status: 504, code: "provider_timeout", message: []string{"%p did not answer within %n ms"}, slow: true},
	{family: event.FamilyUpstream, status: 502, code: "bad_gateway", message: []string{"The answer of %p could not be read"}},
}

// cascade is what the service in front says when one behind it failed.
var cascade = kind{family: event.FamilyUpstream, status: 502, code: "upstream_failed", message: []string{"%p failed"}}

var (
	providers = []string{"stripe", "openai", "twilio", "sendgrid", "s3", "auth0", "adyen", "plaid", "mapbox", "elastic"}
	fields    = []string{"amount", "currency", "email", "name", "starts_at", "limit", "cursor", "country", "items", "quantity", "address.zip", "metadata"}

	domains = []string{"gateway", "billing", "checkout", "search", "accounts", "payments", "orders", "sessions", "catalog", "inventory", "shipping", "notifications",
		"uploads", "webhooks", "messages", "invoices", "ledger", "fraud", "pricing", "promotions", "reviews", "media", "exports", "reports", "analytics", "scheduler",
		"workflows", "flags", "geo", "translations", "tickets", "chats", "contacts", "leads", "campaigns", "audiences", "feeds", "documents", "templates", "backups",
		"policies", "tenants", "partners", "loans", "cards", "transfers", "disputes", "subscriptions", "plans", "coupons", "refunds", "quotes", "prompts", "models",
		"embeddings", "agents", "devices", "firmware", "metrics", "traces"}
	suffixes = []string{"", "-api", "-worker", "-edge"}

	resources = []string{"charges", "customers", "items", "events", "files", "users", "keys", "rules", "batches", "drafts", "members", "groups", "tags", "notes",
		"versions", "jobs", "entries", "accounts", "links", "views"}
	verbs = []string{"cancel", "confirm", "search", "export", "archive", "approve", "retry", "preview"}
)
