package dialect

import (
	"strings"

	"errata/internal/event"
)

// Twirp {"code", "msg", "meta"}, Connect {"code", "message", "details"} and
// grpc-gateway {"code": 5, "message", "details"}.

func isTwirp(in *input) bool {
	return in.obj.str("code") != "" && in.obj.has("msg") && !in.obj.has("message")
}

func readTwirp(in *input, r *Reading) {
	r.RawCode, r.Message = in.obj.str("code"), in.obj.str("msg")
	r.Details = in.obj.first("meta")
	if field := in.obj.sub("meta").str("argument"); field != "" {
		r.FieldErrors = []event.FieldError{{Field: field, Message: r.Message}}
	}
}

func isConnect(in *input) bool {
	code := in.obj.str("code")
	if code == "" || code != strings.ToLower(code) || isStatus(code) || len(code) < 3 {
		return false
	}
	for key := range in.obj {
		if key != "code" && key != "message" && key != "details" {
			return false
		}
	}
	return event.CanonicalGRPC(code) != ""
}

func readConnect(in *input, r *Reading) {
	r.RawCode, r.Message = in.obj.str("code"), in.obj.str("message")
	r.Details = in.obj.first("details")
	readGoogleDetails(r, in.obj.list("details"))
}

func isGateway(in *input) bool {
	n, ok := in.obj.integer("code")
	_, isText := in.obj["code"].(string)
	return ok && !isText && n >= 1 && event.GRPCName(n) != "" && (in.obj.has("message") || in.obj.has("details"))
}

func readGateway(in *input, r *Reading) {
	n, _ := in.obj.integer("code")
	r.RawCode, r.Message = event.GRPCName(n), in.obj.str("message")
	r.Details = in.obj.first("details")
	readGoogleDetails(r, in.obj.list("details"))
}
