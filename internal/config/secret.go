package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is text that does not print itself: string(s) reads it, everything else shows whether it is set.
type Secret string

// String is "redacted", or "" for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "redacted"
}

// Format prints String whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String: the encoders of JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// Secrets are several, written with commas between them.
type Secrets []Secret

// UnmarshalText splits at commas. Space around a secret and empty ones do not count.
func (s *Secrets) UnmarshalText(text []byte) error {
	*s = nil
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part != "" {
			*s = append(*s, Secret(part))
		}
	}
	return nil
}

// Texts reads them.
func (s Secrets) Texts() []string {
	texts := make([]string, len(s))
	for i, secret := range s {
		texts[i] = string(secret)
	}
	return texts
}
