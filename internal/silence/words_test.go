package silence

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhat(t *testing.T) {
	for want, s := range map[string]Silence{
		"everything":                                                        {Reason: "x", Cron: "* * * * *"},
		"5xx and 429 of billing":                                            {Service: "billing"},
		"5xx of billing in production":                                      {Service: "billing", Environment: "production", Family: "5xx"},
		"429 of every service for customer acme":                            {Family: "429", Customer: "acme"},
		"5xx and 429 of billing at POST /v1/charges with code boom":         {Service: "billing", Method: "POST", Endpoint: "/v1/charges", Code: "boom"},
		"5xx and 429 of every service at GET any endpoint":                  {Method: "GET"},
		"5xx and 429 of every service in staging found by the rule nightly": {Environment: "staging", RuleID: "01970000-0000-7000-8000-000000000001"},
	} {
		assert.Equal(t, want, s.What("nightly"))
	}
	assert.Contains(t, Silence{RuleID: "0197"}.What(""), "the rule 0197")
}

func TestWhen(t *testing.T) {
	for expr, want := range map[string]string{
		"30 2 * * SUN":      "every Sunday at 02:30",
		"30 2 * * 7":        "every Sunday at 02:30",
		"0 22 * * MON-FRI":  "Monday to Friday at 22:00",
		"0 22 * * FRI-MON":  "every Monday, Friday, Saturday and Sunday at 22:00",
		"0 0 * * *":         "every day at 00:00",
		"0 6,18 * * *":      "every day at 06:00 and 18:00",
		"0 */12 * * *":      "every day at 00:00 and 12:00",
		"15 3 1,15 * *":     "on the 1st and 15th of the month at 03:15",
		"0 4 2,3,11,22 * *": "on the 2nd, 3rd, 11th and 22nd of the month at 04:00",
		"0 4 1 1 *":         "on the 1st of the month in January at 04:00",
		"0 4 * JUL,AUG SAT": "every Saturday in July and August at 04:00",
		"*/15 * * * *":      "every 15 minutes",
		"* * * * *":         "every minute",
		"5 * * * *":         "every hour at minute 5",
		"*/20 * * * MON":    "every Monday every 20 minutes",
		"*/7 * * * *":       "when “*/7 * * * *” says", // not every seven minutes: at 0 anew
		"0 4 13 * FRI":      "when “0 4 13 * FRI” says",
		"0-59/5 1-8 * * *":  "when “0-59/5 1-8 * * *” says",
		"nonsense":          "when “nonsense” says",
		"0 4 1-31 * 0-6":    "every day at 04:00",
		"0 4 1-7,9-20 * *":  "when “0 4 1-7,9-20 * *” says",
		"0 0 * 1-12 *":      "every day at 00:00",
		"0,30 * * * *":      "every 30 minutes",
		"10,40 * * * *":     "when “10,40 * * * *” says",
		"59 23 31 12 *":     "on the 31st of the month in December at 23:59",
	} {
		assert.Equal(t, want+" (UTC), for 1 h 30 min", Silence{Cron: expr, Minutes: 90}.When(), expr)
	}
	assert.Equal(t, "every day at 04:00 (Europe/Berlin), for 45 min", Silence{Cron: "0 4 * * *", Minutes: 45, TimeZone: "Europe/Berlin"}.When())
	assert.Equal(t, "2 h", Length(120))
	assert.Empty(t, Silence{}.When())
}

// What is said must be what happens: an expression that was put into words begins
// at exactly the times that the words name.
func TestWhenIsTrue(t *testing.T) {
	s := window("0 22 * * FRI-MON", 60, "UTC", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")
	var days []string
	for _, next := range s.Next(at("2026-11-15T00:00:00Z"), 10) {
		days = append(days, next.Weekday().String())
	}
	assert.Equal(t, []string{"Monday", "Friday", "Saturday", "Sunday"}, days)
}
