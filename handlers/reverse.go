package handlers

import (
	"fmt"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
)

// reverse says how an expense that is in the ledger is changed or taken back there; nil for any other.
func reverse(e store.Expense, p store.Push) *views.Reverse {
	if e.Status != store.Complete || p.State != store.PushComplete {
		return nil
	}
	about := []string{store.FormatAmount(e.Total, e.Currency), day(e.IssueDate)}
	if e.Supplier != "" {
		about = append(about, e.Supplier)
	}
	find := fmt.Sprintf("In %s, open the %s ", platformOr(p.Platform), push.RecordName(p.PlatformKey, e.Total.IsNeg()))
	if push.KeepsReference(p.PlatformKey) {
		find += fmt.Sprintf("%s (%s).", e.Reference, strings.Join(about, ", "))
	} else {
		find += fmt.Sprintf("of %s. Our reference is not kept there.", strings.Join(about, ", "))
	}
	return &views.Reverse{Find: find, Record: orNone(costOf(p).RecordID), Again: fmt.Sprintf("/expenses/new?copy=%d", e.ID)}
}
