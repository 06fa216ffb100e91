package web

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// dies has a message to each channel die.
func (f *fixture) dies(n int) {
	f.t.Helper()
	f.outage("checkout-api", true)
	f.deliver()
	until(f.t, "dead channels", func() bool {
		dead, err := f.DeadChannels(f.t.Context(), store.DefaultWorkspace)
		return err == nil && len(dead) == n
	})
}

// untilAlarms waits until a page has that many banners: what is known of them may
// be some seconds old.
func (f *fixture) untilAlarms(path string, n int) (p page) {
	f.t.Helper()
	until(f.t, "banners", func() bool {
		p = f.get(path)
		return p.Find(".alarm").Length() == n
	})
	return p
}

func TestDeadChannelsAreOnEveryPage(t *testing.T) {
	f, h := newFixture(t).decides(), newHook(t, hush)
	f.samples()
	ops := f.addHook("<i>ops</i>", h)
	assert.Zero(t, f.get("/").Find(".alarms").Length())
	h.status.Store(404)
	f.dies(1)
	f.untilAlarms("/", 1)
	for _, path := range []string{"/", "/d", "/events", "/issues", "/alerts", "/alerts/channels", channelPath(ops.ID), "/alerts/deliveries", "/codes", "/services", "/rejections", "/i/1", "/events/nope"} {
		p := f.get(path)
		requireSound(t, p)
		requireHushed(t, p)
		banner := p.Find(".alarm")
		require.Equal(t, 1, banner.Length(), path)
		assert.Regexp(t, `^Messages to <i>ops</i> do not arrive since .* UTC: .*404.* 1 message Dismiss`, words(banner), path)
		assert.Equal(t, channelPath(ops.ID), banner.Find("a").AttrOr("href", ""))
		assert.Equal(t, path, banner.Find("[name=back]").AttrOr("value", ""), "dismissing leads back")
	}
	lost := f.get(f.get("/").Find(".alarm a").Last().AttrOr("href", ""))
	require.Equal(t, 1, lost.Find("tbody tr").Length())
	letter := lost.Find("tbody a.row").AttrOr("href", "")
	assert.Equal(t, "INC-1 checkout-api", words(f.get(letter).Find("dd a[href^='/incidents/']")))

	// Who may only look sees it, and cannot say that it has been seen.
	f.client = f.newClient()
	assert.Zero(t, f.get("/login").Find(".alarm").Length(), "strangers are told nothing")
	f.signIn()
	assert.Equal(t, 1, f.get("/events").Find(".alarm").Length())
	assert.Zero(t, f.get("/events").Find(".alarm form").Length())
	f.decides()

	res := f.post(channelPath(ops.ID), nil, "do", "dismiss", "back", "/events?code=x")
	require.Equal(t, http.StatusSeeOther, res.code)
	assert.Equal(t, "/events?code=x", res.header.Get("Location"))
	assert.Zero(t, f.get("/events").Find(".alarm").Length(), "at once")
	assert.Equal(t, "/", f.post(channelPath(ops.ID), nil, "do", "dismiss", "back", "https://evil.test/").header.Get("Location"))

	// The letter dies again, which is news; and then it arrives.
	require.Equal(t, http.StatusSeeOther, f.post(letter, nil, "do", "again").code)
	f.untilAlarms("/events", 1)
	h.status.Store(200)
	p := f.get(f.post(letter, nil, "do", "again").header.Get("Location"))
	assert.Contains(t, words(p.Find("[role=status]")), "sent again")
	f.untilAlarms("/events", 0)
	until(t, "it arrived", func() bool { p = f.get(letter); return words(p.Find(".line")) == "arrived" })
	requireHushed(t, p)
	assert.Equal(t, 3, p.Find("section.card").Length(), "each attempt")
	require.Equal(t, http.StatusSeeOther, f.post(channelPath(ops.ID), nil, "do", "disable").code)
	refused := f.post(letter, nil, "do", "again")
	assert.Equal(t, http.StatusConflict, refused.code)
	assert.Contains(t, words(refused.Find("[role=alert]")), "disabled")
}

// A receiver that wants no more ends its channel.
func TestAnEndedChannelIsOnEveryPage(t *testing.T) {
	f, h := newFixture(t).decides(), newHook(t, hush)
	for _, name := range []string{"a", "b", "c", "d"} {
		f.addHook(name, h)
	}
	h.status.Store(410)
	f.dies(4)
	p := f.untilAlarms("/events", 3)
	assert.Contains(t, words(p.Find(".alarms")), "The channel a is dead since")
	assert.Contains(t, words(p.Find(".alarms > p")), "And 1 more")
	assert.Contains(t, words(f.get("/alerts/channels").Find("tbody tr").First()), "dead")
}

func TestTheLogHasPages(t *testing.T) {
	f, h := newFixture(t).decides(), newHook(t, hush)
	ops := f.addHook("ops", h)
	for range pageSize + 1 {
		require.Equal(t, http.StatusSeeOther, f.post(channelPath(ops.ID), nil, "do", "test").code)
	}
	p := f.get("/alerts/deliveries?state=sent&" + query("channel", ops.ID))
	requireSound(t, p)
	assert.Equal(t, pageSize, p.Find("tbody tr").Length())
	assert.Less(t, zipped(t, p.body), 15<<10)
	p = f.get(p.Find("a[rel=next]").AttrOr("href", ""))
	assert.Equal(t, 1, p.Find("tbody tr").Length())
	assert.Equal(t, "sent", p.Find("[name=state] [selected]").AttrOr("value", ""))
	assert.Zero(t, p.Find("a[rel=next]").Length())
	assert.Zero(t, f.get("/alerts/deliveries?state=dead").Find("tbody tr").Length())
}
