package handlers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// locked is why an expense cannot be changed, "" when it can.
func locked(e store.Expense) string {
	switch e.Status {
	case store.NotPushed, store.Failed:
		return ""
	case store.InProgress:
		return e.Reference + " is locked while it is on its way. If the push fails, it can be edited and retried."
	case store.OnHold:
		return e.Reference + " is locked while it waits for its connection. Withdraw it to change it."
	case store.Complete:
		return e.Reference + " is in the ledger. Change it there: what is here stays as it was booked."
	case store.Handled:
		return e.Reference + " was handled outside. Undo that first; then it can be changed."
	case store.NeedsChecking:
		return e.Reference + " is locked because it may be in the ledger. Say first whether it is there."
	}
	return e.Reference + " is locked as it is."
}

// expenseEdit is the form for an expense that can be changed. One that cannot says why, where it is.
func (h *Handlers) expenseEdit(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	e, err := h.Store.Expense(r.Context(), id)
	if err != nil {
		return err
	}
	if why := locked(e); why != "" {
		return h.done(w, r, here(r, id), why)
	}
	return h.editPage(w, r, who, http.StatusOK, typed(e), e, nil)
}

// expenseChange changes an expense, and retries it when asked to, or shows the form again with all that was typed and what is wrong
// with it.
func (h *Handlers) expenseChange(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	f := entered{r.PostForm}
	e, err := h.Store.Expense(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return h.deletedPage(w, r, who, f)
	}
	if err != nil {
		return err
	}
	company, err := h.Store.Company(ctx, e.CompanyID)
	if err != nil {
		return err
	}
	f.Set("company", strconv.FormatInt(e.CompanyID, 10)) // it stays
	if locked(e) != "" {
		return h.lockedPage(w, r, who, f, e)
	}
	if f.Has("more") {
		return h.editPage(w, r, who, http.StatusOK, f, e, nil)
	}
	_, changed, problems := f.expense([]store.Company{company})
	if len(problems) == 0 && f.Has("seen") && f.Get("seen") != version(e) {
		return h.changedPage(w, r, who, f, e)
	}
	if len(problems) > 0 {
		return h.editPage(w, r, who, http.StatusUnprocessableEntity, f, e, problems)
	}
	var pressed push.Pressed
	retry := f.Get("then") == "retry"
	if retry {
		pressed, err = push.Amend(ctx, h.Store, who, e, changed)
	} else {
		err = h.Store.UpdateExpense(ctx, who, e, changed)
	}
	if _, taken := errors.AsType[*store.ReferenceTakenError](err); taken {
		return h.editPage(w, r, who, http.StatusUnprocessableEntity, f, e, referenceTaken(company, changed))
	}
	if changed := errors.Is(err, store.ErrChanged); changed || errors.Is(err, store.ErrLocked) { // since it was read
		if e, err = h.Store.Expense(ctx, id); err != nil {
			return err
		}
		if changed && locked(e) == "" {
			return h.changedPage(w, r, who, f, e)
		}
		return h.lockedPage(w, r, who, f, e)
	}
	if err != nil {
		return err
	}
	said := strings.TrimSpace(changed.Reference) + " is changed."
	if retry {
		return h.pressed(w, r, here(r, id), said, pressed)
	}
	return h.done(w, r, here(r, id), said)
}

// lockedPage is the form of an expense that somebody else has pushed meanwhile: what was typed can be read, and not be saved.
func (h *Handlers) lockedPage(w http.ResponseWriter, r *http.Request, who store.User, f entered, e store.Expense) error {
	return h.editPage(w, r, who, http.StatusConflict, f, e,
		map[string]string{"": cmp.Or(locked(e), e.Reference+" was locked for a moment. Save it again.") + " Nothing was saved; what you typed is below."})
}

// deletedPage offers what was typed into the form of an expense that is not here any more as a new one.
func (h *Handlers) deletedPage(w http.ResponseWriter, r *http.Request, who store.User, f entered) error {
	companies, err := h.Store.Companies(r.Context())
	if err != nil {
		return err
	}
	return h.expenseFormPage(w, r, who, http.StatusConflict, f, companies,
		map[string]string{"": "This expense was deleted meanwhile. To enter it anew, choose its company and save.", "company": "Choose the company."})
}

