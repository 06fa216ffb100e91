package notify

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPost(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	a, err := newSender(t).Post(t.Context(), NewSecret(r.URL+"/commands/T1/2/hush"), NewSecret("xoxb-hush"), map[string]string{"text": "a < b"})
	require.NoError(t, err)
	assert.Equal(t, Answer{200, []byte(`{"ok":true}`)}, a)
	got := r.only(t)
	assert.Equal(t, []string{"POST", "/commands/T1/2/hush", "Bearer xoxb-hush", `{"text":"a < b"}`}, []string{got.Method, got.Path, got.Header.Get("Authorization"), string(got.Body)})
}

// It goes where messages may go, and no further.
func TestPostIsGuarded(t *testing.T) {
	elsewhere := newReceiver(t, status(200))
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := newSender(t).Post(t.Context(), NewSecret(r.URL+"/hush"), NewSecret("xoxb-hush"), nil)
	require.ErrorContains(t, err, "redirects are not followed")
	assert.Empty(t, elsewhere.all())
	_, err = newSender(t, func(o *Options) { o.Allow = nil }).Post(t.Context(), NewSecret(r.URL+"/hush"), Secret{}, nil)
	require.ErrorContains(t, err, "not a public address")
	_, err = newSender(t).Post(t.Context(), NewSecret("http://example.com/hush"), Secret{}, nil)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hush")
	assert.Len(t, r.all(), 1)
}
