package handlers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tallylight/store"
)

// expenseWithdraw takes back the push of one expense, if nothing of it is on its way.
func (h *Handlers) expenseWithdraw(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return h.withdraw(w, r, who, []int64{id}, here(r, id))
}

// expensesWithdraw takes back the pushes of exactly the expenses that were ticked.
func (h *Handlers) expensesWithdraw(w http.ResponseWriter, r *http.Request, who store.User) error {
	ids, err := tickedIDs(r)
	if err != nil {
		return err
	}
	return h.withdraw(w, r, who, ids, "/expenses")
}

func (h *Handlers) withdraw(w http.ResponseWriter, r *http.Request, who store.User, ids []int64, from string) error {
	if len(ids) == 0 {
		return h.done(w, r, back(r, from), "Nothing was ticked, so nothing was withdrawn.")
	}
	withdrawn, err := h.Store.Withdraw(r.Context(), who, ids)
	if err != nil {
		return err
	}
	said, err := h.withdrawnSentence(r.Context(), ids, withdrawn)
	if err != nil {
		return err
	}
	return h.done(w, r, back(r, from), said)
}

func (h *Handlers) withdrawnSentence(ctx context.Context, ids, withdrawn []int64) (string, error) {
	items, err := h.Store.ExpenseItems(ctx, ids)
	if err != nil {
		return "", err
	}
	var said []string
	refused := 0
	for _, i := range items {
		if slices.Contains(withdrawn, i.ID) {
			if len(withdrawn) == 1 {
				said = append(said, i.Reference+" is withdrawn. Nothing of it will be sent.")
			}
			continue
		}
		if refused++; refused <= fewRefusals {
			said = append(said, whyNotWithdrawn(i))
		}
	}
	if n := len(withdrawn); n > 1 {
		said = slices.Insert(said, 0, expenses(n)+" are withdrawn. Nothing of them will be sent.")
	}
	if refused > fewRefusals {
		said = append(said, fmt.Sprintf("%s more could not be withdrawn either.", number(refused-fewRefusals)))
	}
	if len(said) == 0 {
		return "There is nothing to withdraw.", nil
	}
	return strings.Join(said, " "), nil
}

func whyNotWithdrawn(i store.ExpenseItem) string {
	switch i.Status {
	case store.InProgress, store.OnHold:
		return i.Reference + " has been sent already and goes on."
	case store.Complete:
		return i.Reference + " is in the ledger already."
	case store.NeedsChecking:
		return i.Reference + " has been sent and needs checking."
	case store.Handled:
		return i.Reference + " was handled outside."
	}
	return i.Reference + " has no push to withdraw."
}
