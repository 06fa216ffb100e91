package selfwatch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
)

// timeline takes a condition through minutes, a letter each: "." nothing is found,
// "-" it is not well, "n", "t" and "p" it holds at that level, "x" somebody ends
// it. It gives what happened when.
func timeline(t *testing.T, c Condition, letters string) string {
	t.Helper()
	var s detect.State
	var out []string
	for i, l := range letters {
		minute := detect.Minute(1000 + i)
		if l == 'x' {
			s = detect.Dismiss(s, s.Level, minute)
			continue
		}
		f := &Finding{Condition: c, Level: map[rune]detect.Level{'n': detect.Notify, 't': detect.Ticket, 'p': detect.Page}[l]}
		if l == '.' {
			f = nil
		}
		raw, err := detect.MarshalState(s) // it is kept between any two minutes
		require.NoError(t, err)
		s, err = detect.ReadState(raw)
		require.NoError(t, err)
		after, all := Step(s, minute, c, f)
		again, none := Step(after, minute, c, f)
		require.Equal(t, after, again, "a minute counts once")
		require.Empty(t, none)
		for _, x := range all {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s", i, x.Kind, loud(x))))
		}
		s = after
	}
	return strings.Join(out, ", ")
}

// Lag must hold for two minutes and be gone for three.
func TestTimelines(t *testing.T) {
	for letters, want := range map[string]string{
		"....":                        "",
		"p.p.p.p.":                    "",
		"pp...":                       "1 fired page, 3 recovering, 4 resolved",
		"pppp":                        "1 fired page",
		"p-p-pp":                      "5 fired page",
		"pp.p.p..p...":                "1 fired page, 7 recovering, 8 relapsed, 10 recovering, 11 resolved",
		"pp----":                      "1 fired page",
		"pp.-.-.-...":                 "1 fired page, 9 recovering, 10 resolved",
		"ttpp":                        "1 fired ticket, 2 escalated page",
		"pp...p.p.":                   "1 fired page, 3 recovering, 4 resolved",
		"pp...pp":                     "1 fired page, 3 recovering, 4 resolved, 6 reopened page",
		"ppxpppp":                     "1 fired page",
		"ppxpp.pp":                    "1 fired page, 7 reopened page",
		"ttxttpp":                     "1 fired ticket, 5 reopened page",
		"pp..." + rep(31, '.') + "pp": "1 fired page, 3 recovering, 4 resolved, 37 fired page",
		"ppx" + rep(60, 'p'):          "1 fired page",
	} {
		assert.Equal(t, want, timeline(t, Lag, letters), letters)
	}
}

func rep(n int, l rune) string { return strings.Repeat(string(l), n) }

// loud is the level of what begins or gets louder.
func loud(x detect.Transition) string {
	if x.Why == nil {
		return ""
	}
	return x.Level.String()
}
