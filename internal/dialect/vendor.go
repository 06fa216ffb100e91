package dialect

import (
	"strings"

	"errata/internal/event"
)

// Stripe, OpenAI and Anthropic: an error object with a type beside the code.

func isAnthropic(in *input) bool {
	return in.obj.str("type") == "error" && in.obj.sub("error").str("type") != ""
}

func readAnthropic(in *input, r *Reading) {
	e := in.obj.sub("error")
	r.RawCode, r.Message = e.str("type"), e.str("message")
	r.Details = e.rest("type", "message")
}

// stripeKeys stand only in Stripe's errors.
var stripeKeys = []string{"doc_url", "request_log_url", "decline_code", "payment_intent", "charge", "payment_method", "setup_intent"}

func isStripe(in *input) bool {
	e := in.obj.sub("error")
	if !strings.HasSuffix(e.str("type"), "_error") {
		return false
	}
	for _, key := range stripeKeys {
		if e.has(key) {
			return true
		}
	}
	return in.header("stripe-version") != ""
}

func isOpenAI(in *input) bool {
	e := in.obj.sub("error")
	return e.str("type") != "" && e.str("message") != "" && e.has("code") && e.has("param")
}

// readVendor reads an error whose type is the code when it has none of its own.
func readVendor(in *input, r *Reading) {
	e := in.obj.sub("error")
	r.RawCode, r.Message = e.word("code"), e.str("message")
	if r.RawCode == "" {
		r.RawCode = e.str("type")
	}
	if param := e.str("param"); param != "" {
		r.FieldErrors = []event.FieldError{{Field: param, Code: r.RawCode, Message: r.Message}}
	}
	r.Details = e.rest("code", "message")
}

// AWS JSON protocols: the code is in __type or a header, often with a
// namespace before '#' and a URL after ':'.

func isAWS(in *input) bool {
	return in.obj != nil && (in.obj.str("__type") != "" || in.header("x-amzn-errortype") != "")
}

func readAWS(in *input, r *Reading) {
	r.RawCode = in.header("x-amzn-errortype")
	if r.RawCode == "" {
		r.RawCode = in.obj.str("__type")
	}
	if i := strings.Index(r.RawCode, ":http"); i > 0 {
		r.RawCode = r.RawCode[:i]
	}
	r.Message = in.obj.str("message", "Message", "errorMessage")
	r.Details = in.obj.rest("__type", "message", "Message")
}
