package silence

import (
	"cmp"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// All reports whether it matches everything.
func (s Silence) All() bool {
	return s.Environment+s.Service+s.Method+s.Endpoint+s.Code+s.Customer+s.Family+s.RuleID == ""
}

// What says what a silence matches, for people. rule is the name of the rule
// that it is about, if it is.
func (s Silence) What(rule string) string {
	if s.All() {
		return "everything"
	}
	out := cmp.Or(s.Family, "5xx and 429") + " of " + cmp.Or(s.Service, "every service")
	if s.Environment != "" {
		out += " in " + s.Environment
	}
	if s.Method+s.Endpoint != "" {
		out += " at " + strings.TrimSpace(s.Method+" "+cmp.Or(s.Endpoint, "any endpoint"))
	}
	if s.Code != "" {
		out += " with code " + s.Code
	}
	if s.Customer != "" {
		out += " for customer " + s.Customer
	}
	if s.RuleID != "" {
		out += " found by the rule " + cmp.Or(rule, s.RuleID)
	}
	return out
}

// When says of a maintenance window how often it begins, and for how long, for
// people; "" for a silence that is there once. What has no simple words is told by
// its expression.
func (s Silence) When() string {
	if !s.Window() {
		return ""
	}
	return cronWords(s.Cron) + " (" + cmp.Or(s.TimeZone, "UTC") + "), for " + Length(s.Minutes)
}

// Length is a number of minutes as people say it.
func Length(minutes int) string {
	h, m := minutes/60, minutes%60
	switch {
	case h == 0:
		return strconv.Itoa(m) + " min"
	case m == 0:
		return strconv.Itoa(h) + " h"
	}
	return fmt.Sprintf("%d h %d min", h, m)
}

const (
	allMinutes = 1<<60 - 1
	allHours   = 1<<24 - 1
	allDays    = 1<<32 - 2
	allMonths  = 1<<13 - 2
	allOfWeek  = 1<<7 - 1
	maxTimes   = 6 // that are listed, before the expression says it better
)

// cronWords reads the expression as its parser did, so that what is said is what
// happens.
func cronWords(expr string) string {
	asWritten := "when “" + expr + "” says"
	parsed, err := expressions.Parse(expr)
	spec, ok := parsed.(*cron.SpecSchedule)
	if err != nil || !ok || len(spec.DomConstraints)+len(spec.DowConstraints) > 0 || spec.Year != nil || spec.DowOrDom {
		return asWritten
	}
	day, times := dayWords(spec), timeWords(spec.Minute&allMinutes, spec.Hour&allHours)
	if day == "" || times == "" {
		return asWritten
	}
	if month := spec.Month & allMonths; month != allMonths {
		day += " in " + listed(month, 1, 12, func(n int) string { return time.Month(n).String() })
	}
	if day == "every day" && strings.HasPrefix(times, "every") {
		return times
	}
	return day + " " + times
}

// dayWords is on which days; "" where that is not simple.
func dayWords(spec *cron.SpecSchedule) string {
	ofMonth, ofWeek := spec.Dom&allDays, spec.Dow&allOfWeek
	if spec.Dow>>7&1 == 1 { // 7 is Sunday, too
		ofWeek |= 1
	}
	switch {
	case ofMonth == allDays && ofWeek == allOfWeek:
		return "every day"
	case ofMonth == allDays:
		return weekWords(ofWeek)
	case ofWeek == allOfWeek && bits.OnesCount64(ofMonth) <= maxTimes:
		return "on the " + listed(ofMonth, 1, 31, ordinal) + " of the month"
	}
	return ""
}

func weekWords(days uint64) string {
	const workdays = 0b0111110
	if days == workdays {
		return "Monday to Friday"
	}
	days = days>>1 | days&1<<6 // from Monday on
	return "every " + listed(days, 0, 6, func(n int) string { return time.Weekday((n + 1) % 7).String() })
}

// timeWords is at which times of a day.
func timeWords(minutes, hours uint64) string {
	n, h := bits.OnesCount64(minutes), bits.OnesCount64(hours)
	step := 60 / max(n, 1)
	switch {
	case hours == allHours && minutes == allMinutes:
		return "every minute"
	case hours == allHours && n > 1 && 60%n == 0 && minutes == every(step):
		return fmt.Sprintf("every %d minutes", step)
	case hours == allHours && n == 1:
		return fmt.Sprintf("every hour at minute %d", bits.TrailingZeros64(minutes))
	case n*h > maxTimes:
		return ""
	}
	var out []string
	for hour := range 24 {
		for minute := range 60 {
			if hours>>hour&1 == 1 && minutes>>minute&1 == 1 {
				out = append(out, fmt.Sprintf("%02d:%02d", hour, minute))
			}
		}
	}
	return "at " + andList(out)
}

func every(step int) (minutes uint64) {
	for m := 0; m < 60; m += step {
		minutes |= 1 << m
	}
	return minutes
}

func listed(set uint64, from, to int, name func(int) string) string {
	var out []string
	for n := from; n <= to; n++ {
		if set>>n&1 == 1 {
			out = append(out, name(n))
		}
	}
	return andList(out)
}

func andList(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

func ordinal(n int) string {
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
