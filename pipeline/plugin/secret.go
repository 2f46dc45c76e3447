package plugin

import "log/slog"

// A Secret is text that does not show itself: printed, logged or encoded it is
// "***". Convert it to a string to use it.
type Secret string

const hidden = "***"

// String returns "***", or nothing if s is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString is String in quotes.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText is String, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String, for [log/slog].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
