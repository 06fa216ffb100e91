package event

import (
	"net/http"
	"strconv"
	"strings"
)

// grpcNames are the canonical gRPC status codes; the index is the number on
// the wire.
var grpcNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// statusClientClosed is nginx's status for a request that its caller gave up.
const statusClientClosed = 499

// GRPCName gives the canonical upper-snake name of a gRPC status number; one
// outside of the specification gives "".
func GRPCName(code int) string {
	if code < 0 || code >= len(grpcNames) {
		return ""
	}
	return grpcNames[code]
}

// CanonicalGRPC reads a gRPC (or Connect) status as instrumentations write
// it: "RESOURCE_EXHAUSTED", "resource_exhausted", "ResourceExhausted" or "8".
// Anything else gives "".
func CanonicalGRPC(s string) string {
	s = strings.TrimSpace(s)
	for _, name := range grpcNames {
		if s == name {
			return name
		}
	}
	if n, err := strconv.Atoi(s); err == nil {
		return GRPCName(n)
	}
	folded := strings.ReplaceAll(s, "_", "")
	if strings.EqualFold(folded, "canceled") { // Connect's and Go's spelling
		return "CANCELLED"
	}
	for _, name := range grpcNames {
		if strings.EqualFold(folded, strings.ReplaceAll(name, "_", "")) {
			return name
		}
	}
	return ""
}

// HTTPFromGRPC maps a canonical gRPC status name to the HTTP status that says
// the same. OK gives 200, an empty name 0 (unknown), any other name 500.
func HTTPFromGRPC(name string) int {
	switch name {
	case "":
		return 0
	case "OK":
		return http.StatusOK
	case "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE":
		return http.StatusBadRequest
	case "UNAUTHENTICATED":
		return http.StatusUnauthorized
	case "PERMISSION_DENIED":
		return http.StatusForbidden
	case "NOT_FOUND":
		return http.StatusNotFound
	case "ALREADY_EXISTS", "ABORTED":
		return http.StatusConflict
	case "RESOURCE_EXHAUSTED":
		return http.StatusTooManyRequests
	case "CANCELLED":
		return statusClientClosed
	case "UNIMPLEMENTED":
		return http.StatusNotImplemented
	case "UNAVAILABLE":
		return http.StatusServiceUnavailable
	case "DEADLINE_EXCEEDED":
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}
