package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"errata/internal/fault"
	"errata/internal/silence"
)

// typedSilence is what somebody put into the form.
type typedSilence map[string]string

var silenceFields = []string{"environment", "service", "method", "endpoint", "code", "customer", "family", "rule_id", "reason", "cron", "minutes", "time_zone", "for", "starts_at", "ends_at", "kind", "all"}

// onceFors and windowFors are for how long silences are, and windows go on.
var (
	onceFors = []lengthOfSilence{{"1h", "1 hour", time.Hour}, {"2h", "2 hours", 2 * time.Hour}, {"4h", "4 hours", 4 * time.Hour}, {"8h", "8 hours", 8 * time.Hour}, {"1d", "1 day", 24 * time.Hour},
		{"3d", "3 days", 72 * time.Hour}, {"7d", "7 days", 7 * 24 * time.Hour}, {"30d", "30 days", 30 * 24 * time.Hour}}
	windowFors = []lengthOfSilence{{"365d", "1 year", 365 * 24 * time.Hour}, {"30d", "30 days", 30 * 24 * time.Hour}, {"90d", "90 days", 90 * 24 * time.Hour}, {"1825d", "5 years", 1825 * 24 * time.Hour}}
)

// someZones are offered; any other can be typed.
var someZones = []string{"UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney"}

// offeredPlaces are how many services and environments there are to choose from.
const offeredPlaces = 50

const formTime = "2006-01-02T15:04" // as date fields of browsers have it

// read gives the silence that was typed. A preview needs neither a reason nor an
// end: it is asked for before they are known.
func (in typedSilence) read(now time.Time, preview bool) (s silence.Silence, err error) {
	s = silence.Silence{Environment: in["environment"], Service: in["service"], Method: in["method"], Endpoint: in["endpoint"], Code: in["code"], Customer: in["customer"], Family: in["family"],
		RuleID: in["rule_id"], Reason: in["reason"]}
	if method, rest, ok := strings.Cut(s.Endpoint, " "); ok && s.Method == "" && slices.Contains(knownMethods, strings.ToUpper(method)) {
		s.Method, s.Endpoint = method, strings.TrimSpace(rest)
	}
	if s.All() && in["all"] == "" {
		return s, wrongSilence("service", "Say what is to be silent, in at least one of these fields; or tick below that it is everything.")
	}
	offered := onceFors
	if in["kind"] == "window" {
		offered = windowFors
		if s.Cron, s.TimeZone = in["cron"], in["time_zone"]; s.Cron == "" {
			return s, wrongSilence("cron", "Say when the window begins: minute, hour, day of the month, month and day of the week, such as 30 2 * * SUN.")
		}
		if s.Minutes, err = strconv.Atoi(in["minutes"]); err != nil {
			return s, wrongSilence("minutes", "Say for how many minutes it is silent, as a number such as 90.")
		}
	}
	if s.StartsAt.Time, err = in.time("starts_at", "The start", now); err != nil {
		return s, err
	}
	if s.EndsAt.Time, err = in.time("ends_at", "The end", now); err != nil {
		return s, err
	}
	if length, ok := lengthOf(offered, in["for"]); ok && s.EndsAt.IsZero() {
		from := now
		if !s.StartsAt.IsZero() {
			from = s.StartsAt.Time
		}
		s.EndsAt.Time = from.Add(length)
	}
	if preview {
		if s.Reason == "" {
			s.Reason = "a preview"
		}
		if s.EndsAt.IsZero() {
			s.EndsAt.Time = now.Add(silence.MaxLength)
		}
	}
	return s, nil
}

var knownMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

func (in typedSilence) time(name, label string, now time.Time) (time.Time, error) {
	t, err := parseTime(label, in[name], now, time.UTC)
	if err != nil {
		return t, wrongSilence(name, fault.Of(err).Message)
	}
	return t, nil
}

func wrongSilence(name, message string) error {
	return fault.New(fault.Unprocessable, "validation_failed", "%s", message).With("field", name)
}

func silenceMatches(in typedSilence, rules []choice) []silenceField {
	families := choices(in["family"], "", "5xx and 429", "5xx", "5xx", "429", "429")
	return []silenceField{
		{Name: "service", Label: "Service", Value: in["service"], List: "services", Hint: "As messages name it; of a provider's incident, the provider."},
		{Name: "environment", Label: "Environment", Value: in["environment"], List: "environments"},
		{Name: "family", Label: "Failures", Options: families},
		{Name: "method", Label: "Method", Value: in["method"], Placeholder: "POST"},
		{Name: "endpoint", Label: "Endpoint", Value: in["endpoint"], Placeholder: "/v1/charges/{id}"},
		{Name: "code", Label: "Code", Value: in["code"], Placeholder: "provider_error"},
		{Name: "customer", Label: "Customer", Value: in["customer"]},
		{Name: "rule_id", Label: "Rule", Options: rules},
	}
}

func silenceTimes(in typedSilence, edit bool) (out []silenceField) {
	offered, label, hint := onceFors, "Silent for", "A time instead of the choice; at most 90 days after the start."
	if in["kind"] == "window" {
		offered, label, hint = windowFors, "Goes on for", "A time instead of the choice; at most five years after the start."
		zone := in["time_zone"]
		if zone == "" {
			zone = "UTC"
		}
		out = []silenceField{
			{Name: "cron", Label: "Begins", Value: in["cron"], Placeholder: "30 2 * * SUN", Required: true, Hint: "Minute, hour, day of the month, month, day of the week; * is any. 30 2 * * SUN is every Sunday at 2:30, 0 22 * * MON-FRI every workday at 22:00."},
			{Name: "minutes", Label: "Minutes", Value: in["minutes"], Kind: "number", Placeholder: "90", Required: true, Hint: "How long it is silent each time, up to a week (10080)."},
			{Name: "time_zone", Label: "Time zone", Value: zone, List: "zones", Hint: "On whose clock, such as Europe/Berlin."},
		}
	}
	out = append(out, silenceField{Name: "starts_at", Label: "From (UTC)", Value: in["starts_at"], Kind: "datetime-local", Hint: "Empty is now."})
	if edit {
		return append(out, silenceField{Name: "ends_at", Label: "Until (UTC)", Value: in["ends_at"], Kind: "datetime-local", Required: true})
	}
	var options []choice
	for _, o := range offered {
		options = append(options, choice{o.value, o.label, o.value == in["for"]})
	}
	return append(out, silenceField{Name: "for", Label: label, Options: options}, silenceField{Name: "ends_at", Label: "Or until (UTC)", Value: in["ends_at"], Kind: "datetime-local", Hint: hint})
}

func silenceReason(in typedSilence) silenceField {
	return silenceField{Name: "reason", Label: "Reason", Value: in["reason"], Required: true, Hint: "For those who wonder later why nobody was told."}
}
