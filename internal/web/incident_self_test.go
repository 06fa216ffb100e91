package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/store"
)

// lags has a collector that holds back reports, and that looked at for two minutes.
func (f *fixture) lags() {
	f.t.Helper()
	require.NoError(f.t, f.ReportCollector(f.t.Context(), store.Collector{ID: uuid.NewString(), Host: "collector-1", Version: "1", StartedAt: event.Time{Time: f.now},
		SpoolBytes: 5 << 20, SpoolMax: 1 << 30, SpoolItems: 12_340, SpoolOldest: &event.Time{Time: f.now.Add(-4 * time.Minute)}}, nil))
	for n := range 2 {
		_, err := f.EvaluateSelf(f.t.Context(), f.now.Add(time.Duration(n)*time.Minute))
		require.NoError(f.t, err)
	}
}

// What is wrong with Errata itself has a page without charts of failures, and a
// line on every page says that nothing is judged.
func TestIncidentOfErrataItself(t *testing.T) {
	f := newFixture(t).decides()
	assert.NotContains(t, words(f.get("/").Find("main")), "Alerts are paused")
	f.lags()
	for _, path := range []string{"/", "/d", "/alerts", "/i/1", "/alerts/history"} {
		p := f.get(path)
		requireSound(t, p)
		assert.Contains(t, words(p.Find("main > [role=status]")), "Alerts are paused: a collector holds back reports that came since "+f.now.Add(-4*time.Minute).Format(humanTime)+" UTC.", path)
	}
	card := f.get("/alerts").Find(".incidents li")
	assert.Contains(t, words(card), "INC-1 errata ingest lag page")
	assert.Contains(t, words(card), "The collector on collector-1 holds back 12,340 reports (5.0 MiB); the oldest has waited 5 min (limit 3 min), since ")

	p := f.get("/i/1")
	assert.Contains(t, words(p.Find(".why")), "The collector on collector-1 holds back 12,340 reports")
	assert.Contains(t, words(p.Find("section[aria-labelledby=own]")), "Look whether the database is reachable from the collector")
	assert.Equal(t, "collector-1firing", words(p.Find("section[aria-labelledby=parts] tbody td").Slice(0, 2)))
	for _, none := range []string{"#tell", "#samples", ".rank", "svg", "section[aria-labelledby=parts] a"} {
		assert.Zero(t, p.Find(none).Length(), none)
	}
	require.Equal(t, http.StatusSeeOther, f.post("/i/1", nil, "do", "ack").code)
	require.Equal(t, http.StatusSeeOther, f.post("/i/1", nil, "do", "resolve").code)
	over := f.get("/i/1")
	requireSound(t, over)
	assert.Contains(t, words(over.Find(".line")), "ada ended it.")
	assert.Contains(t, words(over.Find("section[aria-labelledby=parts]")), "holds back")
	assert.Contains(t, words(f.get("/alerts/history?service=errata").Find("main")), "errata ingest lag")
}

// stuck is a store where nobody judges.
type stuck struct{ *store.Store }

func (stuck) Pulse(context.Context) (store.Pulse, error) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	return store.Pulse{At: at, Judged: at.Add(-7 * time.Minute), Late: at.Add(-4 * time.Minute)}, nil
}

func TestThatNobodyJudgesIsSaid(t *testing.T) {
	f := newFixture(t).signIn()
	server := httptest.NewServer(New(Deps{Store: stuck{f.Store}, Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions()}))
	t.Cleanup(server.Close)
	f.server.URL = server.URL
	p := f.get("/events")
	requireSound(t, p)
	assert.Contains(t, words(p.Find("main > [role=status]")), "Alerts do not work: no minute was judged since 20 Nov 2026 11:53:00 UTC.")
}

func TestBrowserIncidentOfErrataItself(t *testing.T) {
	f := newFixture(t)
	f.lags()
	b := newBrowser(t)
	f.signInBrowser(b)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range map[string]string{"home": "/", "dashboard": "/d", "alerts": "/alerts", "incident": "/i/1"} {
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
				b.picture("self-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.requireQuiet()
}

// evilOwnPage is an incident of Errata itself of which all that others wrote is
// hostile.
func evilOwnPage(w *web, fr frame) incidentPage {
	p := evilIncidentPage(w, fr)
	p.Own = &ownTrouble{evil}
	return p
}
