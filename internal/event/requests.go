package event

import (
	"fmt"
	"time"
)

// OtherEndpoint stands, in what is counted, for the endpoints of a service
// beyond those that are known by name.
const OtherEndpoint = "(other)"

// Series is what requests are counted by. Together with the Events of the same
// dimensions it makes an error rate.
type Series struct {
	Service, Environment, Method, Endpoint string
}

// RequestSource says who counted the requests. Two sources count the same
// requests, so that they must never be added up; see store.Requests. The
// numbers are stored.
type RequestSource int16

// The sources, best first. The two generations of a metric are apart because
// many SDKs send both (OTEL_SEMCONV_STABILITY_OPT_IN=http/dup).
const (
	TotalsRequests  RequestSource = iota + 1 // POST /v1/totals
	HTTPRequests                             // http.server.request.duration
	OldHTTPRequests                          // http.server.duration
	RPCRequests                              // rpc.server.call.duration
	OldRPCRequests                           // rpc.server.duration
	SpanMetrics                              // the Collector's spanmetrics connector
	SpanRequests                             // SERVER and CONSUMER spans
)

// String gives the source as users know it: totals, metrics, or spans.
func (s RequestSource) String() string {
	switch {
	case s == TotalsRequests:
		return "totals"
	case s > TotalsRequests && s <= SpanMetrics:
		return "metrics"
	case s == SpanRequests:
		return "spans"
	default:
		return fmt.Sprintf("RequestSource(%d)", int16(s))
	}
}

// Sources is a set of RequestSource: a bit for each.
type Sources uint8

// With is the set and one more.
func (s Sources) With(source RequestSource) Sources { return s | 1<<source }

// Has reports whether a source is in the set.
func (s Sources) Has(source RequestSource) bool { return s>>source&1 == 1 }

// Best are those that count where all of the set have counted the requests of a
// service in an environment, each request once: what was told outright, else
// metrics (of HTTP and of RPC, each by the newer of its names), else spans.
func (s Sources) Best() (best Sources) {
	newer := func(now, old RequestSource) Sources {
		if s.Has(now) {
			return best.With(now)
		}
		return best.With(old)
	}
	switch {
	case s.Has(TotalsRequests):
		return best.With(TotalsRequests)
	case s.Has(HTTPRequests) || s.Has(OldHTTPRequests) || s.Has(RPCRequests) || s.Has(OldRPCRequests):
		return newer(HTTPRequests, OldHTTPRequests) | newer(RPCRequests, OldRPCRequests)
	case s.Has(SpanMetrics):
		return best.With(SpanMetrics)
	}
	return best.With(SpanRequests)
}

// Requests is how many requests of one Series a service answered within one
// minute, according to one source.
type Requests struct {
	Workspace int32
	Series
	// Derived: the endpoint was made from a path.
	Derived bool
	// Sent is the endpoint before it was changed, if it was. It tells rows of
	// one report apart, and says what a later total replaces.
	Sent   string
	Status int // HTTP status; 0 = unknown
	Source RequestSource
	Minute time.Time
	// N is for TotalsRequests absolute: it replaces what was said of the minute.
	// That of the other sources is added. Sampled spans stand for more than
	// one, and not always for a whole number.
	N float64
	// Key identifies the report that N comes from (a data point, a batch of
	// spans), so that a repetition is not counted. Rows of one report may share
	// it. Not used by TotalsRequests.
	Key [16]byte
}
