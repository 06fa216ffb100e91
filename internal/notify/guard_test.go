package notify

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
)

var quietLog = log.New(io.Discard, "", 0)

func oldTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

// answers is a resolver whose answers change: the last one stays.
type answers map[string][][]string

func (a *answers) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	all, ok := (*a)[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(all) > 1 {
		(*a)[host] = all[1:]
	}
	var out []netip.Addr
	for _, s := range all[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

var private = []string{
	"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
	"168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2001:0:a00:1::", "2001:db8::1",
	"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "5f00::1", "3fff::1",
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	g := New(Options{}).guard
	for _, s := range private {
		assert.Error(t, g.judge(netip.MustParseAddr(s), false), s)
		g.resolver = &answers{"innocent.example.com": {{"93.184.216.34", s}}}
		_, err := g.addresses(t.Context(), "innocent.example.com", false)
		assert.ErrorAs(t, err, new(refusal), "one bad address among good ones: %s", s)
	}
	for _, s := range []string{"93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:1.1.1.1"} {
		assert.NoError(t, g.judge(netip.MustParseAddr(s), false), s)
		assert.Error(t, g.judge(netip.MustParseAddr(s), true), "without TLS: %s", s)
	}
}

func TestWhatIsAllowedIsAllowed(t *testing.T) {
	g := New(Options{Allow: prefixes("10.1.0.0/16", "fd00::/8")}).guard
	for s, ok := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00::7": true, "10.2.0.1": false, "127.0.0.1": false, "fe80::1": false} {
		assert.Equal(t, ok, g.judge(netip.MustParseAddr(s), true) == nil, s)
	}
}

func TestParseAllow(t *testing.T) {
	got, err := ParseAllow([]string{"10.1.2.3", "10.1.2.3/16", "fd00::/8", "::1", "::ffff:10.9.9.9"})
	require.NoError(t, err)
	assert.Equal(t, prefixes("10.1.2.3/32", "10.1.0.0/16", "fd00::/8", "::1/128", "10.9.9.9/32"), got)
	for _, s := range []string{"", "localhost", "10.1", "10.1.0.0/33", "0.0.0.0/0", "::/0", "fe80::1%eth0/64", "::ffff:10.0.0.0/104"} {
		_, err := ParseAllow([]string{s})
		assert.Error(t, err, s)
	}
}

func TestNotationsOfPrivateAddressesAreRefused(t *testing.T) {
	s := New(Options{Resolver: &answers{
		"localhost": {{"127.0.0.1"}}, "localhost.": {{"127.0.0.1"}}, "internal": {{"10.0.0.1"}}, "metadata.google.internal": {{"169.254.169.254"}},
	}})
	for _, host := range []string{
		"127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.1.", "127.000.000.001", "0",
		"[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[fe80::1%25eth0]", "[64:ff9b::7f00:1]", "[::]",
		"169.254.169.254", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "localhost", "localhost.", "LOCALHOST", "internal", "metadata.google.internal",
	} {
		for _, scheme := range []string{"https", "http"} {
			a := send(t, s, channel(Webhook, scheme+"://"+host+":9"), message(alert.KindFiring), "")
			if host == "LOCALHOST" { // nobody answers for it here
				assert.NotEqual(t, alert.Done, a.Outcome)
				continue
			}
			assert.Equal(t, alert.GiveUp, a.Outcome, "%s: %s", host, a.Reason)
		}
	}
}

func TestURLsThatAreRefusedAtOnce(t *testing.T) {
	s := newSender(t)
	for _, u := range []string{
		"", "hooks.example.com", "ftp://hooks.example.com", "file:///etc/passwd", "gopher://x", "//hooks.example.com", "https://", "https:hooks", "https://:443",
		"https://user:hunter22@hooks.example.com", "https://hooks.example.com/#x", "https://hooks.example.com:0", "https://hooks.example.com:99999",
		"https://10.0.0.1/", "https://hooks.example.com/\nX: y", " https://hooks.example.com", "https://exa mple.com",
	} {
		c := channel(Webhook, "")
		c.Settings["url"] = u
		err := s.Validate(c)
		require.Error(t, err, u)
		f := fault.Of(err)
		assert.Equal(t, "validation_failed", f.Code, u)
		assert.Equal(t, "settings.url", f.Details["field"], u)
		assert.NotContains(t, f.Message, "hunter22")
	}
}

// A name that means something harmless when it is checked, and another thing a
// moment later.
func TestAnAnswerThatChangesIsJudgedEachTime(t *testing.T) {
	good := newReceiver(t, status(200))
	_, port, err := net.SplitHostPort(good.Listener.Addr().String())
	require.NoError(t, err)
	var reached atomic.Int32
	bad, err := net.Listen("tcp", "127.0.0.2:"+port)
	require.NoError(t, err)
	t.Cleanup(func() { _ = bad.Close() })
	go func() {
		for {
			conn, err := bad.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			_ = conn.Close()
		}
	}()
	s := newSender(t, func(o *Options) {
		o.Resolver = &answers{"rebind.test": {{"127.0.0.1"}, {"127.0.0.2"}, {"127.0.0.1", "127.0.0.2"}, {"127.0.0.1"}}}
	})
	c := channel(Webhook, "http://rebind.test:"+port)
	for _, want := range []alert.Outcome{alert.Done, alert.GiveUp, alert.GiveUp, alert.Done} { // one look-up for each attempt
		assert.Equal(t, want, send(t, s, c, message(alert.KindFiring), "").Outcome)
	}
	assert.Len(t, good.all(), 2)
	assert.Zero(t, reached.Load())
}

func TestAnotherAddressIsTriedWhereOneIsDead(t *testing.T) {
	r := newReceiver(t, status(200))
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	s := newSender(t, allow("127.0.0.0/8"), func(o *Options) { o.Resolver = &answers{"two.test": {{"127.0.0.3", "127.0.0.1"}}} })
	assert.Equal(t, alert.Done, send(t, s, channel(Webhook, "http://two.test:"+port), message(alert.KindFiring), "").Outcome)
}

func TestAMissingNameIsTriedAgain(t *testing.T) {
	s := newSender(t, func(o *Options) { o.Resolver = &answers{"empty.test": {{}}} })
	a := send(t, s, channel(Webhook, "https://gone.test"), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome)
	assert.Equal(t, "its host name cannot be resolved: no such host", a.Reason)
	assert.Equal(t, alert.Later, send(t, s, channel(Webhook, "https://empty.test"), message(alert.KindFiring), "").Outcome)
}
