package csvfile

import "strings"

// Escape makes text that a spreadsheet would take for a formula into one that it shows as it is: with an apostrophe before it.
// Amounts stay as they are. Reading takes such an apostrophe off again.
func Escape(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) || number(s) {
		return s
	}
	return "'" + s
}

func unescape(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@\t\r", rune(s[1])) {
		return s[1:]
	}
	return s
}

// number reports whether s is digits with a sign, separators and spaces at most, such as -1.204,50.
func number(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789., ") == ""
}
