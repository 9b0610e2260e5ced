package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that must not be shown. Whatever prints it, fmt with any verb, JSON or slog,
// prints "(hidden)", or nothing if it is empty; a message may still say whether it is set.
type Secret string

// Reveal is the text itself, for the one who sends or compares it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// Format implements fmt.Formatter. String and GoString alone would let verbs through that do not
// fit text, such as %d.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
