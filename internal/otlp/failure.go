package otlp

import (
	"encoding/json"
	"math"
	"net"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/event"
)

// putStatus takes an HTTP status. 0 stands for "no answer" in some clients;
// what no answer can have is remembered, to be told to the sender.
func putStatus(it *item, s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) {
		return false
	}
	if f < 100 || f > 599 {
		if f > 599 && it.badStatus == "" {
			it.badStatus = s
		}
		return false
	}
	it.env.Status = int(f)
	return true
}

func bodyStatus(it *item) string {
	if s := it.read().Status; s != 0 {
		return strconv.Itoa(s)
	}
	return ""
}

func putTypeAsStatus(it *item, s string) bool { return isStatus(s) && putStatus(it, s) }

// isStatus reports three digits as error.type has them.
func isStatus(s string) bool {
	return len(s) == 3 && s[0] >= '1' && s[0] <= '5' && isDigit(s[1]) && isDigit(s[2])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func putGRPCAsStatus(it *item, s string) bool {
	it.env.Status = event.HTTPFromGRPC(event.CanonicalGRPC(s))
	return it.env.Status != 0
}

// inferStatus: a SERVER span that failed without a status was an unhandled
// exception, which frameworks answer with 500 after the span has ended.
func inferStatus(it *item) {
	if it.kind == serverSpan && it.span.Status().Code() == ptrace.StatusCodeError && it.badStatus == "" {
		it.env.Status, it.env.StatusInferred = 500, true
	}
}

func putGRPC(it *item, s string) bool {
	it.env.GRPCCode = event.CanonicalGRPC(s)
	return it.env.GRPCCode != ""
}

func grpcFailure(it *item) string {
	if it.env.GRPCCode == "OK" {
		return ""
	}
	return it.env.GRPCCode
}

func putExplicitCode(it *item, s string) bool {
	it.env.ExplicitCode = s
	return true
}

func putFallbackCode(it *item, s string) bool {
	it.env.FallbackCode = s
	return true
}

// putTypeAsCode refuses what error.type says only to say something, and leaves
// it to an exception to say more than a vague type does.
func putTypeAsCode(it *item, s string) bool {
	if s == "_OTHER" || strings.Trim(s, "0123456789") == "" || event.Vague(s) && it.thrown().Type != "" {
		return false
	}
	return putFallbackCode(it, s)
}

func putExplicitMessage(it *item, s string) bool {
	it.env.ExplicitMessage = s
	return true
}

func putFallbackMessage(it *item, s string) bool {
	it.env.FallbackMessage = s
	return true
}

func logMessage(it *item) string {
	if it.kind != logRecord || !it.severe || it.record.Body().Type() != pcommon.ValueTypeStr {
		return ""
	}
	return text(it.record.Body())
}

func statusMessage(it *item) string {
	if it.kind == logRecord {
		return ""
	}
	return withoutNumbers(strings.TrimSpace(it.span.Status().Message()))
}

// withoutNumbers takes the "Error #01: " off each line that otelgin makes of
// gin's list of errors.
func withoutNumbers(s string) string {
	const mark = "Error #"
	if !strings.HasPrefix(s, mark) {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		number, rest, ok := strings.Cut(strings.TrimPrefix(line, mark), ": ")
		if ok && strings.HasPrefix(line, mark) && strings.Trim(number, "0123456789") == "" {
			lines[i] = rest
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// takeDetails keeps errata.details as JSON, whatever form it came in.
func takeDetails(it *item, v attribute) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeBytes:
		it.env.ExplicitDetails = it.detailsText(text(v))
	default:
		it.env.ExplicitDetails = structured(v)
	}
	return len(it.env.ExplicitDetails) > 0
}

func (it *item) detailsText(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	it.badDetails = true
	quoted, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	return quoted
}

// thrown is what a runtime said, all of it from one scope.
func (it *item) thrown() *event.Exception {
	if it.excDone {
		return &it.exception
	}
	it.excDone = true
	order := it.scopes
	if it.kind != logRecord { // a span event is nearer to it than the span
		order = []*bag{it.scopes[1], it.scopes[0]}
	}
	for _, b := range order {
		it.exception = event.Exception{
			Type:       it.textIn(b, "exception.type"),
			Message:    it.textIn(b, "exception.message"),
			Stacktrace: it.textIn(b, "exception.stacktrace"),
		}
		if it.exception != (event.Exception{}) {
			break
		}
	}
	return &it.exception
}

func (it *item) textIn(b *bag, key string) string {
	if len(b.used) == 0 {
		return ""
	}
	v, ok := b.get(it.m.slots[key])
	if !ok {
		return ""
	}
	return firstText(v)
}

func exceptionType(it *item) string    { return it.thrown().Type }
func exceptionMessage(it *item) string { return it.thrown().Message }

func setException(it *item) {
	if e := it.thrown(); *e != (event.Exception{}) {
		thrown := *e
		it.env.Exception = &thrown
	}
}

// putProviderName refuses addresses: a provider is counted by its name.
func putProviderName(it *item, s string) bool {
	return net.ParseIP(s) == nil && putProvider(it, s)
}

func putProvider(it *item, s string) bool {
	it.env.UpstreamProvider = s
	return true
}
