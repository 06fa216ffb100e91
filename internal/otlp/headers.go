package otlp

import "strings"

// maxHeaderName bounds the names of captured headers, in bytes.
const maxHeaderName = 100

// headerKeys gives the attribute keys under which headers are captured:
// response before request, hyphens before the underscores that Python's and
// older instrumentations write.
func headerKeys(names ...string) []string {
	out := make([]string, 0, 4*len(names))
	for _, name := range names {
		underscored := strings.ReplaceAll(name, "-", "_")
		for _, prefix := range []string{responseHeader, "http.request.header."} {
			out = append(out, prefix+name)
			if underscored != name {
				out = append(out, prefix+underscored)
			}
		}
	}
	return out
}

// aboutLimits reports the headers that retry advice is made of.
func aboutLimits(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "retry") || strings.Contains(name, "ratelimit") ||
		strings.Contains(name, "rate-limit") || strings.Contains(name, "rate_limit")
}

// setHeaders collects the captured response headers under hyphenated
// lower-case names; the hyphenated form wins over the underscored one.
func setHeaders(it *item) {
	for _, b := range it.scopes {
		for _, h := range b.headers {
			if !strings.Contains(h.name, "_") {
				it.addHeader(strings.ToLower(h.name), h.value)
			}
		}
		for _, h := range b.headers {
			if strings.Contains(h.name, "_") {
				it.addHeader(strings.ToLower(strings.ReplaceAll(h.name, "_", "-")), h.value)
			}
		}
	}
}

func (it *item) addHeader(name string, v attribute) {
	if _, ok := it.env.Headers[name]; ok || len(it.env.Headers) >= maxHeaders {
		return
	}
	value := joined(v)
	if value == "" {
		return
	}
	if it.env.Headers == nil {
		it.env.Headers = make(map[string]string, 8)
	}
	it.env.Headers[name] = value
}

func putRetryAfter(it *item, s string) bool {
	it.env.RetryAfter = s
	return true
}
