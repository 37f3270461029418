package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// rawShown is how much of a raw request, reply or message a page shows, in bytes.
const rawShown = 64 << 10

// raw is what was sent or received as text for a page: JSON with line breaks, anything else as it is.
func raw(b []byte) string {
	var pretty bytes.Buffer
	if len(b) <= 1<<20 && shallow(b) && json.Indent(&pretty, b, "", "  ") == nil {
		b = pretty.Bytes()
	}
	rest := ""
	if len(b) > rawShown {
		rest = fmt.Sprintf("\n… and %s bytes more", number(len(b)-rawShown))
		b = b[:rawShown]
	}
	return plain(string(b)) + rest
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
