package views

import "tallylight/store"

// wayTitle heads the steps of the newest push.
func wayTitle(s store.ExpenseStatus) string {
	switch s {
	case store.Complete:
		return "How it reached the ledger"
	case store.Failed, store.Handled:
		return "How far it came"
	}
	return "On its way to the ledger"
}
