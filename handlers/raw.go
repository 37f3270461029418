package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
)

// rawShown is how much of a raw request, reply or message a page shows, in bytes.
const rawShown = 64 << 10

// raw is what was sent or received as text for a page: JSON with line breaks, anything else as it is, but for secrets.
func raw(b []byte) string {
	var pretty bytes.Buffer
	if len(b) <= 1<<20 && shallow(b) && json.Indent(&pretty, b, "", "  ") == nil {
		b = pretty.Bytes()
	}
	rest := ""
	if len(b) > rawShown {
		rest = fmt.Sprintf("\n… and %s bytes more", number(len(b)-rawShown))
	}
	text := masked(plain(string(b[:min(len(b), 2*rawShown)]))) // before it is cut, for half a secret does not look like one
	return plain(text[:min(len(text), rawShown)]) + rest
}

// secrets are texts that look like a credential: what stands after the first group is the secret, up to the second.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?i)("[^"\n]*(?:password|passphrase|secret|token|api[_-]?key|authorization|credential)"\s*:\s*")(?:[^"\\]|\\.)+(")`),
	regexp.MustCompile(`(?i)(\\"[^"\\\n]*(?:password|passphrase|secret|token|api[_-]?key|authorization|credential)\\"\s*:\s*\\")(?:[^"\\]|\\\\(?:\\"|[^"\\]|\\\\))+(\\")`), // JSON in a text
	regexp.MustCompile(`(?i)(\b(?:password|secret|token|access_token|refresh_token|api[_-]?key|sig|signature|code)=)[^&\s"<>]+()`),
	regexp.MustCompile(`(?i)(\b(?:basic|bearer)\s+)[a-z0-9+/=._~-]{16,}()`),
	regexp.MustCompile(`(?i)(\bwhsec_)[a-z0-9+/=]+()`),
	regexp.MustCompile(`(://[^/\s:@"]+:)[^/\s@"]+(@)`),
}

// masked is a text without what looks like a credential in it. We keep no credential with what is sent; this is for what others
// write into their replies.
func masked(s string) string {
	for _, secret := range secrets {
		s = secret.ReplaceAllString(s, "${1}••••${2}")
	}
	return s
}

// shallow reports whether b nests so little that indenting it does not blow it up.
func shallow(b []byte) bool {
	depth := 0
	for _, c := range b {
		switch c {
		case '{', '[':
			if depth++; depth > 32 {
				return false
			}
		case '}', ']':
			depth--
		}
	}
	return true
}
