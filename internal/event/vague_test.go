package event

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What Go makes of a message has a name that changes with its versions.
func TestVagueErrorsOfGo(t *testing.T) {
	plain := errors.New("the ledger is closed")
	for _, err := range []error{plain, fmt.Errorf("no %d", 1), fmt.Errorf("pay: %w", plain), fmt.Errorf("%w and %w", plain, plain), errors.Join(plain, plain)} {
		name := fmt.Sprintf("%T", err)
		assert.True(t, Vague(name), name)
		assert.Equal(t, "http_503", FallbackCode(name, 503))
	}
	assert.False(t, Vague(fmt.Sprintf("%T", &assertedError{})))
}

type assertedError struct{}

func (*assertedError) Error() string { return "" }

func TestFallbackCode(t *testing.T) {
	for _, c := range []struct {
		raw    string
		status int
		want   string
	}{
		{"*errors.errorString", 500, "http_500"},
		{"errors.errorString", 500, "http_500"},
		{"*errors.errorString", 0, "errors_error_string"}, // better than unknown
		{"*pgconn.PgError", 500, "pg_error"},
		{"*errors.Error", 500, "error"}, // of many packages, some of which mean something by it
		{"java.lang.RuntimeException", 502, "http_502"},
		{"java.lang.IllegalStateException", 500, "illegal_state_exception"},
		{"java.lang.Exception", 0, "exception"},
		{"com.example.Exception", 500, "exception"},
		{"Exception", 500, "http_500"},
		{`\Exception`, 500, "http_500"},
		{"ValueError", 500, "value_error"},
		{"Error", 429, "http_429"},
		{"error", 429, "error"}, // somebody chose it
		{"TypeError", 500, "type_error"},
		{"", 500, "http_500"},
		{"", 0, "unknown"},
	} {
		assert.Equal(t, c.want, FallbackCode(c.raw, c.status), "%q %d", c.raw, c.status)
	}
	for name := range vague {
		assert.True(t, Vague(name), "%q cannot be found as it is written", name)
	}
}
