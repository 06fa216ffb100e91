package notify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

// mailbox is a real mail server, which remembers what it took.
type mailbox struct {
	mu       sync.Mutex
	letters  []letter
	refuse   map[string]*smtp.SMTPError // by recipient
	onData   func() error
	password string
	address  string
	trust    func(*Options) // its certificate, and where mail.example.com is
}

type letter struct {
	from, to string
	tls      bool
	*mail.Message
	raw []byte
}

type smtpSession struct {
	box           *mailbox
	conn          *smtp.Conn
	authenticated bool
	from, to      string
}

func (s *smtpSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "errata" || password != s.box.password {
			return smtp.ErrAuthFailed
		}
		s.authenticated = true
		return nil
	}), nil
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if !s.authenticated && s.box.password != "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if err := s.box.refuse[to]; err != nil {
		return err
	}
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	_, encrypted := s.conn.TLSConnectionState()
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.onData != nil {
		if err := s.box.onData(); err != nil {
			return err
		}
	}
	s.box.letters = append(s.box.letters, letter{s.from, s.to, encrypted, m, raw})
	return nil
}

func (s *smtpSession) Reset()        { s.from, s.to = "", "" }
func (s *smtpSession) Logout() error { return nil }

// newMailbox starts a server: with STARTTLS, inside TLS, or with neither.
func newMailbox(t *testing.T, encryption string) *mailbox {
	t.Helper()
	certified := httptest.NewUnstartedServer(http.NotFoundHandler()) // for its certificate
	certified.StartTLS()
	t.Cleanup(certified.Close)
	box := &mailbox{password: "hushhushhush", refuse: map[string]*smtp.SMTPError{}}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &smtpSession{box: box, conn: c}, nil }))
	server.Domain, server.ErrorLog = "mail.example.com", quietLog
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certified.TLS.Certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	box.address = l.Addr().String()
	switch encryption {
	case "starttls":
		server.TLSConfig = config
	case "tls":
		l = tls.NewListener(l, config)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	box.trust = func(o *Options) {
		o.RootCAs = certified.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		o.Resolver = &answers{"mail.example.com": {{"127.0.0.1"}}, "other.test": {{"127.0.0.1"}}}
	}
	return box
}

func (b *mailbox) channel(t *testing.T, change ...func(*Channel)) Channel {
	t.Helper()
	c := channel(Email, "")
	_, port, err := net.SplitHostPort(b.address)
	require.NoError(t, err)
	c.Settings["port"] = port
	for _, f := range change {
		f(&c)
	}
	return c
}

func (b *mailbox) all() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]letter{}, b.letters...)
}

// bodies gives the parts by content type.
func bodies(t *testing.T, l letter) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(l.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	out := map[string]string{}
	for r := multipart.NewReader(l.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		require.NoError(t, err)
		require.Equal(t, "quoted-printable", part.Header.Get("Content-Transfer-Encoding"))
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		out[kind] = string(text)
	}
}

func TestEmail(t *testing.T) {
	box := newMailbox(t, "starttls")
	a := send(t, newSender(t, box.trust), box.channel(t), message(alert.KindFiring), "")
	require.Equal(t, alert.Done, a.Outcome, a.Reason)
	require.Len(t, box.all(), 1)
	l := box.all()[0]
	assert.True(t, l.tls)
	assert.Equal(t, "errata@example.com", l.from)
	assert.Equal(t, "a@example.com", l.to)
	assert.Equal(t, "[INC-12] checkout-api 5xx", l.Header.Get("Subject"))
	assert.Equal(t, "auto-generated", l.Header.Get("Auto-Submitted"))
	assert.Equal(t, "high", l.Header.Get("Importance"))
	sent, err := l.Header.Date()
	require.NoError(t, err)
	assert.True(t, sent.Equal(moment("2026-11-20T14:40:00Z")))
	parts := bodies(t, l)
	assert.True(t, strings.HasPrefix(parts["text/plain"], title), parts["text/plain"])
	assert.Contains(t, parts["text/html"], `<a href="https://errata.example/r/req_9f3a"><code>req_9f3a</code></a>`)
	assert.Equal(t, 250, a.Exchanges[0].Response.Status)
	assert.Equal(t, "smtp://mail.example.com:"+box.channel(t).Settings["port"], a.Exchanges[0].Request.URL)
}

