package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// CheckPing says whether a URL can be pinged, without talking to anybody. Its
// error does not repeat the URL, which is a secret.
func (s *Sender) CheckPing(to Secret) error { return isURL(s, to.Reveal()) }

// Ping asks for a URL, as a sign of life: a GET without anything in it, which all
// receivers of heartbeats take. What goes for messages goes for it: no redirects,
// no private addresses, a time limit, and an error without secrets. Any 2xx is
// success.
func (s *Sender) Ping(ctx context.Context, to Secret) error {
	if err := s.CheckPing(to); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if v := s.ping(ctx, to.Reveal()); !v.ok() {
		return errors.New(newScrubber(Channel{Secrets: map[string]Secret{"url": to}}).clean(v.reason, maxReason))
	}
	return nil
}

func (s *Sender) ping(ctx context.Context, to string) verdict {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, http.NoBody)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return failed(ctx, err)
	}
	req.Header.Set("User-Agent", s.agent)
	if s.proxied {
		if err := s.guard.proxied(req.URL.Hostname(), req.URL.Scheme == "http"); err != nil {
			return failed(ctx, err)
		}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return failed(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // what matters was said in the status
	return judged(res)
}
