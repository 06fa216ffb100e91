package notify

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPing(t *testing.T) {
	s := newSender(t, quick)
	r := newReceiver(t, status(204))
	require.NoError(t, s.Ping(t.Context(), NewSecret(r.URL+"/ping/8c1f?a=b")))
	require.Len(t, r.seen, 1)
	assert.Equal(t, "GET /ping/8c1f?a=b Errata/1.2.3 0", fmt.Sprint(r.seen[0].Method, " ", r.seen[0].Path, " ", r.seen[0].Header.Get("User-Agent"), " ", len(r.seen[0].Body)))
}

// What does not count, and what is not even tried; the URL is in no error.
func TestPingThatDoesNotCount(t *testing.T) {
	s := newSender(t, quick)
	elsewhere := newReceiver(t, status(200))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"500":      {status(500), "it answered 500"},
		"404":      {status(404), "it answered 404"},
		"redirect": {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, "redirects are not followed"},
		"never":    {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer in time"},
	} {
		err := s.Ping(t.Context(), NewSecret(newReceiver(t, c.answer).URL+"/8c1fsecret"))
		require.ErrorContains(t, err, c.want, name)
		assert.NotContains(t, err.Error(), "8c1fsecret", name)
	}
	assert.Empty(t, elsewhere.seen)
	for url, want := range map[string]string{
		"https://10.0.0.1/8c1fsecret":         "not a public address",
		"http://169.254.169.254/8c1fsecret":   "not a public address",
		"ftp://hc.example.com/8c1fsecret":     "must begin with https://",
		"8c1fsecret":                          "must be a URL",
		"https://u:8c1fsecret@hc.example.com": "must not contain a user",
		"https://8c1fsecret\x7f.example.com/": "must be a URL",
	} {
		err := s.Ping(t.Context(), NewSecret(url))
		require.ErrorContains(t, err, want, url)
		assert.NotContains(t, err.Error(), "8c1fsecret", url)
		assert.Equal(t, err, s.CheckPing(NewSecret(url)), "it is said before anything is asked")
	}
}
