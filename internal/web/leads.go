package web

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/dialect"
	"errata/internal/event"
	"errata/internal/lookup"
	ql "errata/internal/query"
	"errata/internal/store"
)

// oneName is a text that may be a name, and nothing more.
var oneName = regexp.MustCompile(`^[\pL\pN][\pL\pN\pM_.@+:/-]{1,199}$`)

// leads are what a text without a known ID still leads to: the code, customer, service
// or endpoint that it is the name of, or else names. Value is the path. whole says that
// the text is a name, and nothing more.
func (w *web) leads(c *gin.Context, text string, missing []string) (out []row, whole bool, err error) {
	text = strings.TrimSpace(text)
	word, whole := text, oneName.MatchString(text) && !lookup.HasSecret(text)
	if !whole && len(missing) == 1 {
		word = missing[0]
	}
	if (whole || len(missing) == 1) && lookup.MinPrefix(word) > store.MinPrefix { // it does not say that it is an ID
		if out, err = w.named(c, word); err != nil {
			return nil, false, err
		}
	}
	for _, in := range []func(*gin.Context, string) ([]row, error){w.bodyIn, w.endpointsIn, w.customersIn} {
		more, err := in(c, text)
		if err != nil {
			return nil, false, err
		}
		out = append(out, more...)
	}
	return out, whole || text != "" && requestLine.FindString(text) == text, nil
}

// named are the code, the customer and the service that a word is the name of. A code
// that never failed here has a page, too, where the catalogue knows it.
func (w *web) named(c *gin.Context, word string) (out []row, err error) {
	code := event.CanonicalCode(word, 0)
	for _, kind := range []struct {
		field ql.Field
		name  string
		path  func(string) string
	}{
		{ql.Code, code, func(s string) string { return pathOfCode("", s) }}, {ql.Customer, word, pathOfCustomer}, {ql.Service, word, pathOfService},
	} {
		if kind.field == ql.Service && !member(c).Reads {
			continue
		}
		known, err := w.known(c, kind.field, kind.name)
		if err != nil {
			return nil, err
		}
		if !known && kind.field == ql.Code {
			book, err := w.Store.Catalog(c.Request.Context(), member(c).Workspace)
			if err != nil {
				return nil, err
			}
			known = book.Documented("", code)
		}
		if known {
			out = append(out, row{"It is the " + string(kind.field) + " " + kind.name, kind.path(kind.name)})
		}
	}
	return out, nil
}

func (w *web) known(c *gin.Context, field ql.Field, name string) (bool, error) {
	list, err := w.Store.Values(c.Request.Context(), member(c).Workspace, field, name, maxSuggestions)
	return slices.Contains(list, name), err
}

// bodyIn is the code of an error body in a text.
func (w *web) bodyIn(c *gin.Context, text string) ([]row, error) {
	code := codeIn(text)
	if code == "" {
		return nil, nil
	}
	known, err := w.known(c, ql.Code, code)
	if err != nil || !known {
		return nil, err
	}
	return []row{{"The body in it has the code " + code, pathOfCode("", code)}}, nil
}

// endpointsIn are those that the first request in a text may be one of. Support has no
// page of them.
func (w *web) endpointsIn(c *gin.Context, text string) (out []row, err error) {
	method, path := routeIn(text)
	if path == "" || !member(c).Reads {
		return nil, nil
	}
	list, err := w.Store.EndpointsTaking(c.Request.Context(), member(c).Workspace, method, path, maxSuggestions)
	for _, e := range list {
		out = append(out, row{"It names the endpoint " + e.Method + " " + e.Endpoint + " of " + e.Service, pathOfEndpoint(e.Service, e.Method, e.Endpoint)})
	}
	return out, err
}

// customersIn are those that a text names by their addresses.
func (w *web) customersIn(c *gin.Context, text string) (out []row, err error) {
	for _, customer := range addressesIn(text) {
		known, err := w.known(c, ql.Customer, customer)
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
