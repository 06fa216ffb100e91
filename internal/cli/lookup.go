package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"errata/internal/customer"
)

// LookupOptions say what to look up and where. An ID "-" stands for all of In,
// which may be any text; so may an ID that has spaces in it.
type LookupOptions struct {
	Server, Key string
	JSON        bool // print the API's answers, one on each line
	CSV         bool // print a table for spreadsheets
	Table       bool // print a table also where there is room for the stories
	IDs         []string
	In          io.Reader
	Out         io.Writer
	Err         io.Writer // for what must not get among the rows; nil for nowhere
	Color       bool
	Now         func() time.Time // nil: time.Now
}

// maxPaste is the longest text that the API takes.
const maxPaste = 256 << 10

const (
	// maxStories is how many answers are told in full; more make a table.
	maxStories = 5
	// exitNotFound and exitFailed tell scripts what became of a look-up.
	exitNotFound, exitFailed = 1, 2
)

// finding is one look-up on its way.
type finding struct {
	LookupOptions
	printer
	api     *client
	missing int
	shown   int
	rows    []idRow // of the table
}

// Lookup prints what happened to each ID. Where any is not found it says so and
// returns an *Exit with code 1; where nothing could be asked, with code 2.
func Lookup(ctx context.Context, opt LookupOptions) error {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Err == nil {
		opt.Err = io.Discard
	}
	f := finding{LookupOptions: opt, printer: printer{out: opt.Out, color: opt.Color}, api: newClient(opt.Server, opt.Key)}
	if err := f.all(ctx); err != nil {
		return &Exit{Code: exitFailed, Message: err.Error()}
	}
	if f.missing > 0 {
		return &Exit{Code: exitNotFound, Message: fmt.Sprintf("%d not found.", f.missing)}
	}
	return nil
}

func (f *finding) all(ctx context.Context) error {
	if len(f.IDs) == 0 {
		return exitf("Name an ID, or - to read text from standard input.")
	}
	for _, id := range f.IDs {
		if err := f.one(ctx, id); err != nil {
			return err
		}
	}
	if err := f.printRows(); err != nil {
		return err
	}
	return f.err
}

func (f *finding) one(ctx context.Context, id string) error {
	switch {
	case id == "-":
		text, err := f.readText()
		if err != nil {
			return err
		}
		return f.text(ctx, text)
	case strings.ContainsAny(id, " \t\r\n{"), f.CSV, f.Table && !f.JSON:
		return f.text(ctx, id)
	}
	return f.id(ctx, id)
}

