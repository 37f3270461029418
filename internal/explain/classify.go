package explain

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// pattern recognises one way in which a cause shows itself. What it leaves empty may be anything.
type pattern struct {
	says      *regexp.Regexp // in the text of a statement
	at        *regexp.Regexp // in the field it is about
	subject   string         // the subject, with $1 for the groups of says; "field" = the field's name in plain words
	below     bool           // the subject is the first number that is too large: at most one less is allowed
	kind      string         // Fact.Kind
	platform  *regexp.Regexp // in Fact.Platform
	status    int            // Fact.HTTPStatus; 5 = 500 to 599
	operation string         // Fact.OperationStatus
}

// says recognises a statement by its text: any of the expressions. The first group, if there is one, is the subject.
func says(exprs ...string) pattern {
	return pattern{says: regexp.MustCompile(`(?i)` + strings.Join(exprs, "|")), subject: "$1"}
}

// about recognises a statement by the field it is about, and by its text where expressions are given.
func about(at string, exprs ...string) pattern {
	p := says(exprs...)
	p.at = regexp.MustCompile(`(?i)` + at)
	return p
}

// answered recognises Codat's refusal by its status alone.
func answered(status int) pattern { return pattern{status: status} }

func (p pattern) as(subject string) pattern { p.subject = subject; return p }
func (p pattern) of(kind string) pattern    { p.kind = kind; return p }
func (p pattern) with(status int) pattern   { p.status = status; return p }
func (p pattern) lessOne() pattern          { p.below = true; return p }

// fits reports whether the pattern allows what the fact says of itself, apart from its statements.
func (p pattern) fits(f Fact) bool {
	return (p.kind == "" || p.kind == f.Kind) &&
		(p.operation == "" || p.operation == f.OperationStatus) &&
		(p.status == 0 || p.status == f.HTTPStatus || p.status == f.HTTPStatus/100) &&
		(p.platform == nil || p.platform.MatchString(head(f.Platform, maxSubject)))
}

// match recognises a statement and finds the subject in it.
func (p pattern) match(s statement) (subject string, ok bool) {
	if p.at != nil && !p.at.MatchString(s.at) {
		return "", false
	}
	groups := p.says.FindStringSubmatchIndex(s.text)
	if groups == nil {
		return "", false
	}
	if p.subject == "field" {
		return plain(s.at), true
	}
	subject = string(p.says.ExpandString(nil, p.subject, s.text, groups))
	if n, err := strconv.Atoi(subject); p.below && err == nil {
		subject = strconv.Itoa(n - 1)
	}
	return clip(strings.Trim(subject, ` .,:;'"`), maxSubject), true
}

// reason is what a statement comes to.
type reason struct {
	rule    int // in the table; len(rules) when none knows it
	cause   Cause
	subject string
}

// reasons are what the statements of a failure come to, in their order. There is always one.
func (f Fact) reasons() []reason {
	var all []reason
	for _, s := range f.statements() {
		all = append(all, f.reason(s))
	}
	if len(all) == 0 {
		all = append(all, f.reason(statement{}))
	}
	return all
}

func (f Fact) reason(s statement) reason {
	for i, r := range rules {
		for _, p := range r.when {
			if !p.fits(f) {
				continue
			}
			if p.says == nil {
				return reason{i, r.cause, ""}
			}
			if subject, ok := p.match(s); ok {
				if subject == "" && strings.Contains(strings.ToLower(r.text), "{the ") {
					subject = line(s.at)
				}
				return reason{i, r.cause, subject}
			}
		}
	}
	if s.text == "" {
		return reason{len(rules), CauseNoReason, ""}
	}
	return reason{len(rules), CauseUnknown, clip(s.String(), 2*maxSubject)}
}

// Classify finds the cause of a failure, and its subject, "" when there is none. Of several problems it takes the one whose
// rule comes first in the table, then the first named, so it answers alike each time.
func Classify(f Fact) (Cause, string) {
	r := telltale(f.reasons())
	return r.cause, r.subject
}

// telltale is the most telling reason.
func telltale(all []reason) reason {
	return slices.MinFunc(all, func(a, b reason) int { return a.rule - b.rule })
}

// String is a statement for people: the field in plain words, and what was said of it.
func (s statement) String() string {
	if at := plain(s.at); at != "" && field(s.text) == "" {
		return capital(at) + ": " + s.text
	}
	return s.text
}

var (
	lineIndex = regexp.MustCompile(`(?i)\blineitems?(?:\[(\d{1,4})\]|\.(\d{1,4}))`)
	camel     = regexp.MustCompile(`[A-Z][a-z]+`)
)

// line is the place of a field among the expense's lines, "line 2", or "".
func line(at string) string {
	m := lineIndex.FindStringSubmatch(at)
	if m == nil {
		return ""
	}
	n, err := strconv.Atoi(m[1] + m[2])
	if err != nil {
		return ""
	}
	return "line " + strconv.Itoa(n+1)
}

// plainNames are Codat's names of fields as a finance person says them.
var plainNames = map[string]string{
	"accountref": "account", "contactref": "supplier", "currencyrate": "exchange rate", "fullyqualifiedcategory": "account category",
	"issuedate": "date", "lineitems": "lines", "nominalcode": "account code", "paymentallocations": "payment",
	"subtotal": "net amount", "suppliername": "supplier name", "taxamount": "tax", "taxrateref": "tax rate",
	"totalamount": "total", "unitamount": "amount",
	"trackingcategoryrefs": "tracking category", "tracking": "tracking category", "paidondate": "payment date",
	"emailaddress": "email address",
}

// plain is a field of Codat's in plain words, with its line: "account on line 2"; "" when at is not the name of a field.
func plain(at string) string {
	parts := strings.FieldsFunc(at, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	for len(parts) > 0 {
		last := strings.ToLower(parts[len(parts)-1])
		if _, err := strconv.Atoi(last); err != nil && last != "id" && last != "name" || len(parts) == 1 {
			break
		}
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		return ""
	}
	last := parts[len(parts)-1]
	if strings.IndexFunc(last, func(r rune) bool { return !unicode.IsLetter(r) }) >= 0 {
		return ""
	}
	name, ok := plainNames[strings.ToLower(last)]
	if !ok {
		name = strings.ToLower(strings.TrimSpace(camel.ReplaceAllString(last, " $0")))
	}
	if l := line(at); l != "" {
		name += " on " + l
	}
	return clip(name, maxSubject)
}
