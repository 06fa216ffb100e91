// Package route makes an endpoint of a path as it was requested:
// /v1/charges/42 becomes /v1/charges/{id}. It is for senders that know no
// routes; what a sender calls a route is never touched.
//
// There are two layers. Shapes (this file and shape.go) tell a value from a
// word by looking at it: no state, the same answer everywhere, for ever. What
// looks like a word and is none (user names, slugs) is learned from how many
// different ones there are in one place (learn.go); that needs to know which
// endpoints a service has, and happens where they are kept.
//
// Two placeholders say which layer it was: {id} for a shape, {name} for what
// was learned. What kind of ID it is (a number, a UUID) would tell nobody
// more, and would split the endpoint of a service that has both.
package route

import "strings"

const (
	// ID stands for a segment that looks like a value.
	ID = "{id}"
	// rest stands for what lies deeper than maxSegments.
	rest = "*"
	// maxSegments is how deep an endpoint goes: an API's routes are not that
	// deep, the trees of file servers are.
	maxSegments = 12
	// maxWord is the length from which a segment is no word of a route.
	maxWord = 48
)

// Derive makes an endpoint of the path of a request that was answered with
// this status. There is none for 404 and 405: mostly no route took the request,
// and what scanners try would fill the places of real endpoints.
func Derive(path string, status int) (endpoint string, ok bool) {
	if status == 404 || status == 405 || !strings.HasPrefix(path, "/") {
		return "", false
	}
	return Template(path), true
}

// OfRaw gives the endpoint that was meant by one that is plainly a path: it
// looks like one, and has values in it.
func OfRaw(sent string) (endpoint string, ok bool) {
	if !strings.HasPrefix(sent, "/") || IsTemplate(sent) {
		return sent, false
	}
	endpoint = Template(sent)
	return endpoint, endpoint != sent
}

// IsTemplate reports a route as routers write it: it has a {x}, :x, <x>, [x]
// or *.
func IsTemplate(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{', '<', '[', '*':
			return true
		case ':':
			if i > 0 && s[i-1] == '/' && i+1 < len(s) && s[i+1] != '/' {
				return true
			}
		}
	}
	return false
}

// Template replaces the segments of a path that look like values. A template
// of a template is the same. It allocates only when it changes something.
func Template(path string) string {
	var room [256]byte
	out := room[:0]
	kept := 0 // what comes before has been written
	segments := 0
	for i := 0; i <= len(path); {
		end := i
		for end < len(path) && path[end] != '/' {
			end++
		}
		segment := path[i:end]
		if segments > maxSegments && path[i:] != rest {
			out = append(append(out, path[kept:i]...), rest...)
			kept = len(path)
			break
		}
		if isValue(segment) {
			out = append(append(out, path[kept:i]...), ID...)
			kept = end
		}
		segments++
		i = end + 1
	}
	if len(out) == 0 {
		return path
	}
	return string(append(out, path[kept:]...))
}

// Takes reports whether a request for a path may be one of an endpoint: their segments
// are the same, but for placeholders.
func Takes(endpoint, path string) bool {
	for {
		of, restOf, moreOf := strings.Cut(endpoint, "/")
		in, restIn, moreIn := strings.Cut(path, "/")
		switch {
		case strings.HasPrefix(of, rest) && !moreOf:
			return true
		case of != in && (in == "" || !placeholder(of)), moreOf != moreIn:
			return false
		case !moreOf:
			return true
		}
		endpoint, path = restOf, restIn
	}
}

// placeholder reports a segment that is one in some router's language.
func placeholder(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case '{', '<', '[', '*':
		return true
	case ':':
		return len(s) > 1
	}
	return false
}
