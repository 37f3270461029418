package push

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"tallylight/store"
)

var codeLike = regexp.MustCompile(`^[0-9][0-9./-]*$`)

// Forecast says in a few words what a push of an expense will make in its ledger first, or why it would fail: "will create account
// Travel in Xero". It is "" when everything is there. Can is whether it can be pushed without a person insisting.
func Forecast(platformName, platformKey string, facts store.Facts) (words string, can bool) {
	f := foresee(platformName, platformKey, facts)
	if len(f.findings) > 0 {
		return f.findings[0].short(), !f.findings[0].stops
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
func Creates(platformName, platformKey string, facts store.Facts) []store.Want {
	return foresee(platformName, platformKey, facts).makes
}

// plan is the steps of a push.
func plan(p store.Pushable, button Button, f forecast) store.PlannedPush {
	planned := store.PlannedPush{ExpenseID: p.ID, CompanyID: p.CompanyID, ConnectionID: *p.ConnectionID, Held: !p.Linked(), Verb: "pushed",
		Receipts: !platformOf(p.PlatformKey).noReceipts}
	if button == Retry {
		planned.Verb = "retried"
	}
	for _, k := range kinds {
		for _, w := range f.makes {
			if w.Kind == k.step {
				planned.Steps = append(planned.Steps, store.PlannedStep{Kind: k.step, Subject: strings.ToLower(w.Text), Label: w.Text})
			}
		}
	}
	planned.Steps = append(planned.Steps, store.PlannedStep{Kind: store.DirectCostStep, Subject: strconv.FormatInt(p.ID, 10), Label: p.Reference})
	return planned
}
