package store

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/govalues/decimal"
)

// ExpenseFilter chooses expenses, and in which order. Zero fields do not choose.
type ExpenseFilter struct {
	Status    ExpenseStatus
	CompanyID int64
	From, To  time.Time           // dates, both included
	Min, Max  decimal.NullDecimal // totals, both included
	Currency  string
	Supplier  string // the whole name, whatever its case
	Cause     string // explain's code of why the newest push failed or needs checking
	Subject   string // the value in the cause; chooses only together with it
	NoSubject bool   // of Cause: only those without a value in it
	Text      string // within reference, supplier or description, or where one begins: see TextBegins
	Sort      ExpenseSort
}

// condition is one that a filter sets, with ? for its value.
type condition struct {
	column string // that an index may have for it
	text   string
	value  any
}

// conditions are all that f sets but its status.
func (f ExpenseFilter) conditions() []condition {
	var cs []condition
	and := func(column, text string, value any) { cs = append(cs, condition{column, text, value}) }
	if f.CompanyID != 0 {
		and("company_id", "company_id = ?", f.CompanyID)
	}
	if !f.From.IsZero() {
		and("issue_date", "issue_date >= ?::date", f.From.Format(time.DateOnly))
	}
	if !f.To.IsZero() {
		and("issue_date", "issue_date <= ?::date", f.To.Format(time.DateOnly))
	}
	if f.Min.Valid {
		and("total", "total >= ?::numeric", f.Min.Decimal)
	}
	if f.Max.Valid {
		and("total", "total <= ?::numeric", f.Max.Decimal)
	}
	if f.Currency != "" {
		and("", "currency = ?", f.Currency)
	}
	if f.Supplier != "" {
		and("", "lower(supplier) = lower(?)", f.Supplier)
	}
	if f.Cause != "" {
		and("", "cause = ?", f.Cause)
		if f.Subject != "" || f.NoSubject {
			and("", "cause_subject = ?", f.Subject)
		}
	}
	switch t := f.text(); {
	case t == "":
	case f.nothing():
		and("", "?::text IS NULL", t)
	default:
		and("", `chr(31) || lower(reference || chr(31) || supplier || chr(31) || description) LIKE lower(?)`, f.textPattern())
	}
	return cs
}

// statuses are those of which it chooses.
func (f ExpenseFilter) statuses() []ExpenseStatus {
	all := Statuses
	if f.Cause != "" {
		all = []ExpenseStatus{Failed, NeedsChecking}
	}
	if f.Status == "" {
		return all
	}
	for _, s := range all {
		if s == f.Status {
			return []ExpenseStatus{s}
		}
	}
	return nil
}

// where is the whole filter as conditions over expenses, and their arguments.
func (f ExpenseFilter) where() (where []string, args []any) {
	if f.Status != "" || f.Cause != "" {
		where = append(where, statusIn(f.statuses()))
	}
	for _, c := range f.conditions() {
		where, args = c.join(where, args)
	}
	return where, args
}

func (c condition) join(where []string, args []any) ([]string, []any) {
	args = append(args, c.value)
	return append(where, strings.ReplaceAll(c.text, "?", "$"+strconv.Itoa(len(args)))), args
}

// statusIn names the statuses in the text, for they are ours: every plan knows them.
func statusIn(statuses []ExpenseStatus) string {
	if len(statuses) == 0 {
		return "false"
	}
	words := make([]string, len(statuses))
	for i, s := range statuses {
		words[i] = "'" + string(s) + "'"
	}
	return "status IN (" + strings.Join(words, ", ") + ")"
}

// separator stands between the parts of expense_texts, and so in no text that is looked for.
const separator = "\x1f"

func (f ExpenseFilter) text() string {
	return strings.TrimSpace(strings.NewReplacer("\x00", "", separator, "").Replace(f.Text))
}

// textAnywhere is how many letters or digits in a row an index finds wherever they stand.
const textAnywhere = 3

// TextBegins reports whether Text is so short that it chooses only where a reference, a supplier or a description begins with it: to find
// it anywhere would be to read all there are.
func (f ExpenseFilter) TextBegins() bool {
	return f.text() != "" && longestWord(f.text()) < textAnywhere
}

// nothing reports whether it chooses nothing, whatever there is: no index finds a text without a letter or digit.
func (f ExpenseFilter) nothing() bool {
	return len(f.statuses()) == 0 || f.text() != "" && longestWord(f.text()) == 0
}

func (f ExpenseFilter) textPattern() string {
	if f.TextBegins() {
		return within(separator + f.text())
	}
	return within(f.text())
}

// within is the pattern of what holds t.
func within(t string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(t) + "%"
}

// patterns are what the texts in expense_texts of all that f chooses are like. Its index finds them by three letters or digits in a row, by
// where a word begins, or by a whole word.
func (f ExpenseFilter) patterns() []string {
	var ps []string
	if f.text() != "" {
		ps = append(ps, f.textPattern())
	}
	if longestWord(f.Supplier) > 0 {
		ps = append(ps, within(separator+f.Supplier+separator))
	}
	if f.Currency != "" && (f == ExpenseFilter{Status: f.Status, Currency: f.Currency, Sort: f.Sort}) { // else anything finds fewer
		ps = append(ps, within(separator+f.Currency+separator))
	}
	return ps
}

// found is a table of the expenses whose texts are like those patterns, and the arguments with theirs.
func (f ExpenseFilter) found(args []any) (string, []any) {
	var like []string
	for _, p := range f.patterns() {
		args = append(args, p)
		like = append(like, "text LIKE lower($"+strconv.Itoa(len(args))+")")
	}
	return "found AS MATERIALIZED (SELECT expense_id AS id FROM expense_texts WHERE " + strings.Join(like, " AND ") + ")", args
}

func longestWord(s string) int {
	longest := 0
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		longest = max(longest, len([]rune(word)))
	}
	return longest
}