func (f *finding) readText() (string, error) {
	if f.In == nil {
		return "", exitf("There is no standard input to read.")
	}
	text, err := io.ReadAll(io.LimitReader(f.In, maxPaste+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxPaste {
		return "", exitf("The text is longer than %d KiB. Cut it down to the part with the IDs.", maxPaste>>10)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), nil
}

func (f *finding) id(ctx context.Context, id string) error {
	var raw json.RawMessage
	err := f.api.call(ctx, http.MethodGet, "/v1/requests/"+url.PathEscape(id)+"?include=attempts", nil, &raw)
	var refused *APIError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Code == "request_not_found" {
		if done, err := f.called(ctx, id); err != nil || done {
			return err
		}
		f.missing++
		return f.absent(id, refused)
	}
	if err != nil {
		return err
	}
	if f.JSON {
		f.line("%s", raw)
		return nil
	}
	var t trail
	if err := f.api.decode(answer{body: raw}, &t); err != nil {
		return err
	}
	f.trail(&t)
	return nil
}

// called looks for a customer of that name or ID; done is false where nobody is called
// so.
func (f *finding) called(ctx context.Context, name string) (done bool, err error) {
	raw, found, err := f.ask(ctx, name)
	if err != nil || len(found.Customers) == 0 {
		return false, err
	}
	if f.JSON {
		f.line("%s", raw)
		return true, nil
	}
	return true, f.customers(found.Customers)
}

// customers says who is called as somebody asked. They are no rows of a file.
func (f *finding) customers(list []customer.Called) error {
	if !f.CSV {
		f.gap()
	}
	for _, c := range list {
		if f.CSV {
			if err := f.note(fmt.Sprintf("%s is customer %s.", safe(c.Name), safe(c.Customer))); err != nil {
				return err
			}
			continue
		}
		f.line("%s is customer %s: %s", f.style(bold, safe(c.Name)), safe(c.Customer), safe(strings.TrimRight(f.Server, "/")+customer.Path(c.Customer)))
	}
	return nil
}

// absent reports an ID that leads nowhere; as JSON, the error that the API
// gave, so that each ID has its line.
func (f *finding) absent(id string, refused *APIError) error {
	if f.JSON {
		b, err := json.Marshal(map[string]*APIError{"error": refused})
		if err != nil {
			return err
		}
		f.line("%s", b)
		return nil
	}
	f.gap()
	reason, _ := refused.Details["reason"].(string)
	f.line("%s: %s", f.style(bold, safe(id)), absence(reason, gone(refused.Details)))
	if reason == "rejected" {
		f.line("  %s", safe(refused.Message))
	}
	if similar, ok := refused.Details["did_you_mean"].([]any); ok {
		f.similar(similar)
	}
	f.reach(refused.Details["environments"])
	return nil
}

func (f *finding) similar(ids []any) {
	for _, v := range ids {
		if id, ok := v.(string); ok {
			f.line("  Did you mean %s ?", safe(id))
		}
	}
}

// pasted is the answer of POST /v1/lookup.
type pasted struct {
	IDs    []struct{ Kind, Value string } `json:"ids"`
	Trails []trail                        `json:"trails"`
	Hits   []struct {
		Value      string    `json:"value"`
		OccurredAt time.Time `json:"occurred_at"`
		Service    string    `json:"service"`
		Status     int       `json:"status"`
		Code       string    `json:"code"`
	} `json:"hits"`
	NotFound []struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
		goneRow
	} `json:"not_found"`
	DidYouMean []struct {
		ID    string `json:"id"`
		Value string `json:"value"`
	} `json:"did_you_mean"`
	Customers []customer.Called `json:"customers"`
	Truncated bool              `json:"truncated"`
	Rows      []idRow           `json:"rows"`
	Secrets   []string          `json:"secrets"`
}

// ask looks a text up, and gives the answer also as it came.
func (f *finding) ask(ctx context.Context, text string) (raw json.RawMessage, found pasted, err error) {
	if err := f.api.call(ctx, http.MethodPost, "/v1/lookup", map[string]string{"text": text}, &raw); err != nil {
		return nil, found, err
	}
	return raw, found, f.api.decode(answer{body: raw}, &found)
}

func (f *finding) text(ctx context.Context, text string) error {
	raw, found, err := f.ask(ctx, text)
	if err != nil {
		return err
	}
	if len(found.Customers) > 0 && !f.JSON {
		return f.customers(found.Customers)
	}
	if len(found.Customers) == 0 {
		f.missing += len(found.NotFound)
		if len(found.IDs) == 0 {
			f.missing++
		}
	}
	f.warn(found.Secrets)
	switch {
	case f.JSON:
		f.line("%s", raw)
	case f.CSV, f.Table, len(found.Rows) > maxStories:
		f.rows = append(f.rows, found.Rows...)
		if len(found.IDs) == 0 {
			return f.note("There is nothing in this text that looks like an ID.")
		}
		if found.Truncated {
			return f.note("The text has more IDs than one look-up takes; the last ones were left out.")
		}
	default:
		f.paste(&found)
	}
	return nil
}

func (f *finding) paste(found *pasted) {
	if len(found.IDs) == 0 {
		f.line("There is nothing in this text that looks like an ID.")
	}
	for i := range found.Trails {
		f.trail(&found.Trails[i])
	}
	if len(found.Hits) > 0 {
		f.gap()
		rows := [][]string{{"ALSO FOUND", "TIME (UTC)", "SERVICE", "STATUS", "CODE"}}
		for _, h := range found.Hits {
			rows = append(rows, []string{safe(h.Value), h.OccurredAt.UTC().Format(clock), safe(h.Service), status(h.Status), safe(h.Code)})
		}
		f.table(rows)
	}
	if len(found.NotFound) > 0 {
		f.gap()
	}
	for _, m := range found.NotFound {
		f.line("%s: %s", f.style(bold, safe(m.ID)), absence(m.Reason, m.goneRow))
		for _, d := range found.DidYouMean {
			if d.ID == m.ID {
				f.similar([]any{d.Value})
			}
		}
	}
	if found.Truncated {
		f.line("The text has more IDs than one look-up takes; the last ones were left out.")
	}
}
