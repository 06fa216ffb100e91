package alert

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// number shows what a person compares: whole from ten on, else one digit
// after the point, and more only where everything would be zero.
func number(x float64) string {
	abs := math.Abs(x)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "?"
	case abs >= 10:
		return strconv.FormatFloat(math.Round(x), 'f', -1, 64)
	case abs >= 0.095 || abs == 0:
		return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
	default:
		return strconv.FormatFloat(x, 'g', 1, 64)
	}
}

func percent(ratio float64) string {
	if ratio < 0.0001 && ratio > 0 {
		return "<0.01%"
	}
	return number(100*ratio) + "%"
}

// count says how many of something: "1 error", "3,412 errors".
func count(n int64, of string) string {
	if n == 1 {
		return "1 " + of
	}
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for at, r := range digits {
		if at > 0 && (len(digits)-at)%3 == 0 && digits[at-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String() + " " + of + "s"
}

// clock gives the minute, and the day where it is not the reader's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04") + " UTC"
	}
	return t.Format("2 Jan 15:04") + " UTC"
}

// lasting gives a duration in the two largest units.
func lasting(d time.Duration) string {
	minutes := int64(max(d, 0).Round(time.Minute) / time.Minute)
	switch {
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case minutes < 24*60:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	default:
		return fmt.Sprintf("%d d %d h", minutes/(24*60), minutes/60%24)
	}
}
