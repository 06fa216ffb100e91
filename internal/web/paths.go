package web

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"errata/internal/customer"
	"errata/internal/fault"
)

// Services, codes, endpoints and customers have pages of their own, whose
// addresses hold their names. Names are opaque: they may be empty, have slashes
// and percent signs, or be two dots, which browsers and proxies would take for
// a way up. Those that cannot stand as they are get a tilde in front of them.

func segment(name string) string {
	if name == "" || name == "." || name == ".." || name[0] == '~' {
		name = "~" + name
	}
	return url.PathEscape(name)
}

// nameOf reads what segment wrote.
func nameOf(segment string) (string, error) {
	name, err := url.PathUnescape(segment)
	if err != nil || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "", fault.New(fault.Invalid, "invalid_request", "The name in the address is not valid.")
	}
	return strings.TrimPrefix(name, "~"), nil
}

func pathOfService(service string) string { return "/services/" + segment(service) }

func pathOfCustomer(id string) string { return customer.Path(id) }

// pathOfCode is about the code in all services where service is "".
func pathOfCode(service, code string) string {
	if service == "" {
		return "/codes/" + segment(code)
	}
	return "/codes/" + segment(service) + "/" + segment(code)
}

// bare stands for the slash that an endpoint does not begin with. No segment is
// written like it.
const bare = "~-"

// pathOfEndpoint keeps the slashes of an endpoint, so that people can read it.
func pathOfEndpoint(service, method, endpoint string) string {
	rest, whole := strings.CutPrefix(endpoint, "/")
	parts := strings.Split(rest, "/")
	for i, p := range parts {
		parts[i] = segment(p)
	}
	if !whole {
		parts = append([]string{bare}, parts...)
	}
	return "/e/" + segment(service) + "/" + segment(method) + "/" + strings.Join(parts, "/")
}

// endpointOf reads the end of what pathOfEndpoint wrote.
func endpointOf(path string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	slash := "/"
	if len(parts) > 1 && parts[0] == bare {
		slash, parts = "", parts[1:]
	}
	for i, p := range parts {
		name, err := nameOf(p)
		if err != nil {
			return "", err
		}
		parts[i] = name
	}
	return slash + strings.Join(parts, "/"), nil
}

func pathOfRelease(service, environment, release string) string {
	return "/releases?" + query("service", service, "environment", environment, "release", release)
}
