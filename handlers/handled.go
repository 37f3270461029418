package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"tallylight/store"
	"tallylight/views"
)

// reasonProblem is what is wrong with why an expense was handled outside, "" for nothing.
func reasonProblem(reason string) string {
	switch n := utf8.RuneCountInString(reason); {
	case n == 0:
		return "Say why it was handled outside: whoever looks at it later will want to know."
	case n > store.MostReason:
		return "The reason has " + number(n) + " characters; " + number(store.MostReason) + " are the most."
	}
	return ""
}

// expenseHandled notes that somebody has dealt with an expense outside of Tallylight, and why.
func (h *Handlers) expenseHandled(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	i, err := h.expenseItem(ctx, id)
	if err != nil {
		return err
	}
	reason := plain(strings.TrimSpace(r.PostFormValue("reason")))
	if problem := reasonProblem(reason); problem != "" {
		return h.tell(w, r, back(r, expenseURL(id)), flash{Bad: true, Said: problem})
	}
	marked, err := h.Store.MarkHandled(ctx, who, []int64{id}, reason)
	if err != nil {
		return err
	}
	if len(marked) == 1 {
		return h.done(w, r, back(r, expenseURL(id)), i.Reference+" is marked as handled outside. It is not pushed until that is undone.")
	}
	if i, err = h.expenseItem(ctx, id); errors.Is(err, store.ErrNotFound) {
		return h.done(w, r, "/expenses", "That expense is not here any more.")
	} else if err != nil {
		return err
	}
	return h.tell(w, r, back(r, expenseURL(id)), flash{Bad: true, Said: whyNotHandled(i)})
}

func whyNotHandled(i store.ExpenseItem) string {
	switch i.Status {
	case store.Handled:
		return i.Reference + " is marked as handled outside already."
	case store.Complete:
		return i.Reference + " is in the ledger already."
	case store.NeedsChecking:
		return i.Reference + " may be in the ledger. Say on its Check page whether it is; then it can be marked."
	case store.InProgress, store.OnHold:
		return i.Reference + " is on its way. Withdraw it first, or wait how it ends."
	}
	return i.Reference + " has just changed. Look again."
}

// expenseUnhandled undoes that: the expense is what it was before.
func (h *Handlers) expenseUnhandled(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	undone, err := h.Store.UndoHandled(ctx, who, []int64{id})
	if err != nil {
		return err
	}
	i, err := h.expenseItem(ctx, id)
	if err != nil {
		return err
	}
	if len(undone) == 0 {
		return h.done(w, r, back(r, expenseURL(id)), i.Reference+" is not marked as handled outside.")
	}
	return h.done(w, r, back(r, expenseURL(id)), i.Reference+" is again what it was: "+strings.ToLower(statusWords[i.Status])+".")
}

// handledPart is what a page says of an expense's having been handled outside.
func handledPart(e store.Expense, may views.Rights) views.HandledPart {
	part := views.HandledPart{Is: e.Status == store.Handled, Reason: e.Reason}
	part.Can = may.Enter && (part.Is || e.Status == store.NotPushed || e.Status == store.Failed)
	return part
}

const fewAlike = 5

// alike are others that look the same as an expense that can be pushed.
func (h *Handlers) alike(ctx context.Context, e store.Expense) ([]views.PlanPair, error) {
	if e.Status != store.NotPushed && e.Status != store.Failed {
		return nil, nil
	}
	ds, err := h.Store.Duplicates(ctx, e.ID, fewAlike)
	if err != nil {
		return nil, err
	}
	var out []views.PlanPair
	for _, d := range ds {
		out = append(out, views.PlanPair{Other: views.Link{Text: d.Reference, Href: expenseURL(d.ID)}, Said: strings.ToLower(statusWords[d.Status])})
	}
	return out, nil
}
