package otlp

import (
	"slices"
	"strings"

	"errata/internal/event"
)

const (
	maxAliases = 16
	// minLooseAlias: a loose key's short values are counters, not IDs.
	minLooseAlias = 6
)

// aliasOnlyKeys name IDs that are never an item's request ID, but under which
// somebody may look for it.
var aliasOnlyKeys = append(headerKeys("x-amz-request-id", "x-amz-id-2"), keyKeys...)

// keyKeys name the idempotency key of a request.
var keyKeys = append(headerKeys("idempotency-key", "x-idempotency-key"),
	"rpc.request.metadata.idempotency-key", "rpc.grpc.request.metadata.idempotency-key", "idempotency_key", "idempotency.key")

// aliasKinds says what sort of ID a key or header holds.
var aliasKinds = map[string]string{
	"errata.request_id": "request", "http.request.id": "request", "http.request_id": "request",
	"request_id": "request", "request.id": "request", "requestId": "request", "RequestId": "request",
	"x-request-id": "request", "X-Request-Id": "request", "guid:x-request-id": "request",
	"action_dispatch.request_id": "request", "faas.invocation_id": "request",
	"request-id": "request", "x-ms-request-id": "request",
	"aws.request_id": "aws", "aws.extended_request_id": "aws", "x-amzn-requestid": "aws",
	"x-amzn-trace-id": "aws", "x-amz-request-id": "aws", "x-amz-id-2": "aws",
	"azure.service.request.id": "upstream", "az.service_request_id": "upstream",
	"cf-ray": "ray", "x-correlation-id": "correlation",
	"idempotency-key": event.Idempotency, "x-idempotency-key": event.Idempotency, "idempotency_key": event.Idempotency, "idempotency.key": event.Idempotency,
	"correlation_id": "correlation", "correlation.id": "correlation", "http.correlation_id": "correlation",
}

// idPrefixes are those of keys that hold a header or a piece of RPC metadata.
var idPrefixes = []string{
	responseHeader, "http.request.header.", "rpc.response.metadata.", "rpc.request.metadata.",
	"rpc.grpc.response.metadata.", "rpc.grpc.request.metadata.",
}

func aliasKind(key string) string {
	for _, prefix := range idPrefixes {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			return aliasKinds[strings.ReplaceAll(name, "_", "-")]
		}
	}
	return aliasKinds[key]
}

// setAliases keeps every ID that was not chosen as the request's or the
// upstream's.
func setAliases(it *item) {
	for _, b := range it.scopes {
		for _, s := range b.used {
			if it.m.info[s].alias != "" {
				it.addAlias(s, b.values[s])
			}
		}
	}
}

func (it *item) addAlias(s slot, v attribute) {
	if it.m.info[s].alias == event.Idempotency {
		it.addKey(v)
		return
	}
	if len(it.env.Aliases) >= maxAliases {
		return
	}
	id := cleanID(firstText(v))
	info := &it.m.info[s]
	if id == "" || info.loose && (len(id) < minLooseAlias || it.kind == clientSpan || it.kind == innerSpan) {
		return
	}
	if id == it.env.RequestID || id == it.env.UpstreamRequestID {
		return
	}
	for i := range it.env.Aliases {
		if it.env.Aliases[i].Value == id {
			return
		}
	}
	alias := info.alias
	if alias == "request" && info.answer && isUpstream(it) {
		alias = "upstream"
	}
	it.env.Aliases = append(it.env.Aliases, event.Alias{Kind: alias, Value: id})
}

// addKey keeps the first idempotency key, whatever else has its value. It takes the
// place of another ID where there is no room.
func (it *item) addKey(v attribute) {
	key := event.CleanKey(firstText(v))
	if key == "" || slices.ContainsFunc(it.env.Aliases, func(a event.Alias) bool { return a.Kind == event.Idempotency }) {
		return
	}
	kept := it.env.Aliases[:min(len(it.env.Aliases), maxAliases-1)]
	it.env.Aliases = append(kept, event.Alias{Kind: event.Idempotency, Value: key})
}

// cleanID is event.CleanID that takes the root out of an X-Amzn-Trace-Id
// ("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1"): the rest
// changes from hop to hop.
func cleanID(s string) string {
	if strings.Contains(s, "Root=") {
		for field := range strings.SplitSeq(strings.Trim(s, ` "'[]()`), ";") {
			if root, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok {
				return event.CleanID(root)
			}
		}
	}
	return event.CleanID(s)
}
