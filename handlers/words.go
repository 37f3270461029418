package handlers

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"tallylight/store"
)

// clock says moments as people in one place do. now is the database's.
type clock struct {
	now time.Time
	in  *time.Location
}

// at is "14:02", with its day when that is not today.
func (c clock) at(t time.Time) string {
	t, now := t.In(c.in), c.now.In(c.in)
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan, 15:04")
	}
	return t.Format("2 Jan 2006, 15:04")
}

// second is "14:02:11", with its day when that is not today.
func (c clock) second(t time.Time) string { return c.at(t) + t.In(c.in).Format(":05") }

// full is "12 Jan 2026, 14:02:11".
func (c clock) full(t time.Time) string { return t.In(c.in).Format("2 Jan 2006, 15:04:05") }

// day is a date without a time, which no zone shifts.
func day(date time.Time) string { return date.Format("2 Jan 2006") }

// took is a duration for people: "40 ms", "0.4 s", "38 s", "1 min 12 s", "2 h 5 min", "3 days".
func took(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return joined(int(d/time.Minute), "min", int(d%time.Minute/time.Second), "s")
	case d < 48*time.Hour:
		return joined(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func joined(n int, unit string, rest int, restUnit string) string {
	if rest == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return fmt.Sprintf("%d %s %d %s", n, unit, rest, restUnit)
}

// number is "1,300".
func number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// expenses is "1 expense" or "1,300 expenses".
func expenses(n int) string {
	if n == 1 {
		return "1 expense"
	}
	return number(n) + " expenses"
}

// pushes is "1 push" or "1,300 pushes".
func pushes(n int) string {
	if n == 1 {
		return "1 push"
	}
	return number(n) + " pushes"
}

// coarse is a duration that goes on: "15 min", "2 h", "3 days".
func coarse(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// whose is "Fabrikam’s" or "Adatum Builders’".
func whose(name string) string {
	if strings.HasSuffix(name, "s") || strings.HasSuffix(name, "S") {
		return name + "’"
	}
	return name + "’s"
}

// and is "a", "a and b", "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// money is "GBP 8,402.10 and USD 20.00".
func money(sums []store.Sum) string {
	var words []string
	for _, s := range sums {
		words = append(words, store.FormatAmount(s.Total, s.Currency))
	}
	return and(words)
}

// exactly is an amount with the decimals of its currency, for programs: "1204.50".
func exactly(d decimal.Decimal, currency string) string {
	digits := store.Digits(currency)
	return d.Trim(digits).Pad(digits).String()
}

// capital is s with a capital letter first.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// sentence is s with a capital letter first and a full stop last.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return capital(strings.TrimSuffix(s, ".")) + "."
}

// plain is text that came from outside, as PostgreSQL's text can hold it.
func plain(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�") }
