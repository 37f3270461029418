package store

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"
	"github.com/govalues/decimal"
)

// KnownCurrency reports whether code is an ISO 4217 code.
func KnownCurrency(code string) bool { return code != "" && currency.IsValid(code) }

// Digits is how many decimals the currency has: 2 for EUR, 0 for JPY, 3 for KWD.
func Digits(code string) int {
	d, ok := currency.GetDigits(code)
	if !ok {
		return 2
	}
	return int(d)
}

// largest is the largest amount an expense may have, either way: thirteen digits and the currency's decimals.
var largest = decimal.MustParse("9999999999999.9999")

// ParseAmount reads a plain decimal such as "-1204.5" and refuses more decimals than the currency has. The error is a
// sentence for the person who typed it.
func ParseAmount(s, code string) (decimal.Decimal, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return decimal.Zero, fmt.Errorf("the amount is missing")
	}
	if strings.ContainsAny(s, "eE+_") {
		return decimal.Zero, fmt.Errorf("%q is not an amount: write it like 1204.50", clip(s))
	}
	d, err := decimal.Parse(strings.Replace(s, "−", "-", 1))
	if err != nil {
		return decimal.Zero, fmt.Errorf("%q is not an amount: write it like 1204.50", clip(s))
	}
	if d.CmpAbs(largest) > 0 {
		return decimal.Zero, fmt.Errorf("%q is too large", clip(s))
	}
	_, decimals, _ := strings.Cut(s, ".") // of the text: a decimal that is longer than 19 digits has been rounded
	if n := Digits(code); len(strings.TrimRight(decimals, "0")) > n {
		return decimal.Zero, fmt.Errorf("%q has too many decimals: %s has %d", clip(s), code, n)
	}
	return d.Trim(0), nil
}

// ParseRate reads an exchange rate such as "1.1725", exactly. The error is a sentence for the person who typed it.
func ParseRate(s string) (decimal.Decimal, error) {
	d, err := decimal.Parse(s)
	if err != nil || strings.ContainsAny(s, "eE") {
		return decimal.Zero, fmt.Errorf("%q is not a rate: write it like 1.1725", clip(s))
	}
	if _, decimals, _ := strings.Cut(s, "."); len(strings.TrimRight(decimals, "0")) > 9 {
		return decimal.Zero, fmt.Errorf("%q has too many decimals: a rate has at most 9", clip(s))
	}
	return d.Trim(0), nil
}

// FormatAmount writes an amount for people: "EUR 1,204.50", "JPY 12,400", "GBP −22.50".
func FormatAmount(d decimal.Decimal, code string) string { return code + " " + FormatNumber(d, code) }

// FormatNumber writes an amount without its currency: "1,204.50", with a true minus sign.
func FormatNumber(d decimal.Decimal, code string) string {
	scale := max(Digits(code), d.MinScale())
	s := d.Abs().Trim(scale).Pad(scale).String()
	whole, frac, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if frac != "" {
		whole += "." + frac
	}
	if d.IsNeg() {
		return "−" + whole
	}
	return whole
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
