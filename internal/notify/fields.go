package notify

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"errata/internal/fault"
)

// Field is one thing to fill in for a channel.
type Field struct {
	Name     string
	Label    string
	Help     string
	Default  string
	Required bool
	Secret   bool
	Choices  []string // if not empty, one of them

	check func(*Sender, string) error // says what is wrong, after "The '…' field "
}

const (
	maxValue = 1000
	maxTitle = 100
)

// Validate says whether a channel can work, without talking to anybody. Its
// faults name the field: settings.url, secrets.routing_key.
func (s *Sender) Validate(c Channel) error {
	if c.Name == "" || utf8.RuneCountInString(c.Name) > maxTitle || strings.ContainsFunc(c.Name, unicode.IsControl) {
		return invalid("name", "must have 1 to %d characters and no line breaks", maxTitle)
	}
	t, ok := targets[c.Kind]
	if !ok {
		return invalid("kind", "must be one of %s", join(Kinds()))
	}
	for name := range c.Settings {
		if !hasField(t.fields, name, false) {
			return invalid("settings."+name, "is nothing that %s asks for", t.title)
		}
	}
	for name := range c.Secrets {
		if !hasField(t.fields, name, true) {
			return invalid("secrets."+name, "is nothing that %s asks for", t.title)
		}
	}
	for _, f := range t.fields {
		if err := f.validate(s, c); err != nil {
			return err
		}
	}
	if t.check != nil {
		return t.check(s, c)
	}
	return nil
}

func hasField(fields []Field, name string, secret bool) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name && f.Secret == secret })
}

func (f Field) validate(s *Sender, c Channel) error {
	where, value := "settings."+f.Name, c.Settings[f.Name]
	if f.Secret {
		where, value = "secrets."+f.Name, c.Secrets[f.Name].Reveal()
	}
	switch {
	case value == "" && f.Required && f.Default == "":
		return invalid(where, "is required: %s", f.Help)
	case value == "":
		return nil
	case len(value) > maxValue:
		return invalid(where, "must not be longer than %d bytes", maxValue)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return invalid(where, "must not contain line breaks or control characters")
	case strings.TrimSpace(value) != value:
		return invalid(where, "must not begin or end with a space")
	case len(f.Choices) > 0 && !slices.Contains(f.Choices, value):
		return invalid(where, "must be one of %s", join(f.Choices))
	case f.check != nil:
		if err := f.check(s, value); err != nil {
			return invalid(where, "%s", err)
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' field %s", field, fmt.Sprintf(format, args...)).With("field", field)
}

func join[T ~string](all []T) string {
	var out []string
	for _, one := range all {
		out = append(out, string(one))
	}
	return strings.Join(out, ", ")
}

// isURL checks a URL that we will post to. Its error never repeats it: it may
// be a secret.
func isURL(s *Sender, value string) error {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("must be a URL such as https://hooks.example.com/errata")
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("must begin with https://")
	case u.User != nil:
		return fmt.Errorf("must not contain a user or password; use the fields for them")
	case u.Fragment != "":
		return fmt.Errorf("must not contain a #fragment")
	}
	if port := u.Port(); port != "" && !isPortNumber(port) {
		return fmt.Errorf("must have a port from 1 to 65535")
	}
	if err := s.guard.host(u.Hostname(), u.Scheme == "http"); err != nil {
		return fmt.Errorf("cannot be used: %w", err)
	}
	return nil
}

func isPort(_ *Sender, value string) error {
	if !isPortNumber(value) {
		return fmt.Errorf("must be a number from 1 to 65535")
	}
	return nil
}

func isPortNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func matches(pattern, otherwise string) func(*Sender, string) error {
	re := regexp.MustCompile(pattern)
	return func(_ *Sender, value string) error {
		if !re.MatchString(value) {
			return fmt.Errorf("%s", otherwise)
		}
		return nil
	}
}
