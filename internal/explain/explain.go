// Package explain turns the failures of a push into a finance person's words.
//
// A failure is kept as a Fact, just as Codat told it. Classify reads the fact by the table in rules.go and finds a Cause (a
// stable code) and a subject (the value in it, such as the account code 429); these are stored, with the Version of the
// rules. Explain makes the words when they are shown, so better words need no change to stored rows. A new explanation is
// one more row of the table.
package explain

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Version is the version of the rules; raise it when Classify would answer differently for a fact it has seen before.
const Version = 1

// Explanation is a failure in a finance person's words. Every text is one line of plain text, of bounded length.
type Explanation struct {
	Cause string // what went wrong, a sentence or two: "Account 429 is archived in Xero."
	Do    string // what to do about it, a sentence or two
	Who   string // who can do it: "Anyone in finance"
	Link  Link   // where to do it
	Short string // the cause in at most 60 characters, without a full stop
}

// Link is the kind of place where something can be done about a failure.
type Link string

const (
	LinkNone       Link = "none"
	LinkExpense    Link = "expense"    // the form of the expense
	LinkConnection Link = "connection" // the company's connection to its accounting software
	LinkCompany    Link = "company"
	LinkSettings   Link = "settings" // the settings of Tallylight
)

// Text is the text of the link, "" for LinkNone.
func (l Link) Text() string {
	switch l {
	case LinkExpense:
		return "Edit the expense"
	case LinkConnection:
		return "Open the connection"
	case LinkCompany:
		return "Open the company"
	case LinkSettings:
		return "Open the settings"
	}
	return ""
}

// Explain gives the words for a cause and its subject, as Classify found them in f or a caller knew them without it. Where
// the fact is not at hand, a Fact with nothing but its Platform does: the rest of f tells what was said when the cause is
// unknown, and how many problems there are besides.
func Explain(cause Cause, subject string, f Fact) Explanation {
	said := speaker{subject: tidy(subject, maxSubject), platform: tidy(f.Platform, 40), kind: f.Kind}
	r, known := byCause[cause]
	if cause == CauseUnknown || !known {
		r = byCause[CauseUnknown]
		said.subject = tidy(subject, 2*maxSubject)
		if all := f.statements(); len(all) > 0 {
			said.subject = all[0].String()
		}
		if said.subject == "" {
			r = byCause[CauseNoReason]
		}
	}
	short := r.short
	if short == "" {
		short = r.text
	}
	text := said.say(r.text)
	if more := others(cause, subject, f); more != "" {
		text = strings.TrimRight(text, ".") + ". " + more
	}
	return Explanation{
		Cause: text,
		Do:    said.say(r.do),
		Who:   said.say(r.who),
		Link:  r.link,
		Short: clip(strings.TrimSuffix(said.say(short), "."), maxShort),
	}
}

// others tells how many different problems f names besides the one that is explained. It says nothing when the cause is not
// what f itself leads to.
func others(cause Cause, subject string, f Fact) string {
	if len(f.Problems) < 2 {
		return ""
	}
	f.ErrorMessage = "" // a heading
	all := f.reasons()
	if r := telltale(all); r.cause != cause || r.subject != subject {
		return ""
	}
	different := map[reason]bool{}
	for _, r := range all {
		different[r] = true
	}
	switch n := len(different) - 1; n {
	case 0:
		return ""
	case 1:
		return "There is 1 more problem."
	default:
		return fmt.Sprintf("There are %d more problems.", n)
	}
}

// speaker fills the words of a rule with values.
type speaker struct{ subject, platform, kind string }

var (
	choice = regexp.MustCompile(`\[([^\[\]|]*)(?:\|([^\[\]|]*))?\]`)
	slot   = regexp.MustCompile(`\{[^{}]*\}`)
)

// say fills in a text of a rule:
//
//	{platform}      Xero, or "the accounting software"
//	{record}        this expense, the new account, the new supplier
//	{subject}       the subject
//	{the account}   "account 429", "the account on line 2", or "the account" when there is no subject
//	[one|other]     one when there is a subject, otherwise other
//
// A capital letter in a slot, {Platform}, begins a sentence. Values are put in last, and are not read again.
func (sp speaker) say(text string) string {
	text = choice.ReplaceAllStringFunc(text, func(s string) string {
		if m := choice.FindStringSubmatch(s); sp.subject != "" {
			return m[1]
		} else {
			return m[2]
		}
	})
	return slot.ReplaceAllStringFunc(text, func(s string) string {
		name := s[1 : len(s)-1]
		value := sp.value(strings.ToLower(name))
		if unicode.IsUpper(rune(name[0])) {
			return capital(value)
		}
		return value
	})
}

func (sp speaker) value(slot string) string {
	switch slot {
	case "platform":
		if sp.platform == "" {
			return "the accounting software"
		}
		return sp.platform
	case "record":
		switch sp.kind {
		case "account", "supplier":
			return "the new " + sp.kind
		case "attachment":
			return "this receipt"
		}
		return "this expense"
	case "subject":
		return sp.subject
	}
	noun := strings.TrimPrefix(slot, "the ")
	switch {
	case sp.subject == "":
		return slot
	case strings.HasPrefix(sp.subject, "line "):
		return slot + " on " + sp.subject
	}
	return noun + " " + sp.subject
}

// capital is s with a capital first letter.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