func TestAnIncidentIsOneThread(t *testing.T) {
	box := newMailbox(t, "starttls")
	s, c := newSender(t, box.trust), box.channel(t)
	again := message(alert.KindFiring)
	later := message(alert.KindResolved)
	later.ID = "delivery-8"
	other := message(alert.KindFiring)
	other.ID, other.Incidents[0].ID = "delivery-9", "another"
	for _, m := range []alert.Message{message(alert.KindFiring), again, later, other} {
		require.Equal(t, alert.Done, send(t, s, c, m, "").Outcome)
	}
	l := box.all()
	require.Len(t, l, 4)
	assert.Equal(t, l[0].Header.Get("Message-Id"), l[1].Header.Get("Message-Id"), "a repetition")
	assert.NotEqual(t, l[0].Header.Get("Message-Id"), l[2].Header.Get("Message-Id"))
	assert.Regexp(t, `^<errata\.[0-9a-f]{24}@example\.com>$`, l[0].Header.Get("Message-Id"))
	assert.Equal(t, l[0].Header.Get("References"), l[2].Header.Get("References"))
	assert.Equal(t, l[0].Header.Get("Subject"), l[2].Header.Get("Subject"))
	assert.NotEqual(t, l[0].Header.Get("References"), l[3].Header.Get("References"))
	assert.Regexp(t, `^<errata\.incident\.[0-9a-f]{24}@example\.com>$`, l[0].Header.Get("References"))
}

func TestImplicitTLS(t *testing.T) {
	box := newMailbox(t, "tls")
	a := send(t, newSender(t, box.trust), box.channel(t, func(c *Channel) { c.Settings["tls"] = "tls" }), message(alert.KindFiring), "")
	assert.Equal(t, alert.Done, a.Outcome, a.Reason)
	assert.True(t, box.all()[0].tls)
}

func TestMailGoesNowhereWithoutTLS(t *testing.T) {
	box := newMailbox(t, "")
	a := send(t, newSender(t, box.trust), box.channel(t), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome)
	assert.Contains(t, a.Reason, "STARTTLS")
	assert.Empty(t, box.all())

	box.password = ""
	plain := box.channel(t, func(c *Channel) {
		c.Settings["tls"] = "none"
		delete(c.Settings, "username")
		delete(c.Secrets, "password")
	})
	a = send(t, newSender(t, box.trust), plain, message(alert.KindFiring), "")
	assert.Equal(t, alert.Done, a.Outcome, "the operator allows this address: %s", a.Reason)
	assert.False(t, box.all()[0].tls)
	a = send(t, newSender(t, box.trust, allow("127.0.0.9/32")), plain, message(alert.KindFiring), "")
	assert.Equal(t, alert.GiveUp, a.Outcome)
	assert.Len(t, box.all(), 1)
}

func TestMailServersCertificatesAreChecked(t *testing.T) {
	for _, encryption := range []string{"starttls", "tls"} {
		box := newMailbox(t, encryption)
		c := box.channel(t, func(c *Channel) { c.Settings["tls"] = encryption })
		stranger := newSender(t, box.trust, func(o *Options) { o.RootCAs = nil })
		a := send(t, stranger, c, message(alert.KindFiring), "")
		assert.Equal(t, alert.Later, a.Outcome)
		assert.Contains(t, a.Reason, "certificate")
		c.Settings["host"] = "other.test"
		a = send(t, newSender(t, box.trust), c, message(alert.KindFiring), "")
		assert.Contains(t, a.Reason, "not other.test")
		assert.Empty(t, box.all())
	}
}

func TestMailServersAreJudgedAsAllOthers(t *testing.T) {
	s := New(Options{Resolver: &answers{"mail.example.com": {{"127.0.0.1"}}}})
	a := send(t, s, channel(Email, ""), message(alert.KindFiring), "")
	assert.Equal(t, alert.GiveUp, a.Outcome)
	assert.Contains(t, a.Reason, "127.0.0.1 is not a public address")
}

func TestAWrongPasswordIsNotTriedAgain(t *testing.T) {
	box := newMailbox(t, "starttls")
	box.password = "another"
	a := send(t, newSender(t, box.trust), box.channel(t), message(alert.KindFiring), "")
	assert.Equal(t, alert.GiveUp, a.Outcome, a.Reason)
	assert.Equal(t, 535, a.Exchanges[0].Response.Status)
}

func TestOneBadAddressSilencesNobodyElse(t *testing.T) {
	gone, busy := &smtp.SMTPError{Code: 550, Message: "no such user"}, &smtp.SMTPError{Code: 451, Message: "come back"}
	for name, c := range map[string]struct {
		refuse  map[string]*smtp.SMTPError
		outcome alert.Outcome
		sent    int
	}{
		"all":        {nil, alert.Done, 3},
		"one gone":   {map[string]*smtp.SMTPError{"b@example.com": gone}, alert.Done, 2},
		"one busy":   {map[string]*smtp.SMTPError{"b@example.com": busy}, alert.Later, 2},
		"both":       {map[string]*smtp.SMTPError{"a@example.com": gone, "c@example.com": busy}, alert.Later, 1},
		"none there": {map[string]*smtp.SMTPError{"a@example.com": gone, "b@example.com": gone, "c@example.com": gone}, alert.GiveUp, 0},
	} {
		t.Run(name, func(t *testing.T) {
			box := newMailbox(t, "starttls")
			box.refuse = c.refuse
			ch := box.channel(t, func(c *Channel) { c.Settings["to"] = "A <a@example.com>, b@example.com, c@example.com" })
			a := send(t, newSender(t, box.trust), ch, message(alert.KindFiring), "")
			assert.Equal(t, c.outcome, a.Outcome, a.Reason)
			assert.Len(t, box.all(), c.sent)
			if c.sent < 3 {
				assert.Contains(t, a.Reason, "@example.com", "who did not get it")
			}
		})
	}
}

