package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Resolver finds the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// guard decides where connections may go. It resolves names itself and dials
// the very addresses that it judged, so that a name cannot mean one thing when
// it is checked and another when it is dialled.
type guard struct {
	resolver Resolver
	allow    []netip.Prefix
}

// refusal is a decision, not a failure: it will be the same next time.
type refusal struct{ why string }

func (r refusal) Error() string { return r.why }

// internet is what public IPv6 addresses are taken from; all else is not.
var internet = netip.MustParsePrefix("2000::/3")

// special are ranges that lead, or may lead, to something other than a public
// server, by the IANA registries of special-purpose addresses.
// https://www.iana.org/assignments/iana-ipv4-special-registry
// https://www.iana.org/assignments/iana-ipv6-special-registry
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",                        // Azure's host, on a public address
	"2001::/23",                               // Teredo and others
	"2001:db8::/32", "3fff::/20", "2002::/16", // documentation; 6to4, which has IPv4 inside
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for n, s := range all {
		out[n] = netip.MustParsePrefix(s)
	}
	return out
}

func within(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
}

// judge says whether an address may be dialled. Only what is allowed by name
// may be spoken to without TLS.
func (g guard) judge(a netip.Addr, plain bool) error {
	a = a.Unmap() // ::ffff:10.0.0.1 is 10.0.0.1
	switch {
	case a.Zone() != "":
		return refusal{fmt.Sprintf("%s is an address of one network link", a)}
	case within(g.allow, a):
		return nil
	case within(special, a) || a.Is6() && !internet.Contains(a):
		return refusal{fmt.Sprintf("%s is not a public address; whoever runs Errata can allow it", a)}
	case plain:
		return unencrypted
	}
	return nil
}

// ParseAllow reads what an operator allows: addresses and CIDR ranges.
func ParseAllow(all []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range all {
		p, err := netip.ParsePrefix(s)
		if a, aerr := netip.ParseAddr(s); aerr == nil && a.Zone() == "" {
			a = a.Unmap()
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil || p.Addr().Is4In6():
			return nil, fmt.Errorf("%q is neither an address nor a range such as 10.1.0.0/16", s)
		case p.Bits() == 0:
			return nil, fmt.Errorf("%q would allow everything", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// unencrypted says why names may not be spoken to without TLS.
var unencrypted = refusal{"messages go out over https:// only, but to addresses that whoever runs Errata allows"}

// proxied judges what a proxy is asked for. It resolves names for us, so that
// nobody here knows where one leads.
func (g guard) proxied(host string, plain bool) error {
	if _, err := netip.ParseAddr(host); err != nil && plain {
		return unencrypted
	}
	return g.host(host, plain)
}

// host judges a host as it is written, without asking anybody.
func (g guard) host(host string, plain bool) error {
	if a, err := netip.ParseAddr(host); err == nil {
		return g.judge(a, plain)
	}
	switch last := strings.TrimSuffix(host, "."); {
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`%\"<>^{|}`, r) }):
		return refusal{"the host must be written in ASCII letters (xn--… for others)"}
	case len(host) > 253:
		return refusal{"the host is too long"}
	default: // 127.1, 0x7f000001 and 2130706433 are all loopback to some resolvers
		last = last[strings.LastIndexByte(last, '.')+1:]
		if last == "" || last[0] >= '0' && last[0] <= '9' {
			return refusal{"the host must be a name, or an IPv4 address as four decimal numbers"}
		}
	}
	return nil
}

// addresses resolves a host. One bad address condemns all: which one would be
// dialled is for whoever answers to decide.
func (g guard) addresses(ctx context.Context, host string, plain bool) ([]netip.Addr, error) {
	if err := g.host(host, plain); err != nil {
		return nil, err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	found, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("the host has no address")
	}
	for n, a := range found {
		found[n] = a.Unmap()
		if err := g.judge(a, plain); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// perAddress bounds the wait for one of several addresses.
const perAddress = 5 * time.Second

// dial connects to host:port.
func (g guard) dial(ctx context.Context, hostport string, plain bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	found, err := g.addresses(ctx, host, plain)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: perAddress}
	var conn net.Conn
	for _, a := range found[:min(len(found), 4)] {
		if conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
