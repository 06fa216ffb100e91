package selfwatch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// count says how many of something: "1 report", "3,412 reports".
func count(n int64, one string, many ...string) string {
	word := one + "s"
	switch {
	case n == 1:
		word = one
	case len(many) > 0:
		word = many[0]
	case one == "record or segment":
		word = "records or segments"
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + word
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h >= 48:
		return fmt.Sprintf("%d days", h/24)
	case h > 0 && m == 0:
		return fmt.Sprintf("%d h", h)
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case m > 0 && s == 0:
		return fmt.Sprintf("%d min", m)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}

func bytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// bounded cuts text of others to a number of bytes.
func bounded(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most -= len("…"); most > 0 && !utf8.RuneStart(s[most]); most-- {
	}
	return s[:most] + "…"
}

// sentence ends what others wrote.
func sentence(s string) string {
	s = bounded(strings.TrimSpace(s), maxError)
	if s == "" {
		return "no reason is known."
	}
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}
