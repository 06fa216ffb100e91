package ingest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
)

const (
	maxTotalsBody = 4 << 20
	maxMinutes    = 10_000
	// maxRequests is how far JSON's numbers are exact everywhere.
	maxRequests = 1 << 53
)

// totalsAnswer is what POST /v1/totals says: how many minutes were stored, and
// why the others were not.
type totalsAnswer struct {
	Accepted int       `json:"accepted"`
	Rejected []refusal `json:"rejected"`
}

// postTotals takes how many requests a service answered. The counts are
// absolute: what is sent again replaces.
func (s *Server) postTotals(c *gin.Context) error {
	lines, err := mediaType(c.GetHeader("Content-Type"), false)
	if err != nil {
		return err
	}
	if lines {
		return fault.New(fault.UnsupportedMediaType, "unsupported_media_type", "Content-Type must be application/json.")
	}
	body, err := edge.ReadBody(c, maxTotalsBody)
	if err != nil {
		return err
	}
	items, err := decodeTotals(body)
	if err != nil {
		return err
	}
	answer := totalsAnswer{Rejected: []refusal{}}
	received := time.Now().UTC()
	rows := make([]event.Requests, 0, len(items))
	for i, it := range items {
		row, err := it.row, it.err
		if err == nil {
			row, err = s.norm.Requests(row, "minute", received)
		}
		if err != nil {
			f := fault.Of(err)
			s.count.rejected.Add(c.Request.Context(), 1, byReason(f.Code))
			answer.Rejected = append(answer.Rejected, refusal{i, itemError{f.Code, f.Message, f.Details}})
			continue
		}
		row.Workspace = edge.Key(c).Workspace
		rows = append(rows, row)
	}
	counted, err := s.counter.submit(rows, nil)
	if err == nil {
		err = counted.wait(c.Request.Context())
	}
	if err != nil {
		s.count.refused.Add(c.Request.Context(), 1, byReason(fault.Of(err).Code))
		return err
	}
	answer.Accepted = len(rows)
	c.PureJSON(http.StatusOK, answer)
	return nil
}

// total is one of the minutes, or why it is none.
type total struct {
	row event.Requests
	err error
}

// decodeTotals reads the body of POST /v1/totals. What is wrong with the body
// as a whole is an error; what is wrong with one minute is that one's. It is
// pure.
func decodeTotals(body []byte) ([]total, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) == 0 {
		return nil, fault.New(fault.Invalid, "invalid_request", "The body is empty. Send an object with 'service' and 'minutes'.")
	}
	if err := checkNesting(body); err != nil {
		return nil, err
	}
	var fields reportFields
	if err := json.Unmarshal(body, &fields); err != nil {
		if !json.Valid(body) {
			return nil, syntax(err)
		}
		fields = nil
	}
	if fields == nil {
		return nil, fault.New(fault.Unprocessable, "validation_failed", "The body must be a JSON object with 'service' and 'minutes'.")
	}
	d := fieldDecoder{fields: fields}
	series := event.Series{Service: d.text("service"), Environment: d.text("environment")}
	if strings.TrimSpace(series.Service) == "" {
		d.fail("service", "The 'service' field is required.")
	}
	var raws []json.RawMessage
	if raw, ok := d.has("minutes"); !ok || json.Unmarshal(raw, &raws) != nil {
		d.fail("minutes", "The 'minutes' field must be a list of objects.")
	}
	if d.err != nil {
		return nil, d.err
	}
	if len(raws) > maxMinutes {
		return nil, fault.New(fault.TooLarge, "payload_too_large", "More than %d minutes in one request. Send them in smaller parts.", maxMinutes).With("limit", maxMinutes)
	}
	items := make([]total, len(raws))
	for i, raw := range raws {
		items[i] = decodeTotal(series, raw)
	}
	return items, nil
}

func decodeTotal(series event.Series, raw []byte) total {
	var fields reportFields
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return total{err: fault.New(fault.Unprocessable, "validation_failed", "A minute must be a JSON object.").With("field", "minutes")}
	}
	d := fieldDecoder{fields: fields}
	series.Method, series.Endpoint = d.text("method"), d.text("endpoint")
	at := d.time("minute")
	if at.IsZero() {
		d.fail("minute", "The 'minute' field is required: a time such as 2026-11-20T14:02:00Z.")
	}
	n := d.requests()
	return total{event.Requests{Series: series, Source: event.TotalsRequests, Minute: at, N: n}, d.err}
}

// requests takes a whole number, 0 or more.
func (d *fieldDecoder) requests() float64 {
	raw, _ := d.has("requests")
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || n > maxRequests {
		d.fail("requests", "The 'requests' field must be a whole number, 0 or more; it is %s.", orMissing(raw))
	}
	return float64(n)
}

func orMissing(raw []byte) string {
	if len(raw) == 0 {
		return "missing"
	}
	return clip(raw)
}
