package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"errata/internal/alert"
)

// Options are the operator's.
type Options struct {
	// Allow lists addresses that are not public and may be sent to all the
	// same, and without TLS: an Alertmanager or a mail server next door.
	Allow    []netip.Prefix
	Resolver Resolver       // nil: the system's
	Proxy    *url.URL       // of HTTP; nil: none, and the environment is not asked
	RootCAs  *x509.CertPool // nil: the system's
	Timeout  time.Duration  // of an attempt; zero: 15 s
	Version  string         // for User-Agent
}

// Sender makes attempts. It is safe for concurrent use.
type Sender struct {
	guard   guard
	client  *http.Client
	proxied bool
	tls     *tls.Config
	timeout time.Duration
	agent   string
}

const (
	defaultTimeout    = 15 * time.Second
	maxResponseHeader = 64 << 10
)

// New makes a Sender.
func New(o Options) *Sender {
	s := &Sender{
		guard:   guard{resolver: o.Resolver, allow: o.Allow},
		proxied: o.Proxy != nil,
		tls:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		timeout: o.Timeout,
		agent:   "Errata/" + o.Version,
	}
	if s.guard.resolver == nil {
		s.guard.resolver = net.DefaultResolver
	}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	if o.Version == "" {
		s.agent = "Errata"
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, hostport string) (net.Conn, error) {
			return s.guard.dial(ctx, hostport, true)
		},
		DialTLSContext:         s.dialTLS,
		DisableKeepAlives:      true, // a connection is judged when it is made, and used once
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
	if s.proxied { // it resolves and connects for us: that it does so for its own network is for it to refuse
		transport.Proxy = http.ProxyURL(o.Proxy)
		transport.DialContext, transport.DialTLSContext = (&net.Dialer{Timeout: perAddress}).DialContext, nil
		transport.TLSClientConfig = s.tls
	}
	s.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// dialTLS connects and shakes hands, for the name and not for the address.
func (s *Sender) dialTLS(ctx context.Context, _, hostport string) (net.Conn, error) {
	raw, err := s.guard.dial(ctx, hostport, false)
	if err != nil {
		return nil, err
	}
	return s.shake(ctx, raw, hostport)
}

func (s *Sender) shake(ctx context.Context, raw net.Conn, hostport string) (net.Conn, error) {
	config := s.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(hostport)
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// Send makes one attempt. The Attempt is complete whatever happens; the error
// says in words why it is not done, and holds no secret.
func (s *Sender) Send(ctx context.Context, c Channel, m alert.Message, h Handle) (Attempt, error) {
	started := time.Now()
	a := Attempt{At: started.UTC(), Exchanges: []Exchange{}}
	v := verdict{outcome: alert.GiveUp}
	if err := s.Validate(c); err != nil {
		v.reason = err.Error()
	} else {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		t := targets[c.Kind]
		v = t.send(&call{Sender: s, ctx: ctx, fields: t.fields, channel: c, message: m.Clean(), handle: h, attempt: &a})
	}
	a.Took, a.Outcome, a.RetryAfter = time.Since(started), v.outcome, v.retryAfter
	a.Reason = newScrubber(c).clean(v.reason, maxReason)
	if a.Outcome == alert.Done {
		return a, nil
	}
	return a, fmt.Errorf("%s: %w", c.Kind, errors.New(a.Reason))
}

// verdict is what a target makes of an answer.
type verdict struct {
	outcome    alert.Outcome
	reason     string
	retryAfter time.Duration
}

var done = verdict{outcome: alert.Done}

func (v verdict) ok() bool { return v.outcome == alert.Done }

// call is one Send on its way.
type call struct {
	*Sender
	ctx     context.Context
	fields  []Field
	channel Channel
	message alert.Message
	handle  Handle
	attempt *Attempt
}

// get gives a setting or secret, or its default.
func (c *call) get(name string) string {
	for _, f := range c.fields {
		if f.Name != name {
			continue
		}
		value := c.channel.Settings[name]
		if f.Secret {
			value = c.channel.Secrets[name].Reveal()
		}
		if value == "" {
			value = f.Default
		}
		return value
	}
	return ""
}
