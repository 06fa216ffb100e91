package app

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// clean gives a request whose path tells only which handler it is for.
func clean(r *http.Request) *http.Request {
	first, _, more := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	path := "/" + first
	if more {
		path += "/"
	}
	r.URL = &url.URL{Path: path}
	return r
}

// shown is an address as a person on this machine would type it.
func shown(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
