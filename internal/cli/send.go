package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"errata/internal/dialect"
)

// SendOptions describe one report, or a file of them. With Service the file is
// an error response as an API gave it, and the other fields are its
// circumstances; without, it holds full reports: JSON, an array, or NDJSON.
type SendOptions struct {
	Collector, Key                   string
	Service                          string
	Status                           int
	Endpoint, Method                 string
	Customer, Environment, RequestID string
	File                             string // "-" is In; "" with Service and Status is a report without a body
	In                               io.Reader
	Out                              io.Writer
}

// verdict is what the collector answers.
type verdict struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Rejected   []struct {
		Index int      `json:"index"`
		Error APIError `json:"error"`
	} `json:"rejected"`
	Warnings []struct {
		Index int    `json:"index"`
		Code  string `json:"code"`
	} `json:"warnings"`
}

// Send reports failures to the collector and says what became of them. It
// fails when any was rejected.
func Send(ctx context.Context, opt SendOptions) error {
	body, err := readInput(opt.File, opt.In)
	if err != nil {
		return err
	}
	path, contentType, body, err := opt.request(body)
	if err != nil {
		return err
	}
	c := newClient(opt.Collector, opt.Key)
	got, err := c.send(ctx, http.MethodPost, path, contentType, body)
	if err != nil {
		return err
	}
	var v verdict
	if err := c.decode(got, &v); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	v.print(&p)
	if id := opt.lookupID(body); id != "" && v.Accepted+v.Duplicates > 0 {
		p.line("Look it up: errata lookup %s", quoted(id))
	}
	if p.err == nil && len(v.Rejected) > 0 {
		return exitf("%d rejected.", len(v.Rejected))
	}
	return p.err
}

func readInput(file string, in io.Reader) ([]byte, error) {
	switch {
	case file == "":
		return nil, nil
	case file != "-":
		body, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, exitf("Cannot read %s: %v", file, err)
		}
		return body, nil
	case in == nil:
		return nil, exitf("There is no standard input to read.")
	}
	return io.ReadAll(in)
}

// request decides how what was given is sent.
func (o *SendOptions) request(body []byte) (path, contentType string, out []byte, err error) {
	body = bytes.TrimSpace(body)
	switch {
	case o.Service == "" && len(body) == 0:
		return "", "", nil, exitf("Nothing to send: name a file (or - for standard input), or --service and --status.")
	case o.Service == "":
		return "/v1/errors", jsonType(body), body, nil
	case len(body) == 0 && o.Status == 0:
		return "", "", nil, exitf("A report without a body needs --status.")
	case len(body) == 0:
		out, err = json.Marshal(o.report())
		return "/v1/errors", "application/json", out, err
	}
	contentType = "text/plain"
	if json.Valid(body) {
		contentType = "application/json"
	}
	return "/v1/errors?" + o.query().Encode(), contentType, body, nil
}

// jsonType tells one JSON value from several, one on each line.
func jsonType(body []byte) string {
	if json.Valid(body) {
		return "application/json"
	}
	return "application/x-ndjson"
}

func (o *SendOptions) fields() map[string]string {
	return map[string]string{
		"service": o.Service, "endpoint": o.Endpoint, "method": o.Method, "customer": o.Customer, "environment": o.Environment,
		"request_id": o.RequestID,
	}
}

func (o *SendOptions) report() map[string]any {
	report := map[string]any{"status": o.Status}
	for name, v := range o.fields() {
		if v != "" {
			report[name] = v
		}
	}
	return report
}

func (o *SendOptions) query() url.Values {
	q := url.Values{}
	for name, v := range o.fields() {
		if v != "" {
			q.Set(name, v)
		}
	}
	if o.Status != 0 {
		q.Set("status", strconv.Itoa(o.Status))
	}
	return q
}

// lookupID is the ID under which the first of the reports will be found, as
// far as that can be told from here.
func (o *SendOptions) lookupID(body []byte) string {
	if o.RequestID != "" {
		return o.RequestID
	}
	if o.Service != "" {
		return dialect.Read(body, nil, o.Status).RequestID
	}
	var first struct {
		RequestID string          `json:"request_id"`
		Status    int             `json:"status"`
		Envelope  json.RawMessage `json:"envelope"`
	}
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("["))))
	if dec.Decode(&first) != nil {
		return ""
	}
	if first.RequestID == "" && len(first.Envelope) > 0 {
		return dialect.Read(first.Envelope, nil, first.Status).RequestID
	}
	return first.RequestID
}

// quoted makes an ID safe to paste into a shell.
func quoted(id string) string {
	id = safe(id)
	if strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("_-.:/=@", r)
	}) || strings.HasPrefix(id, "-") {
		return "'" + strings.ReplaceAll(id, "'", `'\''`) + "'"
	}
	return id
}

func (v *verdict) print(p *printer) {
	parts := []string{fmt.Sprintf("%d accepted", v.Accepted)}
	if v.Duplicates > 0 {
		parts = append(parts, fmt.Sprintf("%d known already", v.Duplicates))
	}
	if len(v.Rejected) > 0 {
		parts = append(parts, fmt.Sprintf("%d rejected", len(v.Rejected)))
	}
	p.line("%s", strings.Join(parts, ", "))
	for _, r := range v.Rejected {
		p.line("  item %d: %s: %s", r.Index, safe(r.Error.Code), safe(r.Error.Message))
	}
	for _, w := range v.Warnings {
		note := ""
		if w.Code == "not_idempotent" {
			note = ": it has no ID and no time, so that sending it again counts it again"
		}
		p.line("  item %d: %s%s", w.Index, safe(w.Code), note)
	}
}
