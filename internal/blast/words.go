package blast

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

func (c *Counts) title(v Verdict) string {
	switch v {
	case KnownIncident:
		if c.Incident.Open {
			return "Known incident " + c.Incident.Name
		}
		return "It was part of " + c.Incident.Name
	case OthersToo:
		return "Others too"
	case OnlyThem:
		return "Only them"
	case Common:
		return "Common, not unusual"
	default:
		return "Too few to tell"
	}
}

// text gives the numbers, and where they do not speak for themselves, what they
// mean.
func (c *Counts) text(v Verdict) string {
	numbers := c.numbers()
	switch v {
	case KnownIncident:
		return strings.TrimSpace(numbers + " " + c.Incident.Title + ".")
	case OnlyThem:
		if c.NormalKnown && c.Normal > 0 && c.Events < unusual*c.Normal {
			return numbers + " There were about as many a week before."
		}
		if c.Theirs < c.Events {
			return numbers + " " + counted(c.Events-c.Theirs, "of them names", "of them name") + " no customer; nobody else who is named met it."
		}
		return numbers + " Nobody else met it."
	case OthersToo:
		if !c.NormalKnown {
			return numbers + " What is usual at this time is not known."
		}
		return numbers + " That is far more than usual."
	case Common:
		return numbers + " That is about what there always is."
	default:
		return strings.TrimSpace(numbers + " " + c.why())
	}
}

// numbers are the counts as a sentence.
func (c *Counts) numbers() string {
	if c.Events <= 0 {
		return ""
	}
	parts := []string{}
	if c.Customers > 0 {
		parts = append(parts, counted(c.Customers, "customer", "customers"))
	}
	parts = append(parts, counted(c.Events, "failure", "failures"))
	if c.NormalKnown {
		parts = append(parts, "usually "+grouped(c.Normal))
	}
	if c.Customers > 1 && c.Theirs > 0 {
		parts = append(parts, percent(c.share())+" of them are this customer's")
	}
	return strings.Join(parts, ", ") + "."
}

// why says what stands in the way of telling.
func (c *Counts) why() string {
	switch {
	case c.Events <= 0:
		return "Nothing is counted under this code and endpoint in this time."
	case c.Customers == 0 && c.Events == 1:
		return "It names no customer."
	case c.Customers == 0:
		return "None of them names a customer."
	case c.Customer == "":
		return "This failure names no customer."
	case c.Theirs == 0:
		return "None of those that are counted is this customer's."
	case c.Customers == 1 && c.share() < mostly:
		return "Most of them name no customer."
	case c.Customers == 2 && c.Events >= few:
		return "One other customer met it, too."
	default:
		return ""
	}
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number as people read it: 1,204.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent is a share in whole percent; never all of them or none where that is not so.
func percent(share float64) string {
	p := math.Round(share * 100)
	switch {
	case share < 1 && p == 100:
		p = 99
	case share > 0 && p == 0:
		return "less than 1%"
	}
	return fmt.Sprintf("%.0f%%", p)
}
