package notify

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"strconv"

	gomail "github.com/wneessen/go-mail"

	"errata/internal/alert"
)

// submit talks to the server.
func (c *call) submit(letters []*gomail.Msg) error {
	port, err := strconv.Atoi(c.get("port"))
	if err != nil {
		return err
	}
	config := c.tls.Clone()
	config.ServerName = c.get("host")
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(c.timeout), gomail.WithTLSConfig(config), gomail.WithTLSPolicy(c.tlsPolicy()),
		gomail.WithDialContextFunc(c.dialMail), gomail.WithoutNoop(), gomail.WithHELO(c.domain()),
	}
	if user := c.get("username"); user != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(user), gomail.WithPassword(c.get("password")))
	}
	client, err := gomail.NewClient(c.get("host"), options...)
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(c.ctx, letters...)
}

func (c *call) tlsPolicy() gomail.TLSPolicy {
	switch c.get("tls") {
	case "none":
		return gomail.NoTLS
	case "tls":
		return gomail.TLSOpportunistic // is encrypted when it is asked
	default:
		return gomail.TLSMandatory
	}
}

// maxMail bounds what is read of a mail server in one attempt.
const maxMail = 256 << 10

// dialMail connects, under the same checks as every other request.
func (c *call) dialMail(ctx context.Context, _, hostport string) (net.Conn, error) {
	raw, err := c.guard.dial(ctx, hostport, c.get("tls") == "none")
	if err != nil {
		return nil, err
	}
	context.AfterFunc(c.ctx, func() { _ = raw.Close() }) // the library gives each command its own time
	conn := &boundedConn{Conn: raw, left: maxMail}
	if c.get("tls") == "tls" {
		return c.shake(ctx, conn, hostport)
	}
	return conn, nil
}

// boundedConn ends a conversation that does not end.
type boundedConn struct {
	net.Conn
	left int
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the mail server says too much")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// delivered sums up. Somebody who may get it later is a reason to try again,
// and the others drop the repetition; somebody who never will is not.
func (c *call) delivered(letters []*gomail.Msg, failure error, seen *Exchange, scrub scrubber) verdict {
	v := failed(c.ctx, failure)
	var said *textproto.Error
	if errors.As(failure, &said) { // before any letter: the server refused us
		v.outcome = alert.JudgeSMTP(said.Code)
		seen.Response = &Response{Status: said.Code, Body: scrub.clean(said.Msg, maxShownResponse)}
	}
	sent, later := 0, false
	for _, letter := range letters {
		if letter.IsDelivered() {
			sent++
			seen.Response = &Response{Status: 250, Body: scrub.clean(letter.ServerResponse(), maxShownResponse)}
			continue
		}
		var refused *gomail.SendError
		if !errors.As(letter.SendError(), &refused) {
			continue
		}
		later = later || alert.JudgeSMTP(refused.ErrorCode()) == alert.Later
		v.outcome = alert.GiveUp
		if seen.Response == nil && refused.ErrorCode() != 0 {
			seen.Response = &Response{Status: refused.ErrorCode(), Body: scrub.clean(refused.Error(), maxShownResponse)}
		}
	}
	switch {
	case sent == len(letters):
		return done
	case later:
		v.outcome = alert.Later
	case sent > 0:
		v.outcome = alert.Done // for whom it can be; the reason says for whom not
	}
	return v
}
