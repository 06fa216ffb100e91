package notify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"errata/internal/alert"
)

// answer is what came back, as far as a target needs it.
type answer struct {
	verdict
	status int
	body   []byte
}

// maxAnswer is what is read of an answer; less of it is kept.
const maxAnswer = 64 << 10

// post sends JSON; header may be nil.
func (c *call) post(to string, header http.Header, payload any) answer {
	return c.postBody(to, header, encode(payload))
}

// encode cannot fail: payloads are made of strings, numbers and times. Chats
// are not HTML, so that < stays what it is.
func encode(payload any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(payload); err != nil {
		panic(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func (c *call) postBody(to string, header http.Header, body []byte) answer {
	started := time.Now()
	scrub := newScrubber(c.channel)
	exchange := Exchange{Request: Request{Method: http.MethodPost, URL: c.shownURL(to)}}
	out := c.exchange(to, header, body, scrub, &exchange)
	exchange.Took = time.Since(started)
	c.attempt.Exchanges = append(c.attempt.Exchanges, exchange)
	return out
}

func (c *call) exchange(to string, header http.Header, body []byte, scrub scrubber, seen *Exchange) answer {
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return answer{verdict: verdict{outcome: alert.GiveUp, reason: "the URL cannot be read"}}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.agent)
	seen.Request.Headers = shownHeaders(req.Header, scrub)
	seen.Request.Body, seen.Request.Truncated = scrub.cleanBody(body, maxShownRequest)

	if c.proxied {
		err = c.guard.proxied(req.URL.Hostname(), req.URL.Scheme == "http")
	}
	var res *http.Response
	if err == nil {
		res, err = c.client.Do(req)
	}
	if err != nil {
		v := failed(c.ctx, err)
		seen.Error = scrub.clean(v.reason, maxReason)
		return answer{verdict: v}
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	shown, cut := scrub.cleanBody(got, maxShownResponse)
	seen.Response = &Response{Status: res.StatusCode, Headers: usefulHeaders(res.Header, scrub), Body: shown, Truncated: cut > 0 || err != nil || len(got) > maxAnswer}
	if err != nil { // what matters was said in the status
		seen.Error = scrub.clean(failed(c.ctx, err).reason, maxReason)
	}
	return answer{verdict: judged(res), status: res.StatusCode, body: got}
}

// judged decides by status and headers.
func judged(res *http.Response) verdict {
	v := verdict{outcome: alert.JudgeHTTP(res.StatusCode), retryAfter: alert.RetryAfter(res.Header.Get("Retry-After"), time.Now())}
	switch {
	case v.ok():
		return done
	case res.StatusCode >= 300 && res.StatusCode < 400:
		v.reason = fmt.Sprintf("it answered %d and sends us elsewhere; redirects are not followed, enter the final URL", res.StatusCode)
	case v.outcome == alert.Disable:
		v.reason = "it answered 410: it wants no more messages from us"
	default:
		v.reason = fmt.Sprintf("it answered %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	return v
}

// failed puts into words why there was no answer, without the URL, which may
// be a secret.
func failed(ctx context.Context, err error) verdict {
	var refused refusal
	var dns *net.DNSError
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	switch {
	case err == nil:
		return done
	case errors.As(err, &refused):
		return verdict{outcome: alert.GiveUp, reason: refused.Error()}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded):
		return verdict{outcome: alert.Later, reason: "it did not answer in time"}
	case errors.Is(err, context.Canceled):
		return verdict{outcome: alert.Later, reason: "Errata was stopped meanwhile"}
	case errors.As(err, &dns):
		return verdict{outcome: alert.Later, reason: "its host name cannot be resolved: " + dns.Err}
	default:
		return verdict{outcome: alert.Later, reason: err.Error()}
	}
}

// shownURL is the URL as far as it is no secret: queries never are shown, and
// of a URL that is itself the key only where it leads.
func (c *call) shownURL(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "…"
	}
	if hasField(c.fields, "url", true) {
		return u.Scheme + "://" + u.Host + "/…"
	}
	shown := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		shown += "?…"
	}
	return shown
}

// login makes the Authorization header of a receiver behind one.
func (c *call) login() http.Header {
	header := http.Header{}
	if token := c.get("token"); token != "" {
		header.Set("Authorization", "Bearer "+token)
	} else if user := c.get("username"); user != "" {
		header.Set("Authorization", "Basic "+basic(user, c.get("password")))
	}
	return header
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

var loginFields = []Field{
	{Name: "username", Label: "User", Help: "for HTTP basic authentication, if it asks for that", check: matches(`^[^:]*$`, "must not contain a colon")},
	{Name: "password", Label: "Password", Help: "of that user", Secret: true},
	{Name: "token", Label: "Token", Help: "is sent as Authorization: Bearer …, if it asks for that", Secret: true},
}

func checkLogin(_ *Sender, c Channel) error {
	token, password, user := !c.Secrets["token"].IsZero(), !c.Secrets["password"].IsZero(), c.Settings["username"] != ""
	switch {
	case token && (user || password):
		return invalid("secrets.token", "cannot go with a user and password: there is one Authorization header")
	case password && !user:
		return invalid("settings.username", "is required with a password")
	}
	return nil
}

// under joins a base URL and a path, whatever the base ends with.
func under(base, path string) string { return strings.TrimRight(base, "/") + path }
