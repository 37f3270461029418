package views

import (
	"strconv"
	"strings"
)

// digits is how an id or a number is written for machines.
func digits[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// count is how a number of things is written for people: 1,300.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// countName is the data-count of a status; that of all of them is "all".
func countName(status string) string {
	if status == "" {
		return "all"
	}
	return status
}

// expensePath is where an expense lives, and what can be done to it: expensePath(42, "push").
func expensePath(id int64, action ...string) string {
	return "/expenses/" + strings.Join(append([]string{digits(id)}, action...), "/")
}

// actionPath is where the button of that word posts to.
func actionPath(id int64, action string) string { return expensePath(id, strings.ToLower(action)) }

// or is text, or what is said where there is none.
func or(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}
