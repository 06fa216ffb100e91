package notify

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a value that nothing shows by accident: not as text, not as JSON,
// not in logs. It is a pointer inside, because fmt prints what it finds in
// unexported fields without asking.
type Secret struct{ value *string }

const redacted = "[redacted]"

// NewSecret hides a value.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal gives the value, to whoever sends or encrypts it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

func (Secret) String() string { return redacted }

// Format hides it from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides it from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides it.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// UnmarshalJSON takes what somebody enters.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var v string
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*s = NewSecret(v)
	return nil
}
