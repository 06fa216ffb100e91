package otlp

// row is one field of the Envelope and the places that may hold it, best
// first.
type row struct {
	field string
	from  []source
	// put stores a candidate, or refuses it so that the search goes on.
	put func(*item, string) bool
	// own keeps the search out of the resource.
	own bool
	// asked keeps the search, for a call that the service made, out of what the
	// called service answered: it is about that service's request.
	asked bool
	// when leaves the row out for other items; nil means always.
	when func(*item) bool
}

// source is one place to look in: attribute keys, or a calculation.
type source struct {
	keys []string
	// loose keys often mean something else (a job, a loop, a JSON-RPC call):
	// they count only on the spans that answer requests, and on logs.
	loose bool
	// put overrides the row's.
	put func(*item, string) bool
	// value takes an attribute whole, for those that are not text.
	value func(*item, attribute) bool
	// calc works the candidate out. uses are further keys that it reads.
	calc func(*item) string
	uses []string

	slots []slot
}

func keys(k ...string) source { return source{keys: k} }

func calc(fn func(*item) string, uses ...string) source { return source{calc: fn, uses: uses} }

// set is a calculation that fills the Envelope itself.
func set(fn func(*item), uses ...string) source {
	return source{calc: func(it *item) string { fn(it); return "" }, uses: uses}
}

// later marks the rank of what normalisation reads, out of Envelope.Body or
// Envelope.Status, between an explicit and a fallback value.
func later() source { return source{} }

var (
	grpcKeys = []string{"rpc.status_code", "rpc.response.status_code", "rpc.connect_rpc.error_code", "rpc.grpc.status_code"}
	bodyKeys = []string{"errata.envelope", "http.response.body.content"}
)

// table is the mapping. It is a function, so that the functions in it can
// reach the compiled mapping without a cycle.
func table(opt Options) []row {
	return []row{
		{field: "request_id", put: putRequestID, own: true, asked: true, from: []source{
			keys(opt.RequestIDKeys...),
			keys("errata.request_id"),
			calc(bodyRequestID, bodyKeys...),
			keys("http.response.header.x-request-id", "http.response.header.x_request_id"),
			keys("http.request.header.x-request-id", "http.request.header.x_request_id"),
			keys("http.request.id", "http.request_id"),
			{keys: []string{"request_id", "request.id", "requestId", "RequestId", "x-request-id", "X-Request-Id"}, loose: true},
			keys("guid:x-request-id"),
			keys("action_dispatch.request_id"),
			keys("rpc.response.metadata.x-request-id", "rpc.request.metadata.x-request-id",
				"rpc.grpc.response.metadata.x-request-id", "rpc.grpc.request.metadata.x-request-id"),
			keys(headerKeys("request-id", "x-correlation-id", "x-amzn-requestid", "x-amzn-trace-id", "cf-ray", "x-ms-request-id")...),
			keys("correlation_id", "correlation.id", "http.correlation_id"),
			keys("faas.invocation_id"),
		}},
		{field: "upstream_request_id", put: putUpstreamRequestID, own: true, when: isUpstream, from: []source{
			keys("aws.request_id", "aws.extended_request_id", "azure.service.request.id", "az.service_request_id"),
			keys("http.response.header.x-request-id", "http.response.header.x_request_id",
				"http.response.header.request-id", "http.response.header.request_id"),
			calc(upstreamBodyRequestID),
		}},
		{field: "upstream", put: putProvider, own: true, when: isUpstream, from: []source{
			{keys: []string{"server.address"}, put: putProviderName},
			keys("peer.service", "gen_ai.system", "gen_ai.provider.name", "server.address"),
		}},
		{field: "http_status", put: putStatus, own: true, from: []source{
			keys("http.response.status_code", "http.status_code"),
			calc(bodyStatus),
			{keys: []string{"error.type"}, put: putTypeAsStatus},
			{keys: grpcKeys, put: putGRPCAsStatus},
			set(inferStatus),
		}},
		{field: "grpc_code", put: putGRPC, own: true, from: []source{
			keys(grpcKeys...),
		}},
		{field: "code", put: putFallbackCode, own: true, from: []source{
			{keys: []string{"errata.code"}, put: putExplicitCode},
			later(),
			keys("error.code", "app.error.code"),
			calc(grpcFailure),
			{keys: []string{"error.type"}, put: putTypeAsCode},
			calc(exceptionType),
			later(),
		}},
		{field: "message", put: putFallbackMessage, own: true, from: []source{
			{keys: []string{"errata.message"}, put: putExplicitMessage},
			later(),
			calc(exceptionMessage),
			calc(logMessage),
			calc(statusMessage),
			keys("error.message"),
		}},
		{field: "details", own: true, from: []source{
			{keys: []string{"errata.details"}, value: takeDetails},
			later(),
		}},
		{field: "exception", own: true, from: []source{
			set(setException, "exception.type", "exception.message", "exception.stacktrace"),
		}},
		{field: "method", put: putMethod, own: true, from: []source{
			keys("http.request.method", "http.request.method_original", "http.method"),
		}},
		{field: "endpoint", put: putEndpoint, own: true, from: []source{
			keys("http.route", "url.template"),
			calc(rpcEndpoint, "rpc.method", "rpc.service"),
			calc(nameEndpoint),
			calc(unmatched),
		}},
		{field: "path", put: putPath, own: true, from: []source{
			{keys: []string{"url.path"}, put: putPathAsIs},
			keys("http.target", "url.full", "http.url"),
		}},
		{field: "service", put: putService, from: []source{
			keys("service.name"),
			calc(unknownService),
		}},
		{field: "namespace", put: putNamespace, from: []source{keys("service.namespace")}},
		{field: "release", put: putRelease, from: []source{keys("service.version")}},
		{field: "instance", put: putInstance, from: []source{
			keys("service.instance.id", "k8s.pod.name", "host.name"),
		}},
		{field: "environment", put: putEnvironment, from: []source{
			keys("deployment.environment.name", "deployment.environment"),
			calc(defaultEnvironment),
		}},
		{field: "customer", put: putCustomer, from: []source{
			keys(opt.CustomerKeys...),
			keys("errata.customer", "user.id", "enduser.id", "enduser.pseudo.id", "user.hash"),
		}},
		{field: "attempt", put: putAttempt, own: true, from: []source{
			keys("http.request.resend_count", "http.resend_count"),
		}},
		{field: "role", from: []source{set(setRole, "event.name")}},
		{field: "occurred_at", from: []source{set(setOccurredAt)}},
		{field: "duration_ms", from: []source{set(setDuration)}},
		{field: "headers", put: putRetryAfter, own: true, from: []source{
			set(setHeaders),
			later(),
			keys("errata.retry_after"),
		}},
		{field: "weight", from: []source{set(setWeight)}},
		{field: "trace", from: []source{set(setTrace)}},
		{field: "body", own: true, from: []source{set(setBody, bodyKeys...)}},
		{field: "fingerprint", put: putFingerprint, own: true, from: []source{keys("errata.fingerprint")}},
		{field: "aliases", own: true, from: []source{set(setAliases, aliasOnlyKeys...)}},
	}
}
