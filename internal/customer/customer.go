// Package customer says what a name of a customer is: what people call somebody of
// whom services report an ID.
//
// It is pure. The store keeps names, pages and replies use them; whoever writes one,
// in a form, over the API or in a file, is held to the same rules here.
package customer

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"errata/internal/event"
	"errata/internal/fault"
)

const (
	// MaxName bounds a name, in characters.
	MaxName = 200
	// MaxNames is how many customers of a workspace have one.
	MaxNames = 200_000
)

// Named is a customer who has a name.
type Named struct {
	Customer  string     `json:"customer"` // the ID, as services report it
	Name      string     `json:"name"`
	UpdatedAt event.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by"`
}

// Called is a customer in an answer to somebody who asked by name.
type Called struct {
	Customer string `json:"customer"`
	Name     string `json:"name"`
}

// Answer is a list of them without who named them.
func Answer(list []Named) []Called {
	out := make([]Called, len(list))
	for i, n := range list {
		out[i] = Called{n.Customer, n.Name}
	}
	return out
}

// Path is where the page of a customer is. Names are opaque: what browsers and proxies
// would take for a way up gets a tilde in front of it.
func Path(id string) string {
	if id == "" || id == "." || id == ".." || id[0] == '~' {
		id = "~" + id
	}
	return "/customers/" + url.PathEscape(id)
}

// Check gives a name as it is stored. A fault Unprocessable names the field that
// cannot be right.
func (n Named) Check() (Named, error) {
	n.Customer, n.Name = strings.TrimSpace(n.Customer), strings.TrimSpace(n.Name)
	if why := wrongID(n.Customer); why != "" {
		return n, wrong("customer", why)
	}
	if why := wrongName(n.Name); why != "" {
		return n, wrong("name", why)
	}
	return n, nil
}

func wrong(field, why string) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' field %s.", field, why).With("field", field)
}

// wrongID says what keeps a text from being the ID of a customer; Events hold no
// other ones.
func wrongID(id string) string {
	switch {
	case id == "":
		return "must be the ID of a customer, as services report it"
	case len(id) > event.MaxIDLen:
		return "is longer than 200 bytes"
	case !line(id):
		return "has control characters, or is not UTF-8"
	}
	return ""
}

func wrongName(name string) string {
	switch {
	case name == "":
		return "must be what the customer is called"
	case utf8.RuneCountInString(name) > MaxName:
		return "is longer than 200 characters"
	case !line(name):
		return "has control characters, or is not UTF-8"
	}
	return ""
}

// line reports a text of one line that nothing in it turns around, so that what
// stands behind it is read as it is.
func line(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	})
}

// Fold is a name as it is looked for: however it is capitalised and spaced.
func Fold(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}

// Asked is the name that a text can be, and nothing else than that; "" if it cannot
// be one.
func Asked(text string) string {
	text = strings.TrimSpace(text)
	if wrongName(text) != "" {
		return ""
	}
	return text
}
