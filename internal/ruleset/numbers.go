package ruleset

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/yamldoc"
)

// Overrides are numbers by their names. A switch is 1 or 0 here, and true or
// false where people see it.
type Overrides map[string]float64

// Settings are the numbers of the sensitivity with those in their place that
// the rule has of its own. An error is a fault that names the field.
func (r Rule) Settings() (detect.Settings, error) {
	set, err := r.Sensitivity.Settings()
	if err != nil {
		return set, problem{field: "sensitivity", why: "must be one of: low, normal, high"}.fault()
	}
	if problems := r.checkNumbers(); len(problems) > 0 {
		return set, problems[0].fault()
	}
	for name, v := range r.Advanced {
		number(name).set(&set, v)
	}
	return set, nil
}

// Of gives the number that a rule's sensitivity and its own numbers make of
// this one.
func (n *Number) Of(set detect.Settings) float64 {
	switch at := n.at(&set).(type) {
	case *float64:
		return *at
	case *int:
		return float64(*at)
	case *int64:
		return float64(*at)
	case *bool:
		if *at {
			return 1
		}
	}
	return 0
}

func (n *Number) set(set *detect.Settings, v float64) {
	switch at := n.at(set).(type) {
	case *float64:
		*at = v
	case *int:
		*at = int(v)
	case *int64:
		*at = int64(v)
	case *bool:
		*at = v != 0
	}
}

// Switch reports a number that is true or false.
func (n *Number) Switch() bool { return n.Unit == switched }

// Whole reports a number without decimals.
func (n *Number) Whole() bool {
	_, fraction := n.at(new(detect.Settings)).(*float64)
	return !fraction
}

// Text writes a value as people and YAML do.
func (n *Number) Text(v float64) string {
	if n.Switch() {
		return strconv.FormatBool(v != 0)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// number is the row of the table with that name; nil for none.
func number(name string) *Number {
	if i, ok := byName[name]; ok {
		return &Numbers[i]
	}
	return nil
}

var byName = func() map[string]int {
	out := map[string]int{}
	for i := range Numbers {
		out[Numbers[i].Name] = i
	}
	return out
}()

// check says what is wrong with a value; "" for nothing.
func (n *Number) check(v float64) string {
	switch {
	case n.Switch() && v != 0 && v != 1:
		return "must be true or false"
	case math.IsNaN(v), v < n.Min, v > n.Max, n.Whole() && v != math.Trunc(v):
		kind := "number"
		if n.Whole() {
			kind = "whole number"
		}
		return fmt.Sprintf("must be a %s from %s to %s (%s)", kind, n.Text(n.Min), n.Text(n.Max), n.Unit)
	}
	return ""
}

// checkNumbers finds numbers that are not known or out of bounds, by name, and
// those that contradict each other once they are put together.
func (r Rule) checkNumbers() (found []problem) {
	for _, name := range slices.Sorted(maps.Keys(r.Advanced)) {
		n := number(name)
		if n == nil {
			found = append(found, problem{field: "advanced." + yamldoc.Short(name), why: "is not known: take one of the names in docs/alerts-rules.md"})
		} else if why := n.check(r.Advanced[name]); why != "" {
			found = append(found, problem{field: "advanced." + name, why: why})
		}
	}
	set, err := r.Sensitivity.Settings()
	if len(found) > 0 || err != nil {
		return found
	}
	for name, v := range r.Advanced {
		number(name).set(&set, v)
	}
	for _, pair := range [...]struct{ small, large string }{
		{"low_clear", "low_rate"}, {"clear_shown", "clear_minutes"}, {"stale_after", "missing_after"}, {"missing_after", "silent_after"},
	} {
		s, l := number(pair.small), number(pair.large)
		if low, high := s.Of(set), l.Of(set); low > high {
			field := s.Name
			if _, own := r.Advanced[field]; !own {
				field = l.Name
			}
			found = append(found, problem{field: "advanced." + field, why: fmt.Sprintf("does not fit: %s (%s) must not be more than %s (%s)", s.Name, s.Text(low), l.Name, l.Text(high))})
		}
	}
	return found
}

// MarshalJSON writes switches as true and false.
func (o Overrides) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	for name, v := range o {
		out[name] = v
		if n := number(name); n != nil && n.Switch() {
			out[name] = v != 0
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads numbers, and true and false, which for anything but a
// switch is a fault.
func (o *Overrides) UnmarshalJSON(raw []byte) error {
	var given map[string]any
	if err := json.Unmarshal(raw, &given); err != nil {
		return fault.New(fault.Unprocessable, "validation_failed", "The 'advanced' field must be an object of numbers by name.").With("field", "advanced")
	}
	*o = Overrides{}
	for name, v := range given {
		n, isSwitch := number(name), false
		switch v := v.(type) {
		case float64:
			(*o)[name] = v
		case bool:
			isSwitch = true
			(*o)[name] = 0
			if v {
				(*o)[name] = 1
			}
		default:
			return problem{field: "advanced." + yamldoc.Short(name), why: "must be a number"}.fault()
		}
		if n != nil && n.Switch() != isSwitch {
			return problem{field: "advanced." + name, why: map[bool]string{true: "must be true or false", false: "must be a number"}[n.Switch()]}.fault()
		}
	}
	return nil
}
