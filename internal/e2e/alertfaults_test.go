package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whenever the database is restarted, or killed, while minutes are judged or
// messages sent: the same incidents come out, and the same messages arrive.
func TestAlertsOutliveTheirDatabase(t *testing.T) {
	start := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	calm := newSite(t).watch(start)
	calm.goOn(func(int, *fuse) {})
	wantHeard, again := calm.heard()
	require.Zero(t, again)
	require.Len(t, wantHeard, 4, "two incidents begin and end: %v", wantHeard)

	w := newSite(t).watch(start)
	killed := 0
	var back sync.WaitGroup
	happens := func(end func()) {
		w.happening.Lock()
		defer w.happening.Unlock()
		killed++
		end()
		w.startDatabase()
	}
	kill := func() { happens(w.killDatabase) }
	w.goOn(func(minute int, f *fuse) {
		switch minute {
		case 3: // the first of them fires
			f.light(12, kill)
		case 5: // the second does, and is told
			f.light(17, func() { happens(func() { assert.NoError(t, w.db.Stop()) }) })
			w.hook.mu.Lock()
			defer w.hook.mu.Unlock()
			w.hook.answer = func(arrived) { // it has come, and who sent it finds no database
				w.hook.mu.Lock()
				w.hook.answer = nil
				w.hook.mu.Unlock()
				w.happening.Lock()
				killed++
				w.killDatabase()
				back.Go(func() {
					defer w.happening.Unlock()
					w.startDatabase()
				})
			}
		case 22: // the first of them ends
			f.light(6, kill)
		}
	})
	back.Wait()
	w.happening.Lock()
	defer w.happening.Unlock()
	assert.Equal(t, 4, killed)
	assert.Equal(t, calm.found(), w.found())
	heard, again := w.heard()
	assert.Equal(t, wantHeard, heard)
	t.Logf("%d messages came again", again)
}

// When the database fails over to its standby, those who judge and send go on
// there: the same incidents come out, and the same messages arrive. The old
// primary is killed; or it stays, and takes no more writes, which connections to
// it find out only when they write.
func TestAlertsFollowAFailOver(t *testing.T) {
	start := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	var want, wantHeard []string
	for _, end := range []string{"nothing happens", "killed", "demoted"} {
		t.Run(end, func(t *testing.T) {
			s := newSite(t)
			w := s.watch(start)
			if end == "nothing happens" {
				w.goOn(func(int, *fuse) {})
				want = w.found()
				wantHeard, _ = w.heard()
				return
			}
			b := s.standby()
			w.url = "postgres://errata_app@/errata?host=" + s.socket("db") + "," + s.socket("standby") + "&target_session_attrs=read-write"
			over := false
			w.goOn(func(minute int, f *fuse) {
				if minute != 3 {
					return
				}
				f.light(14, func() {
					over = true
					if end == "killed" {
						s.killDatabase()
						s.db = nil
					} else {
						s.demote()
					}
					w.look = b.URL()
					w.exec(`SELECT pg_promote()`)
				})
			})
			require.True(t, over)
			assert.Equal(t, want, w.found())
			heard, _ := w.heard()
			assert.Equal(t, wantHeard, heard)
		})
	}
}
