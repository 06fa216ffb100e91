package story_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"errata/internal/event"
	"errata/internal/story"
)

func TestReleaseText(t *testing.T) {
	e := &event.Event{Release: "2026.11.20-3", OccurredAt: at.Add(3 * time.Hour)}
	unnamed := &event.Event{OccurredAt: at.Add(3 * time.Hour)}
	reported := story.Release{Release: "2026.11.20-3", At: at, Reported: true}
	with := func(before int64, first time.Duration, exact bool) story.Release {
		r := reported
		r.Counted, r.Before, r.First, r.Exact = true, before, at.Add(first), exact
		return r
	}
	seen := with(0, 0, false)
	seen.Reported = false
	none := with(0, 0, true)
	none.First = time.Time{}
	for name, tc := range map[string]struct {
		r    story.Release
		e    *event.Event
		want string
	}{
		"not asked":       {reported, e, "Version 2026.11.20-3, deployed 3 h before."},
		"no version":      {reported, unnamed, "It names no version. The last deploy was 2026.11.20-3, 3 h before."},
		"new":             {with(0, 3*time.Minute, true), e, "Version 2026.11.20-3, deployed 3 h before. First error 3 min after 2026.11.20-3 was deployed; this code was not seen in the 24 h before."},
		"at once":         {with(0, -30*time.Second, true), e, "Version 2026.11.20-3, deployed 3 h before. First error within a minute after 2026.11.20-3 was deployed; this code was not seen in the 24 h before."},
		"hours later":     {with(0, 2*time.Hour+time.Minute, false), e, "Version 2026.11.20-3, deployed 3 h before. First error about 2 h after 2026.11.20-3 was deployed; this code was not seen in the 24 h before."},
		"not new":         {with(7, time.Minute, true), e, "Version 2026.11.20-3, deployed 3 h before. This code came in the 24 h before that, too: 7 times."},
		"nobody reported": {seen, e, "Version 2026.11.20-3, first seen 3 h before; nobody reported its deploy. This code was not seen in the 24 h before that."},
		"not counted yet": {none, e, "Version 2026.11.20-3, deployed 3 h before. This code was not seen in the 24 h before that."},
	} {
		assert.Equal(t, tc.want, tc.r.Text(tc.e), name)
	}
}
