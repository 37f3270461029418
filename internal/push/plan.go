package push

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallylight/store"
)

// forecast is what a push of an expense will make first, and why it cannot be pushed at all, "" when it can.
type forecast struct {
	makes   []store.Want
	problem string
}

var codeLike = regexp.MustCompile(`^[0-9][0-9./-]*$`)

// foresee judges what an expense names that is not exactly one record of its ledger.
func foresee(platformName, platformKey string, wants store.Wants) forecast {
	p := platformOf(platformKey)
	var f forecast
	for _, w := range wants {
		text := strings.TrimSpace(w.Text)
		switch {
		case w.Kind == store.SupplierStep && p.noContact:
		case w.Kind == store.AccountStep && w.Matches > 1:
			f.problem = fmt.Sprintf("several accounts in %s are called %s: choose one by its code", platformName, text)
		case w.Kind == store.SupplierStep && w.Matches > 1:
			f.problem = fmt.Sprintf("several suppliers in %s are called %s: rename one there", platformName, text)
		case w.Kind == store.AccountStep && codeLike.MatchString(text):
			f.problem = fmt.Sprintf("no account in %s has the code %s", platformName, text)
		case w.Kind == store.AccountStep && utf8.RuneCountInString(text) > p.nameLimit:
			f.problem = fmt.Sprintf("the name of a new account in %s may have %d characters at most", platformName, p.nameLimit)
		default:
			f.makes = append(f.makes, store.Want{Kind: w.Kind, Text: text})
		}
	}
	return f
}

// Forecast says in a few words what a push of an expense will make in its ledger first, or why it cannot be pushed: "will
// create account Travel in Xero". It is "" when everything is there. Can is whether it can be pushed.
func Forecast(platformName, platformKey string, wants store.Wants) (words string, can bool) {
	f := foresee(platformName, platformKey, wants)
	if f.problem != "" {
		return f.problem, false
	}
	if len(f.makes) == 0 {
		return "", true
	}
	var makes []string
	for _, w := range f.makes {
		makes = append(makes, string(w.Kind)+" "+w.Text)
	}
	if len(makes) > 2 {
		makes = append(makes[:1], fmt.Sprintf("%d more records", len(makes)-1))
	}
	return fmt.Sprintf("will create %s in %s", strings.Join(makes, " and "), platformName), true
}

// Creates returns the accounts and suppliers that a push of an expense would make first, in the order in which it would.
func Creates(platformName, platformKey string, wants store.Wants) []store.Want {
	return foresee(platformName, platformKey, wants).makes
}

func plan(p store.Pushable, button Button) store.PlannedPush {
	planned := store.PlannedPush{ExpenseID: p.ID, CompanyID: p.CompanyID, ConnectionID: *p.ConnectionID, Held: !p.Linked(), Verb: "pushed"}
	if button == Retry {
		planned.Verb = "retried"
	}
	makes := foresee(p.PlatformName, p.PlatformKey, p.Wants).makes
	for _, k := range kinds {
		for _, w := range makes {
			if w.Kind == k.step {
				planned.Steps = append(planned.Steps, store.PlannedStep{Kind: k.step, Subject: strings.ToLower(w.Text), Label: w.Text})
			}
		}
	}
	planned.Steps = append(planned.Steps, store.PlannedStep{Kind: store.DirectCostStep, Subject: strconv.FormatInt(p.ID, 10), Label: p.Reference})
	return planned
}
