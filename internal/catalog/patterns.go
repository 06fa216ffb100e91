package catalog

import "strings"

// pattern sorts the codes that APIs derive from the names of their things.
type pattern struct{ prefix, suffix, topic string }

func (p pattern) matches(code string) bool {
	return len(code) > len(p.prefix)+len(p.suffix) && strings.HasPrefix(code, p.prefix) && strings.HasSuffix(code, p.suffix)
}

// looksLike is the entry of codes that are built like this one; nil for none.
func looksLike(code string) *found {
	for _, p := range patterns {
		if p.matches(code) {
			return &found{entry: builtIn().topics[p.topic], source: ByPattern}
		}
	}
	return nil
}

// patterns are tried in order for codes that have no entry.
var patterns = []pattern{
	{suffix: "_not_found", topic: "notfound"}, {suffix: "_missing", topic: "validation"}, {suffix: "_does_not_exist", topic: "notfound"},
	{prefix: "no_such_", topic: "notfound"}, {suffix: "_already_exists", topic: "conflict"}, {prefix: "duplicate_", topic: "conflict"},
	{suffix: "_conflict", topic: "conflict"}, {suffix: "_quota_exceeded", topic: "quota"}, {suffix: "_rate_limit_exceeded", topic: "rate"},
	{prefix: "rate_limit_", topic: "rate"}, {suffix: "_too_large", topic: "toolarge"}, {suffix: "_too_long", topic: "validation"},
	{suffix: "_timeout", topic: "timeout"}, {suffix: "_timed_out", topic: "timeout"}, {suffix: "_unavailable", topic: "unavailable"},
	{suffix: "_expired", topic: "gone"}, {prefix: "unsupported_", topic: "validation"}, {prefix: "missing_", topic: "validation"},
	{prefix: "invalid_", topic: "validation"}, {suffix: "_invalid", topic: "validation"}, {suffix: "_required", topic: "validation"},
	{prefix: "unauthorized_", topic: "auth"}, {prefix: "forbidden_", topic: "forbidden"}, {suffix: "_denied", topic: "forbidden"},
}