func referenceTaken(c store.Company, e store.NewExpense) map[string]string {
	return map[string]string{"reference": fmt.Sprintf("%s has an expense with the reference %s already. Choose another one.",
		c.Name, strings.TrimSpace(e.Reference))}
}

// changedPage is the form of the second of two people who change one expense.
func (h *Handlers) changedPage(w http.ResponseWriter, r *http.Request, who store.User, f entered, e store.Expense) error {
	activities, err := h.Store.ActivityOf(r.Context(), "expense", e.ID)
	if err != nil {
		return err
	}
	by := "Somebody"
	for _, a := range activities {
		if a.Verb == "changed" {
			by = a.Actor
		}
	}
	return h.editPage(w, r, who, http.StatusConflict, f, e,
		map[string]string{"": by + " changed this expense meanwhile. Compare yours with it; saving again puts yours in its place."})
}

// version tells one state of what was entered from another.
func version(e store.Expense) string {
	text, err := json.Marshal(typed(e).Values)
	if err != nil { // a map of strings
		panic(fmt.Sprintf("marshal what was entered: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// typed is an expense as it would be typed into the form.
func typed(e store.Expense) entered {
	f := entered{url.Values{
		"company": {strconv.FormatInt(e.CompanyID, 10)}, "reference": {e.Reference}, "date": {dateOrNone(e.IssueDate)}, "supplier": {e.Supplier},
		"currency": {e.Currency}, "paid_from": {e.PaidFrom}, "note": {e.Note}, "rate": {""},
	}}
	if e.Rate.Valid {
		f.Set("rate", e.Rate.Decimal.Trim(0).String())
	}
	for _, l := range e.Lines {
		tax := ""
		if !l.Tax.IsZero() {
			tax = exactly(l.Tax, e.Currency)
		}
		f.Add("line_description", l.Description)
		f.Add("line_category", l.Category)
		f.Add("line_tax_rate", l.TaxRate)
		f.Add("line_net", exactly(l.Net, e.Currency))
		f.Add("line_tax", tax)
	}
	return f
}

func (h *Handlers) editPage(w http.ResponseWriter, r *http.Request, who store.User, status int, f entered, e store.Expense, problems map[string]string) error {
	company, err := h.Store.Company(r.Context(), e.CompanyID)
	if err != nil {
		return err
	}
	form, err := h.formPage(w, r, who, "Edit "+e.Reference, f, company, problems)
	if err != nil {
		return err
	}
	form.ID, form.Was, form.Company, form.Seen, form.Keep = e.ID, e.Reference, company.Name, version(e), listOf(r).kept()
	form.Locked = locked(e) != ""
	if e.Status == store.Failed {
		form.Then = "retry"
		if form.Why, err = h.whyFailed(r.Context(), e.ID, form.May); err != nil {
			return err
		}
	}
	return web.Render(w, r, status, views.ExpenseNew(form))
}

// whyFailed explains the newest push of an expense to whoever mends it.
func (h *Handlers) whyFailed(ctx context.Context, id int64, may views.Rights) (*views.Explanation, error) {
	i, err := h.Store.ExpenseItem(ctx, id)
	if err != nil {
		return nil, err
	}
	pushes, err := h.Store.Pushes(ctx, id)
	if err != nil || len(pushes) == 0 {
		return nil, err
	}
	x := why(pushes[0], i, "", may)
	if x != nil {
		x.Links = nil
	}
	return x, nil
}

// expenseDelete removes an expense that was never pushed.
func (h *Handlers) expenseDelete(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx, list := r.Context(), listOf(r).url()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	e, err := h.Store.Expense(ctx, id)
	if err == nil {
		err = h.Store.DeleteExpense(ctx, who, id)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return h.done(w, r, list, "That expense is not here any more.")
	case errors.Is(err, store.ErrLocked) && e.Status == store.Handled:
		return h.done(w, r, here(r, id), e.Reference+" was handled outside, so it stays.")
	case errors.Is(err, store.ErrLocked):
		return h.done(w, r, here(r, id), e.Reference+" has been pushed before, so it stays.")
	case err != nil:
		return err
	}
	return h.done(w, r, list, e.Reference+" is deleted.")
}
