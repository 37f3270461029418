package views

import (
	"net/url"

	"tallylight/store"
)

// Suffix is what an address ends with so that the list is kept, "" when it is not known.
func (k Kept) Suffix() string {
	if !k.Known {
		return ""
	}
	return "?list=" + url.QueryEscape(k.Query)
}

// fewChanges is how many changed fields are shown at once.
const fewChanges = 8

// wayTitle heads the steps of the newest push.
func wayTitle(s store.ExpenseStatus) string {
	switch s {
	case store.Complete:
		return "How it reached the ledger"
	case store.Failed, store.NeedsChecking, store.Handled:
		return "How far it came"
	case store.OnHold:
		return "Its way to the ledger"
	}
	return "On its way to the ledger"
}
