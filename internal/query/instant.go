package query

import (
	"regexp"
	"strconv"
	"time"
)

var relative = regexp.MustCompile(`^now(?:([+-])([0-9]{1,6})([smhdw]))?$`)

// Units are the letters of durations: 90s, 15m, 1h, 7d, 2w.
var Units = map[string]time.Duration{
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// Relative reads "now" and "now-1h", the times that move on with the clock. It
// is the one form that every list, page and route understands in from and to.
func Relative(text string, now time.Time) (time.Time, bool) {
	m := relative.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, false
	}
	n, err := strconv.Atoi(m[1] + "0" + m[2])
	return now.UTC().Add(time.Duration(n) * Units[m[3]]), err == nil
}
