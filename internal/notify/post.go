package notify

import (
	"context"
	"errors"
	"net/http"
)

// Answer is what came back of a Post.
type Answer struct {
	Status int
	Body   []byte // at most 64 KB of it
}

// Post sends JSON to an address that may be a secret, with a bearer token where
// there is one. What goes for messages goes for it: no redirects, no private
// addresses, a time limit, and an error without secrets. Any 2xx is success.
func (s *Sender) Post(ctx context.Context, to, token Secret, payload any) (Answer, error) {
	if err := isURL(s, to.Reveal()); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c := &call{Sender: s, ctx: ctx, channel: Channel{Secrets: map[string]Secret{"url": to, "token": token}}}
	header := http.Header{}
	if !token.IsZero() {
		header.Set("Authorization", "Bearer "+token.Reveal())
	}
	scrub := newScrubber(c.channel)
	a := c.exchange(to.Reveal(), header, encode(payload), scrub, &Exchange{})
	if !a.ok() {
		return Answer{}, errors.New(scrub.clean(a.reason, maxReason))
	}
	return Answer{Status: a.status, Body: a.body}, nil
}
