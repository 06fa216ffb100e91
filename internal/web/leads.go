package web

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/dialect"
	"errata/internal/event"
	ql "errata/internal/query"
)

// leads are what a text without a known ID still leads to: the code of a body in it,
// the endpoint that was asked, the customers that it names.
func (w *web) leads(c *gin.Context, text string) (out []row, err error) {
	ctx, ws := c.Request.Context(), member(c).Workspace
	if code := codeIn(text); code != "" {
		known, err := w.known(ctx, ws, ql.Code, code)
		if err != nil {
			return nil, err
		}
		if known {
			out = append(out, row{"The body in it has the code " + code, pathOfCode("", code)})
		}
	}
	if method, path := routeIn(text); path != "" {
		list, err := w.Store.EndpointsTaking(ctx, ws, method, path, maxSuggestions)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			out = append(out, row{"It names the endpoint " + e.Method + " " + e.Endpoint + " of " + e.Service, pathOfEndpoint(e.Service, e.Method, e.Endpoint)})
		}
	}
	for _, customer := range addressesIn(text) {
		known, err := w.known(ctx, ws, ql.Customer, customer)
		if err != nil {
			return nil, err
		}
		if known {
			out = append(out, row{"It names the customer " + customer, pathOfCustomer(customer)})
		}
	}
	return out, nil
}

// maxBodies is how many openings of JSON in a text are tried.
const maxBodies = 16

// codeIn is the code of the first error body in a text that has one; "" for none. A
// body without an ID still says what went wrong.
func codeIn(text string) string {
	for range maxBodies {
		at := strings.IndexByte(text, '{')
		if at < 0 {
			break
		}
		text = text[at:]
		dec := json.NewDecoder(strings.NewReader(text))
		var body json.RawMessage
		if dec.Decode(&body) != nil {
			text = text[1:]
			continue
		}
		if r := dialect.Read(body, nil, 0); r.RawCode != "" {
			return event.CanonicalCode(r.RawCode, 0)
		}
		text = text[dec.InputOffset():]
	}
	return ""
}

// requestLine is how people, clients and logs write what was asked: a method, and a path
// or an address.
var requestLine = regexp.MustCompile(`\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)["']?[ \t]+["'<]?(?:https?://[^/\s"'<>]+)?(/[^\s"'<>?#]*)`)

// routeIn is the first request that a text names; "" for none.
func routeIn(text string) (method, path string) {
	found := requestLine.FindStringSubmatch(text)
	if found == nil {
		return "", ""
	}
	return found[1], strings.TrimRight(found[2], ".,;:!)")
}

// address is an e-mail address: where customers are known by theirs, a quoted message
// names them.
var address = regexp.MustCompile(`[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+){1,8}`)

// addressesIn are the first addresses of a text that is more than one of them.
func addressesIn(text string) (out []string) {
	for _, found := range address.FindAllString(text, maxSuggestions) {
		if found != strings.TrimSpace(text) && !slices.Contains(out, found) { // the whole text has been asked for as it is
			out = append(out, found)
		}
	}
	return out
}
