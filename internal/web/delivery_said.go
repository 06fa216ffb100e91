package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/store"
)

// deliveryView is a message with all that became of it.
type deliveryView struct {
	deliveryRow
	ID, Key  string
	Text     string
	Ended    moment
	Attempts []attemptView
}

type attemptView struct {
	N         int
	At        moment
	Took      string
	Word      string
	Error     string
	Exchanges []exchangeView
}

// exchangeView is one request and its answer, as text.
type exchangeView struct{ Request, Response string }

var outcomeWords = map[alert.Outcome]string{
	alert.Done: "It arrived.", alert.Later: "It did not arrive; trying again may help.", alert.GiveUp: "It did not arrive, and trying the same again cannot help.",
	alert.Disable: "The receiver wants no more messages.",
}

func (w *web) deliveryView(d *store.DeliveryDetail) *deliveryView {
	v := &deliveryView{deliveryRow: w.deliveryRow(&d.Delivery), ID: d.ID, Key: d.DedupKey, Text: alert.Write(d.Message).Plain()}
	if d.EndedAt != nil {
		v.Ended = w.moment(d.EndedAt.Time)
	}
	for _, t := range slices.Backward(d.Tries) { // the last one first
		v.Attempts = append(v.Attempts, attemptView{N: t.N, At: w.moment(t.At.Time), Took: milliseconds(float64(t.TookMS)), Word: outcomeWords[t.Outcome], Error: t.Error, Exchanges: exchanges(t)})
	}
	return v
}

// answered is what came back for a request, as the log has it.
type answered struct {
	notify.Response
	Error string `json:"error"`
}

// exchanges reads what was said. What cannot be read is shown as it lies there.
func exchanges(t store.DeliveryAttempt) []exchangeView {
	var requests []notify.Request
	var responses []answered
	if json.Unmarshal(t.Request, &requests) != nil || json.Unmarshal(t.Response, &responses) != nil {
		return []exchangeView{{string(t.Request), string(t.Response)}}
	}
	var out []exchangeView
	for i, r := range requests {
		x := exchangeView{Request: onTheWire(r.Method+" "+r.URL, r.Headers, r.Body)}
		if r.Truncated > 0 {
			x.Request += fmt.Sprintf("\n… and %s more bytes", grouped(int64(r.Truncated)))
		}
		if i < len(responses) {
			x.Response = responseText(&responses[i])
		}
		out = append(out, x)
	}
	return out
}

func responseText(a *answered) string {
	switch {
	case a.Status == 0 && a.Error != "":
		return "No answer: " + a.Error
	case a.Status == 0:
		return "No answer."
	}
	out := onTheWire(itoa(a.Status), a.Headers, a.Body)
	if a.Truncated {
		out += "\n… and more"
	}
	if a.Error != "" {
		out += "\n" + a.Error
	}
	return out
}

// onTheWire is a first line, headers and a body, as on the wire; JSON is indented.
func onTheWire(first string, headers map[string]string, body string) string {
	lines := []string{first}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = append(lines, name+": "+headers[name])
	}
	if body == "" {
		return strings.Join(lines, "\n")
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(body), "", "  ") == nil {
		body = b.String()
	}
	return strings.Join(append(lines, "", body), "\n")
}
