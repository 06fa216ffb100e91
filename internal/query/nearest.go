package query

import "strings"

// Nearest is the one of names that was probably meant, or "".
func Nearest(given string, names []string) string {
	best, least := "", 3
	runes := []rune(given)
	if len(runes) < 5 {
		least = 2 // of a short word two changes leave nothing
	}
	for _, name := range names {
		if d := distance(runes, []rune(name), least); d < least {
			best, least = name, d
		}
	}
	if best != "" || len(runes) < 3 {
		return best
	}
	for _, name := range names { // env, customer_id
		if strings.HasPrefix(name, given) || strings.HasPrefix(given, name+"_") {
			return name
		}
	}
	return ""
}

// distance is how many letters were left out, added, changed, or swapped with
// their neighbour; limit when it is that or more.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		twoBefore := before
		before, row = row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoBefore[j-2]+1)
			}
		}
	}
	return min(row[len(b)], limit)
}