func TestMailServersMisbehave(t *testing.T) {
	box := newMailbox(t, "starttls")
	for _, c := range []struct {
		err  *smtp.SMTPError
		want alert.Outcome
	}{{&smtp.SMTPError{Code: 452, Message: "full"}, alert.Later}, {&smtp.SMTPError{Code: 554, Message: "spam"}, alert.GiveUp}} {
		box.onData = func() error { return c.err }
		a := send(t, newSender(t, box.trust), box.channel(t), message(alert.KindFiring), "")
		assert.Equal(t, c.want, a.Outcome)
		assert.Equal(t, c.err.Code, a.Exchanges[0].Response.Status)
	}
	for name, talk := range map[string]func(net.Conn){
		"silent":  func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"drops":   func(c net.Conn) { _ = c.Close() },
		"web":     func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); _ = c.Close() },
		"slow":    slowly,
		"endless": func(c net.Conn) { flood(c) },
		"busy":    func(c net.Conn) { _, _ = c.Write([]byte("421 too many connections\r\n")); _ = c.Close() },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go talk(c)
			}
		}()
		wild := &mailbox{address: l.Addr().String()}
		s := newSender(t, box.trust, quick)
		if name == "endless" {
			s = newSender(t, box.trust)
		}
		ch := wild.channel(t, func(c *Channel) { // or it would end at STARTTLS
			c.Settings["tls"], c.Settings["username"] = "none", ""
			delete(c.Secrets, "password")
		})
		a := send(t, s, ch, message(alert.KindFiring), "")
		assert.Equal(t, alert.Later, a.Outcome, "%s: %s", name, a.Reason)
		if name == "endless" {
			assert.Contains(t, a.Reason, "says too much")
		}
	}
}

// slowly answers each command in time, and all of them too late.
func slowly(c net.Conn) {
	say := func(line string) bool {
		<-time.After(70 * time.Millisecond) // of 300; the library starts again after the greeting
		_, err := c.Write([]byte(line + "\r\n"))
		return err == nil
	}
	data := false
	for ok, lines := say("220 mail.example.com"), bufio.NewScanner(c); ok && lines.Scan(); {
		switch line := lines.Text(); {
		case data && line == ".":
			data, ok = false, say("250 ok")
		case data:
		case line == "DATA":
			data, ok = true, say("354 go on")
		default:
			ok = say("250 ok")
		}
	}
}

func TestEncryptedMailGoesToPublicServers(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	s := New(Options{Resolver: &answers{"mail.example.com": {{"93.184.216.34"}}}})
	a, err := s.Send(stopped, channel(Email, ""), message(alert.KindFiring), "")
	require.Error(t, err)
	assert.Equal(t, "Errata was stopped meanwhile", a.Reason, "and the address was none")
}

func flood(c net.Conn) {
	line := []byte("220-" + strings.Repeat("x", 1000) + "\r\n")
	for {
		if _, err := c.Write(line); err != nil {
			return
		}
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	box := newMailbox(t, "starttls")
	m := message(alert.KindFiring)
	m.ID = "x>\r\nBcc: evil@example.com"
	m.Incidents[0].ID = "y\r\nBcc: evil@example.com"
	m.Incidents[0].Service = "a\r\nBcc: evil@example.com\r\n\r\nbody <script>x</script> =?utf-8?q?=0D=0ABcc:_evil?="
	c := box.channel(t, func(c *Channel) { c.Settings["from"] = `"Errata, prod; on call" <errata@example.com>` })
	require.Equal(t, alert.Done, send(t, newSender(t, box.trust), c, m, "").Outcome)
	l := box.all()[0]
	assert.Equal(t, "a@example.com", l.to)
	assert.Empty(t, l.Header.Get("Bcc"))
	shown, err := new(mime.WordDecoder).DecodeHeader(l.Header.Get("Subject"))
	require.NoError(t, err)
	assert.Equal(t, "[INC-12] a Bcc: evil@example.com body <script>x</script> = ?utf-8?q?=0D=0ABcc:_evil?= 5xx", shown)
	for name := range l.Header {
		assert.Contains(t, []string{"From", "To", "Subject", "Date", "Message-Id", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress",
			"Importance", "Priority", "X-Priority", "X-Msmail-Priority", "Mime-Version", "Content-Type"}, name)
	}
	assert.NotContains(t, bodies(t, l)["text/html"], "<script>")
}
