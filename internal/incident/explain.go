package incident

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"errata/internal/detect"
)

var ruleNames = map[detect.Rule]string{
	detect.Fast: "fast", detect.Spike: "spike", detect.Slow: "slow", detect.LowVolume: "low traffic", detect.Burn: "burn rate", detect.Count: "count",
	detect.NewCode: "new code", detect.Concentrated: "one customer's limits", detect.Heartbeat: "heartbeat", detect.Own: "watch on Errata itself",
}

// RuleName is a rule in words.
func RuleName(r detect.Rule) string { return ruleNames[r] }

// Explain says in one line why a rule held, with the numbers that it saw.
func Explain(w *detect.Why) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if w.Rule == detect.Own {
		return w.Note
	}
	if w.Rule == detect.Heartbeat {
		return fmt.Sprintf("Rule %s (%s): no request in %d minutes, usually %s.", w.Rule, ruleNames[w.Rule], w.Window, short(w.Normal))
	}
	switch {
	case w.Requests > 0:
		add("%s of %d requests in %s failed, usually %s", Percent(w.Rate), w.Requests, minutes(w.Window), Percent(w.Normal))
		if w.Limit > 0 {
			add("at least %s wanted", Percent(w.Limit))
		}
	case w.Rule == detect.Count:
		add("%d errors in %s, usually %s a minute", w.Errors, minutes(w.Window), short(w.Normal))
		if w.Limit > 0 && w.Window <= 5 {
			add("at least %s wanted", short(w.Limit))
		}
	default:
		add("%d errors in %s", w.Errors, minutes(w.Window))
	}
	if w.MinScore > 0 {
		add("z %s (limit %s)", short(w.Score), short(w.MinScore))
	}
	if w.Persist != "" {
		add("%s", w.Persist)
	}
	switch {
	case w.Customer != "":
		add("%s of it one customer: %s", Percent(w.TopShare), w.Customer)
	case w.Customers == 1:
		add("1 customer")
	case w.Customers > 1:
		add("%d customers", w.Customers)
	}
	if w.Late > 0 {
		add("%d came late", w.Late)
	}
	if w.Note != "" {
		add("%s", w.Note)
	}
	return fmt.Sprintf("Rule %s (%s): %s.", w.Rule, ruleNames[w.Rule], strings.Join(parts, ", "))
}

func minutes(n int) string {
	if n >= 120 && n%60 == 0 {
		return strconv.Itoa(n/60) + " hours"
	}
	return strconv.Itoa(n) + " minutes"
}

// Percent writes a share with as many digits as people compare.
func Percent(share float64) string {
	switch p := 100 * share; {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return "?"
	case p > 0 && p < .01:
		return "<0.01%"
	case p < 1:
		return strconv.FormatFloat(math.Round(p*100)/100, 'f', -1, 64) + "%"
	case p < 99.5 && p < 10:
		return strconv.FormatFloat(math.Round(p*10)/10, 'f', -1, 64) + "%"
	default:
		return strconv.FormatFloat(math.Round(p), 'f', -1, 64) + "%"
	}
}

func short(x float64) string {
	if math.Abs(x) >= 10 {
		return strconv.FormatFloat(math.Round(x), 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64)
}
