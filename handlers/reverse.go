package handlers

import (
	"strconv"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
)

// reverse says how an expense that is in the ledger is changed or taken back there; nil for any other.
func reverse(e store.Expense, p store.Push) *views.Reverse {
	if e.Status != store.Complete || p.State != store.PushComplete {
		return nil
	}
	ledger := platformOr(p.Platform)
	find := "Open the " + push.RecordName(p.PlatformKey, e.Total.IsNeg()) + " "
	if push.KeepsReference(p.PlatformKey) {
		find += e.Reference + ", "
	} else {
		find += "of "
	}
	find += store.FormatAmount(e.Total, e.Currency) + ", " + day(e.IssueDate)
	if e.Supplier != "" {
		find += ", " + e.Supplier
	}
	find += ", in " + ledger + "."
	if !push.KeepsReference(p.PlatformKey) {
		find += " It does not keep our reference."
	}
	out := &views.Reverse{Ledger: ledger, Find: find, Again: "/expenses/new?copy=" + strconv.FormatInt(e.ID, 10)}
	if step := culprit(p); step.RecordID != nil {
		out.Record = *step.RecordID
	}
	return out
}
