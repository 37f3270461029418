package handlers

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"tallylight/internal/explain"
	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// expenseCheck is where a person says whether an expense is in the ledger, when nobody else can tell.
func (h *Handlers) expenseCheck(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return h.checkPage(w, r, who, http.StatusOK, id, "", nil)
}

func (h *Handlers) checkPage(w http.ResponseWriter, r *http.Request, who store.User, status int, id int64, record string, problems map[string]string) error {
	ctx := r.Context()
	i, err := h.Store.ExpenseItem(ctx, id)
	if err != nil {
		return err
	}
	pushes, err := h.Store.Pushes(ctx, id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", "Check "+i.Reference)
	if err != nil {
		return err
	}
	page := views.CheckPage{Frame: s.Frame, ID: id, Reference: i.Reference, Badge: expenseBadge(i, s.clock), Ledger: platformOr(i.Platform),
		Record: record, Problems: problems, Keep: listOf(r).kept()}
	if len(problems) == 0 { // the answer to a form is at an address that cannot be read again
		page.Live, page.Show = expensesTopic, show(id)
	}
	if len(pushes) == 0 || pushes[0].State != store.PushNeedsChecking {
		return web.Render(w, r, status, views.Check(page))
	}
	if err := h.toCheck(r, &page, pushes[0], i, s.clock); err != nil {
		return err
	}
	return web.Render(w, r, status, views.Check(page))
}

// toCheck fills in what was sent, what is known of it, and what to look for.
func (h *Handlers) toCheck(r *http.Request, page *views.CheckPage, p store.Push, i store.ExpenseItem, c clock) error {
	var sent store.Snapshot
	if err := json.Unmarshal(p.Snapshot, &sent); err != nil {
		return fmt.Errorf("read what push %d sent: %w", p.ID, err)
	}
	paidFrom, err := h.paidFrom(r, sent, i.CompanyID)
	if err != nil {
		return err
	}
	total, err := decimal.Parse(sent.Total.String())
	if err != nil {
		return fmt.Errorf("read what push %d sent: %w", p.ID, err)
	}
	amount, on := store.FormatAmount(total, sent.Currency), sent.IssueDate
	if date, err := time.Parse(time.DateOnly, sent.IssueDate); err == nil {
		on = day(date)
	}
	step, ledger := culprit(p), platformOr(p.Platform)
	page.Open, page.Ledger = true, ledger
	page.Cause = explain.Explain(explain.Cause(p.Cause), p.Subject, failureOf(step, p.Platform)).Cause
	page.Sent = []views.Fact{
		{Term: "Reference", Text: sent.Reference}, {Term: "Amount", Text: amount}, {Term: "Date", Text: on},
		{Term: "Supplier", Text: cmp.Or(sent.Supplier, "No supplier")}, {Term: "Paid from", Text: paidFrom},
		{Term: "Books of", Text: sent.Company},
	}
	page.Search = sent.Reference
	if !push.KeepsReference(p.PlatformKey) {
		page.Search = strings.TrimPrefix(amount, sent.Currency+" ")
		page.Hint = ledger + " does not keep our reference: go by amount, date and supplier."
	}
	page.Looked = fmt.Sprintf("I looked in %s for %s, %s on %s, and it is not there.", ledger, sent.Reference, amount, on)
	page.Known = knownOf(step, p, c)
	page.Asks = "Tallylight looks in Codat’s history of the company once more. That may take some minutes."
	if step.OperationKey != nil {
		page.Asks = "Codat is asked once more how the operation ended. Now and then a late answer comes."
	}
	if n := len(step.Attempts); n > 0 {
		page.Body = raw(step.Attempts[n-1].Request)
	}
	return nil
}

// paidFrom is the account a push was paid from, by name where it was the company's usual one.
func (h *Handlers) paidFrom(r *http.Request, sent store.Snapshot, companyID int64) (string, error) {
	if sent.PaidFrom != "" {
		return sent.PaidFrom, nil
	}
	connection, err := h.Store.AccountingConnection(r.Context(), companyID)
	if errors.Is(err, store.ErrNotFound) {
		return "the company’s usual account", nil
	}
	if err != nil {
		return "", err
	}
	banks, err := h.Store.BankAccounts(r.Context(), connection.ID)
	if err != nil {
		return "", err
	}
	usual, err := h.Store.BankMatches(r.Context(), connection.ID, "")
	if err != nil {
		return "", err
	}
	for _, b := range banks {
		if slices.Equal(usual, []string{b.CodatID}) {
			return cmp.Or(b.Name, b.NominalCode), nil
		}
	}
	return "the company’s usual account", nil
}

func knownOf(s store.Step, p store.Push, c clock) []views.Fact {
	facts := []views.Fact{{Term: "Pushed by", Text: cmp.Or(p.By, "Tallylight")}}
	if s.FirstSentAt != nil {
		facts = append(facts, views.Fact{Term: "First sent", Text: c.second(*s.FirstSentAt)})
	}
	if s.SentAt != nil && s.AttemptsCount > 1 {
		facts = append(facts, views.Fact{Term: "Last sent", Text: c.second(*s.SentAt)},
			views.Fact{Term: "Times sent", Text: number(s.AttemptsCount)})
	}
	if p.SettledAt != nil {
		facts = append(facts, views.Fact{Term: "Needs checking since", Text: c.second(*p.SettledAt)})
	}
	operation := views.Fact{Term: "Codat’s operation", Text: orNone(s.OperationKey)}
	if operation.Text == "" {
		operation.Text = "not known: no usable answer came"
	}
	return append(facts, operation)
}

// expenseFound completes a push: the person saw its record in the ledger.
func (h *Handlers) expenseFound(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	record := strings.TrimSpace(r.PostForm.Get("record"))
	refuse := func(problem string) error {
		return h.checkPage(w, r, who, http.StatusUnprocessableEntity, id, record, map[string]string{"record": problem})
	}
	switch {
	case record == "":
		return refuse("Enter the id or number it has there.")
	case utf8.RuneCountInString(record) > 255 || record != plain(record):
		return refuse("That is not an id or number that a ledger gives.")
	}
	err = h.Store.FoundByPerson(r.Context(), who, id, record)
	if taken, ok := errors.AsType[*store.RecordTakenError](err); ok {
		return refuse(fmt.Sprintf("That record is %s already. Look for another one, or say that it is not there.", taken.Reference))
	}
	if errors.Is(err, store.ErrDecided) {
		return h.decided(w, r, id)
	}
	if err != nil {
		return err
	}
	i, err := h.Store.ExpenseItem(r.Context(), id)
	if err != nil {
		return err
	}
	return h.done(w, r, here(r, id), fmt.Sprintf("%s is in the ledger, as record %s.", i.Reference, record))
}

// expenseNotThere pushes an expense again: the person looked in the ledger and did not see it.
func (h *Handlers) expenseNotThere(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	if r.PostForm.Get("looked") == "" {
		return h.checkPage(w, r, who, http.StatusUnprocessableEntity, id, "", map[string]string{"looked": "Look there first, then tick the box."})
	}
	pressed, err := push.NotThere(r.Context(), h.Store, who, id)
	if errors.Is(err, store.ErrDecided) {
		return h.decided(w, r, id)
	}
	if err != nil {
		return err
	}
	return h.pressed(w, r, here(r, id), "It was not in the ledger.", pressed)
}

// expenseAsk has Codat asked once more about a push that needs checking.
func (h *Handlers) expenseAsk(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	err = h.Store.AskAgain(r.Context(), who, id)
	if errors.Is(err, store.ErrDecided) {
		return h.decided(w, r, id)
	}
	if err != nil {
		return err
	}
	h.WakePush()
	return h.done(w, r, here(r, id), "Codat is being asked again. What it says shows here by itself.")
}

// decided tells a person that somebody, or late news, was quicker.
func (h *Handlers) decided(w http.ResponseWriter, r *http.Request, id int64) error {
	i, err := h.Store.ExpenseItem(r.Context(), id)
	if err != nil {
		return err
	}
	return h.done(w, r, here(r, id), fmt.Sprintf("Somebody, or late news, was quicker: %s is “%s”.", i.Reference, statusWords[i.Status]))
}
