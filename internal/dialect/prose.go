package dialect

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Where neither headers nor fields say how long to wait, the message often does:
// "Try again in 45 seconds", "retry after 2m", "in 45 Sekunden erneut versuchen".
// A number that is about something else ("timed out after 30 seconds", "60 requests
// in 1 minute") would be a promise that nobody made, so that a time counts only
// beside a word that asks to try again, in the same clause.

// maxProse is how much of a message is looked through.
const maxProse = 4096

// asks begin words that ask to try again, of languages that APIs speak.
var asks = []string{"retry", "again", "wait", "reset", "available", "resume", // English
	"erneut", "wieder", "warten", "réessay", "reessay", "patient", "attend", "intent", "intént", "reintent", "esper", "aguard", "tente", "tentar", "riprov", "riprend", "opnieuw", "wacht"}

// leads stand before a time; those of leadsAfter never before one that comes ahead
// of what asks: "after 30 seconds retrying" is about what was.
var (
	leads      = []string{"in", "within", "for", "dans", "en", "em", "tra", "fra", "over", "dentro", "pendant", "durante"}
	leadsAfter = []string{"after", "nach", "après", "apres", "tras", "después", "despues", "depois", "após", "dopo", "na"}
	fillers    = []string{"at", "least", "about", "around", "approximately", "another", "only", "etwa", "ca", "mindestens", "noch", "environ", "moins", "au", "unos", "menos", "al", "cerca", "circa", "de", "di", "sie", "bitte", "please"}
	// spoils are words after which a time is not one to wait.
	spoils = []string{"failed", "timed", "timeout", "exceeded", "aborted", "gave", "requests", "calls", "attempts", "retries", "times", "tries", "took", "expired", "limit", "per", "waited", "closed", "canceled", "cancelled",
		"anfragen", "abgebrochen", "solicitudes", "peticiones", "requêtes", "requisições", "richieste", "verzoeken"}
)

// units are how many seconds words for a time are.
var units = map[string]float64{
	"ms": .001, "millisecond": .001, "milliseconds": .001, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "sekunde": 1, "sekunden": 1, "segundo": 1, "segundos": 1,
	"seconde": 1, "secondes": 1, "secondo": 1, "secondi": 1, "seconden": 1, "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "minuten": 60, "minuto": 60, "minutos": 60,
	"minuti": 60, "minuut": 60, "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "stunde": 3600, "stunden": 3600, "hora": 3600, "horas": 3600, "heure": 3600, "heures": 3600,
	"ora": 3600, "ore": 3600, "uur": 3600, "day": 86400, "days": 86400, "tag": 86400, "tage": 86400, "tagen": 86400, "día": 86400, "días": 86400, "dia": 86400, "dias": 86400,
	"jour": 86400, "jours": 86400, "giorno": 86400, "giorni": 86400, "dag": 86400, "dagen": 86400,
}

const (
	nearBefore = 6 // words between what asks and its time
	nearAfter  = 2 // words between a time and what asks
)

// proseWait finds how long a message asks to wait.
func proseWait(message string) (float64, bool) {
	if !strings.ContainsAny(message[:min(len(message), maxProse)], "0123456789") {
		return 0, false
	}
	m := strings.ToLower(message[:min(len(message), maxProse)])
	if !slices.ContainsFunc(asks, func(stem string) bool { return strings.Contains(m, stem) }) {
		return 0, false
	}
	for clause := range clauses(m) {
		if s, ok := waitIn(strings.Fields(clause)); ok {
			return s, true
		}
	}
	return 0, false
}

// clauses cuts where a thought ends; not within a number.
func clauses(m string) func(func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i := range len(m) {
			if strings.IndexByte(".,;:!?()\n", m[i]) < 0 || i+1 < len(m) && m[i] != '\n' && m[i] != '(' && !strings.ContainsRune(" \n)\"'", rune(m[i+1])) {
				continue
			}
			if !yield(m[start:i]) {
				return
			}
			start = i + 1
		}
		yield(m[start:])
	}
}

func waitIn(words []string) (float64, bool) {
	for i := range words {
		seconds, n := amount(words[i:])
		if n == 0 {
			continue
		}
		lead := i - 1
		for lead >= 0 && slices.Contains(fillers, words[lead]) {
			lead--
		}
		if asked(words, lead, i+n) {
			return seconds, true
		}
	}
	return 0, false
}

// asked reports whether the time behind words[lead], which ends before words[end],
// is one to wait.
func asked(words []string, lead, end int) bool {
	if end < len(words) && words[end] == "before" && slices.ContainsFunc(words[end:], isAsk) {
		return lead < 0 || !slices.Contains(spoils, words[lead])
	}
	if lead < 0 {
		return false
	}
	if isAsk(words[lead]) { // "wait 60 seconds", "retry 30s"
		return true
	}
	after := slices.Contains(leadsAfter, words[lead])
	if !after && !slices.Contains(leads, words[lead]) {
		return false
	}
	for k := lead - 1; k >= 0 && k >= lead-nearBefore && !slices.Contains(spoils, words[k]); k-- {
		if isAsk(words[k]) {
			return true
		}
	}
	if after || lead > 0 && slices.Contains(spoils, words[lead-1]) {
		return false
	}
	return slices.ContainsFunc(words[end:min(end+nearAfter, len(words))], isAsk)
}

func isAsk(word string) bool {
	return slices.ContainsFunc(asks, func(stem string) bool { return strings.HasPrefix(word, stem) }) && !slices.Contains(spoils, word)
}

// amount reads a time at the beginning of words, and of how many words it is:
// "45 seconds", "2m", "1 minute and 30 seconds". 0 words is none.
func amount(words []string) (seconds float64, n int) {
	for n < len(words) {
		at := n
		if n > 0 && (words[n] == "and" || words[n] == "und") && n+1 < len(words) {
			at++
		}
		s, used := oneAmount(words[at:])
		if used == 0 {
			break
		}
		seconds, n = seconds+s, at+used
	}
	return seconds, n
}

func oneAmount(words []string) (float64, int) {
	word := strings.Trim(words[0], `"'~<>[]`)
	if word == "" || word[0] < '0' || word[0] > '9' {
		return 0, 0
	}
	if d, err := time.ParseDuration(word); err == nil && d >= 0 { // "6m0s", "20ms", "1.2s"; also "0"
		if word != "0" {
			return d.Seconds(), 1
		}
	}
	end := strings.IndexFunc(word, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != ',' })
	digits, rest := word, ""
	if end > 0 {
		digits, rest = word[:end], strings.TrimPrefix(word[end:], "-")
	}
	const maxDigits = 9
	f, err := strconv.ParseFloat(strings.Replace(digits, ",", ".", 1), 64)
	if err != nil || len(digits) > maxDigits {
		return 0, 0
	}
	if rest != "" { // "45sec", "45-second"
		unit, ok := units[rest]
		if !ok {
			return 0, 0
		}
		return f * unit, 1
	}
	if len(words) < 2 {
		return 0, 0
	}
	unit, ok := units[strings.Trim(words[1], `"'.`)]
	if !ok {
		return 0, 0
	}
	return f * unit, 2
}
