package query

import (
	"strconv"
	"strings"
)

// Holds reports whether the term is true of something whose value of its field
// is the one given; a status is given as its number, and what has no value as
// "". It is for those who have the values at hand, where the store makes SQL of
// a term. Text it compares as if it were a field.
func (t Term) Holds(value string) bool { return t.matches(value) != t.Not }

func (t Term) matches(value string) bool {
	for _, v := range t.Values {
		switch {
		case v.Any():
			if value != "" {
				return true
			}
		case t.Field == Status:
			n, err := strconv.Atoi(value)
			if err == nil && n >= v.Low && n <= v.High {
				return true
			}
		case v.Prefix:
			if strings.HasPrefix(value, v.Text) {
				return true
			}
		case value == v.Text:
			return true
		}
	}
	return false
}
