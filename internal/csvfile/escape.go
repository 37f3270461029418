package csvfile

import (
	"strings"
	"unicode/utf8"
)

// Escape makes text that a spreadsheet would take for a formula into one that it shows as it is: with an apostrophe before it.
// Amounts stay as they are. Reading takes such an apostrophe off again.
func Escape(s string) string {
	if !formula(s) || number(s) {
		return s
	}
	return "'" + s
}

func unescape(s string) string {
	if rest, found := strings.CutPrefix(s, "'"); found && formula(rest) {
		return rest
	}
	return s
}

// formula reports whether a spreadsheet may take s for one. East Asian ones take the wide signs too.
func formula(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return s != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", first)
}

// number reports whether s is digits with a sign, separators and spaces at most, such as -1.204,50.
func number(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789., ") == ""
}
