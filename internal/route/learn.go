package route

import "strings"

const (
	// Name stands for a segment in a place where too many different ones were
	// seen.
	Name = "{name}"
	// Siblings is how many different segments one place may have before new
	// ones are taken for names. The resources under an API's /v1 must fit; and
	// the names that come in before must leave room for a service's other
	// endpoints.
	Siblings = 50
)

// Tree knows the endpoints of one service, as far as learning needs: which
// beginnings there are, and how many ways lead on from each. What it answers
// depends on the set of endpoints only. The zero Tree knows none.
type Tree struct {
	known    map[string]struct{} // "/users", "/users/alice"
	children map[string]int      // "/users" → 1
}

// Add takes an endpoint in, whoever named it. What is no path says nothing.
func (t *Tree) Add(endpoint string) {
	if !strings.HasPrefix(endpoint, "/") {
		return
	}
	if t.known == nil {
		t.known, t.children = map[string]struct{}{}, map[string]int{}
	}
	for at := 0; at < len(endpoint); {
		end := segmentEnd(endpoint, at+1)
		if _, ok := t.known[endpoint[:end]]; !ok {
			t.known[endpoint[:end]] = struct{}{}
			t.children[endpoint[:at]]++
		}
		at = end
	}
}

// Place gives the endpoint under which a derived one is to be counted: where a
// place has more than Siblings segments, those that are not among them become
// Name. A segment that was there before stays what it is, so that nothing that
// was ever counted by name changes its name.
func (t *Tree) Place(endpoint string) string {
	if !strings.HasPrefix(endpoint, "/") {
		return endpoint
	}
	var room [256]byte
	out := room[:0]
	changed := false
	for at := 0; at < len(endpoint); {
		end := segmentEnd(endpoint, at+1)
		parent := len(out)
		out = append(out, endpoint[at:end]...)
		if _, ok := t.known[string(out)]; !ok && t.children[string(out[:parent])] >= Siblings && !placeholder(endpoint[at+1:end]) {
			out = append(append(out[:parent], '/'), Name...)
			changed = true
		}
		at = end
	}
	if !changed {
		return endpoint
	}
	return string(out)
}

func segmentEnd(s string, from int) int {
	if i := strings.IndexByte(s[from:], '/'); i >= 0 {
		return from + i
	}
	return len(s)
}
