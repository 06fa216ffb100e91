package alert

import (
	"slices"
	"strings"
)

// Own is what is wrong with Errata itself.
type Own struct {
	Condition string   `json:"condition"` // such as ingest_lag
	Says      []string `json:"says"`      // a sentence with the numbers, for each thing that is in trouble; the worst first
	Do        string   `json:"do"`        // what to do about it
}

const (
	maxSays = 5
	maxDo   = 500
)

func (o *Own) clean() *Own {
	if o == nil {
		return nil
	}
	out := Own{Plain(o.Condition, maxName), slices.Clone(o.Says[:min(len(o.Says), maxSays)]), Plain(o.Do, maxDo)}
	for n := range out.Says {
		out.Says[n] = Plain(out.Says[n], maxLine)
	}
	return &out
}

// ownTitle is title of an Incident of Errata itself.
func ownTitle(m Message, i Incident, head string) string {
	if m.Kind == KindResolved {
		parts := []string{"lasted " + lasting(i.ResolvedAt.Sub(i.StartedAt)), "from " + clock(i.StartedAt, m.At) + " to " + clock(i.ResolvedAt, m.At)}
		if i.ResolvedBy != "" {
			parts = append(parts, "closed by "+i.ResolvedBy)
		}
		return head + "  " + strings.Join(parts, ", ")
	}
	return head + "  since " + clock(i.StartedAt, m.At)
}

// lines are what is in trouble besides the first, and what to do.
func (o *Own) lines(kind Kind) (out []string) {
	if len(o.Says) > 1 {
		out = append(out, o.Says[1:]...)
	}
	if kind != KindResolved && o.Do != "" {
		out = append(out, "What to do: "+o.Do)
	}
	return out
}
