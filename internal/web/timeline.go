package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/story"
)

// step is one Event on the timeline.
type step struct {
	Path    string
	Machine string
	Clock   string
	Offset  string // since the first
	Depth   int    // below how many calls, as far as they failed
	Service string
	What    string
	Status  string
	Marks   []string // in words, never only in colour
	Call    bool     // a call that the service made
	Took    string
	Link    story.Link // how it is known who called it
	Root    bool
}

// maxDepth is how far the timeline is indented.
const maxDepth = 5

func timeline(trail *event.Trail, focus string) []step {
	told := story.Timeline(trail)
	out := make([]step, 0, len(told))
	var first time.Time
	for i := range told {
		if first.IsZero() || told[i].Start.Before(first) {
			first = told[i].Start
		}
	}
	for i := range told {
		e := &told[i]
		s := step{
			Path: "/events/" + url.PathEscape(e.ID), Machine: e.Start.UTC().Format(time.RFC3339Nano), Clock: e.Start.UTC().Format("15:04:05.000"),
			Offset: fmt.Sprintf("+%d ms", e.Start.Sub(first).Milliseconds()), Depth: min(e.Depth, maxDepth), Service: e.Service, Link: e.Link,
			What: joined(e.Method, e.Endpoint), Status: heading(e.Event), Call: e.Role == event.Upstream, Root: len(trail.Events) > 1 && e.ID == trail.Summary.RootCauseEventID,
		}
		if e.DurationMS != nil {
			s.Took = milliseconds(*e.DurationMS)
		}
		if s.What == "" {
			s.What = shorten(e.Message, 120)
		}
		s.Marks = marks(e.Event, trail, focus)
		if e.Attempt > 0 {
			s.Marks = append(s.Marks, "attempt "+itoa(e.Attempt))
		}
		out = append(out, s)
	}
	return out
}

// byTime reports whether of some it is not known who called them.
func byTime(steps []step) bool {
	alone := 0
	for i := range steps {
		if steps[i].Link == story.ByTime {
			alone++
		}
	}
	return alone > 1
}

func marks(e *event.Event, trail *event.Trail, focus string) []string {
	var out []string
	if e.Role == event.Upstream {
		call := "call to another service"
		if e.Upstream != nil && e.Upstream.Provider != "" {
			call = "call to " + e.Upstream.Provider
		}
		out = append(out, call)
	}
	if e.Role == event.Context {
		out = append(out, "on the way")
	}
	if len(trail.Events) == 1 {
		return out
	}
	if e.ID == trail.Summary.RootCauseEventID && e.ID != trail.Summary.EventID {
		out = append(out, "root cause")
	}
	if e.ID == trail.Summary.EventID {
		out = append(out, "what the customer saw")
	}
	if e.ID == focus {
		out = append(out, "this record")
	}
	return out
}

// text is a long text, cut where a page would burst.
type text struct {
	Body string
	Cut  bool
}

const maxShown = 64 << 10

func clamp(s string) text {
	if len(s) <= maxShown {
		return text{Body: s}
	}
	return text{Body: strings.ToValidUTF8(s[:maxShown], ""), Cut: true}
}

// pretty shows JSON with line breaks, and a JSON string as the text it holds.
func pretty(raw json.RawMessage) text {
	if len(raw) == 0 || string(raw) == "null" {
		return text{}
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return clamp(s)
	}
	var b bytes.Buffer
	if len(raw) > maxShown || json.Indent(&b, raw, "", "  ") != nil {
		return clamp(string(raw))
	}
	return clamp(b.String())
}

func headerRows(headers map[string]string) []row {
	var out []row
	for _, k := range slices.Sorted(maps.Keys(headers)) {
		out = append(out, row{k, headers[k]})
	}
	return out
}

func shorten(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit]) + "…"
}

func itoa(n int) string { return strconv.Itoa(n) }

func milliseconds(ms float64) string {
	if ms >= 10_000 {
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// query encodes pairs of names and values, without empty ones.
func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v.Encode()
}
