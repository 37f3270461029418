package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"tallylight/internal/explain"
	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// deliveriesTold is how many messages the story of one expense tells of.
const deliveriesTold = 100

// expensePage is all that is known of one expense. Opened from a list, its address keeps the list, for the way back and on.
func (h *Handlers) expensePage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	list := listOf(r)
	if from := listBefore(r); !list.known && from.known {
		http.Redirect(w, r, expenseURL(id)+from.kept().Suffix(), http.StatusSeeOther)
		return nil
	}
	e, err := h.Store.Expense(ctx, id)
	if err != nil {
		return err
	}
	i, err := h.Store.ExpenseItem(ctx, id)
	if err != nil {
		return err
	}
	pushes, err := h.Store.Pushes(ctx, id)
	if err != nil {
		return err
	}
	activities, err := h.Store.ActivityOf(ctx, "expense", id)
	if err != nil {
		return err
	}
	deliveries, err := h.Store.DeliveriesAbout(ctx, id, operations(pushes), deliveriesTold)
	if err != nil {
		return err
	}
	receipts, err := h.Store.Receipts(ctx, id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", e.Reference)
	if err != nil {
		return err
	}
	c := s.clock
	page := views.ExpensePage{
		Frame: s.Frame, ID: id, Reference: e.Reference, Badge: expenseBadge(i, c), Amount: store.FormatAmount(e.Total, e.Currency),
		Action: rowAction(i), Story: story(e, activities, pushes, deliveries, s.May, c), Facts: expenseFacts(e, i, activities, c),
		Note: e.Note, Ledger: platformOr(i.Platform), Withdraw: i.Unsent, Edit: e.Status.Editable(), Delete: e.PushID == nil && e.Status != store.Handled,
		List: list.url(), Keep: list.kept(),
	}
	page.Receipts = receiptsOf(receipts, e, i, pushes, c)
	if page.Action == "Fix" { // here
		page.Action = ""
	}
	if page.Previous, page.Next, err = h.beside(ctx, list, i); err != nil {
		return err
	}
	page.Preflight = preflight(i, s.May)
	page.Handled = handledPart(e, s.May)
	if page.Alike, err = h.alike(ctx, e); err != nil {
		return err
	}
	for _, want := range push.Creates(page.Ledger, i.PlatformKey, i.Facts) {
		page.Creates = append(page.Creates, views.Want{Kind: stepKinds[want.Kind], Text: want.Text})
	}
	page.Live, page.Show = expensesTopic, show(id)
	if s.May.Admin && len(deliveries) > 0 {
		page.Messages = views.Link{Text: "All messages about it", Href: deliveriesURL(store.DeliveryFilter{ExpenseID: id})}
	}
	for _, l := range e.Lines {
		page.Lines = append(page.Lines, views.LineItem{Description: l.Description, Category: l.Category, TaxRate: l.TaxRate,
			Net: store.FormatNumber(l.Net, e.Currency), Tax: store.FormatNumber(l.Tax, e.Currency)})
	}
	if !e.Tax.IsZero() {
		page.Tax = store.FormatNumber(e.Tax, e.Currency)
	}
	for _, p := range pushes {
		page.Pushes = append(page.Pushes, pushItem(p, c))
	}
	if len(pushes) > 0 {
		if !page.Handled.Is {
			page.Why = why(pushes[0], i, expenseURL(id)+"/edit"+page.Keep.Suffix(), s.May)
		}
		page.Steps = sequence(pushes[0], e.Status, c)
		page.Reverse = reverse(e, pushes[0])
		if !i.Unsent && page.Reverse == nil {
			page.Locked = locked(e)
		}
	}
	if page.Others, err = h.others(ctx, id); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.Expense(page))
}

// beside are the addresses of the expenses before and after this one in its list, "" where there is none.
func (h *Handlers) beside(ctx context.Context, l fromList, i store.ExpenseItem) (previous, next string, err error) {
	if !l.known {
		return "", "", nil
	}
	companies, err := h.companiesWith(ctx, l.query.Get("company"))
	if err != nil {
		return "", "", err
	}
	before, after, err := h.Store.Neighbours(ctx, l.filter(companies), i)
	if err != nil {
		return "", "", err
	}
	if before != 0 {
		previous = expenseURL(before) + l.kept().Suffix()
	}
	if after != 0 {
		next = expenseURL(after) + l.kept().Suffix()
	}
	return previous, next, nil
}

// operations are Codat's keys of what the pushes needed.
func operations(pushes []store.Push) []string {
	keys := []string{}
	for _, n := range needed(pushes) {
		if key := orNone(n.OperationKey); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func expenseFacts(e store.Expense, i store.ExpenseItem, activities []store.Activity, c clock) []views.Fact {
	facts := []views.Fact{
		{Term: "Date", Text: day(e.IssueDate)},
		{Term: "Supplier", Text: cmp.Or(e.Supplier, "No supplier")},
		{Term: "Company", Text: i.Company, Link: companyURL(i.CompanyID)},
		{Term: "Connection", Text: ledgerOf(i, c)},
		{Term: "Paid from", Text: cmp.Or(e.PaidFrom, "the company’s usual account")},
	}
	if e.Rate.Valid {
		facts = append(facts, views.Fact{Term: "Exchange rate", Text: e.Rate.Decimal.Trim(0).String()})
	}
	by := c.full(e.CreatedAt)
	for _, a := range activities {
		if a.Verb == "entered" {
			by = a.Actor + ", " + by
			break
		}
	}
	return append(facts, views.Fact{Term: "Entered by", Text: by + enteredFrom[e.Source]})
}

var pushWords = map[store.PushState]string{
	store.PushOpen: "not finished", store.PushComplete: "complete", store.PushFailed: "failed",
	store.PushNeedsChecking: "needs checking", store.PushWithdrawn: "withdrawn",
}

func pushItem(p store.Push, c clock) views.PushItem {
	title := "Pushed " + c.full(p.CreatedAt)
	if p.By != "" {
		title += " by " + p.By
	}
	title += ": " + pushWords[p.State]
	if p.SettledAt != nil && p.State != store.PushWithdrawn {
		title += ", took " + took(p.SettledAt.Sub(p.CreatedAt))
	}
	item := views.PushItem{Title: title, Facts: []views.Fact{{Term: "Connection", Text: platformOr(p.Platform)}}}
	for _, s := range p.Steps {
		name := capital(stepName(s))
		fact := func(term, text string) {
			if text != "" {
				item.Facts = append(item.Facts, views.Fact{Term: name + ": " + term, Text: text})
			}
		}
		fact("Codat’s operation", orNone(s.OperationKey))
		if s.Kind != store.AttachmentStep {
			fact("record in the ledger", orNone(s.RecordID))
		}
		fact("outcome learnt from", learntFrom[s.ToldBy])
		for _, a := range s.Attempts {
			item.Attempts = append(item.Attempts, attemptItem(a, name, c))
		}
		item.Warnings = append(item.Warnings, warnings(s.Warnings)...)
	}
	return item
}

// learntFrom is how the outcome of a step was learnt.
var learntFrom = map[string]string{
	"reply": "Codat’s answer", "webhook": "a webhook", "reading": "asking Codat", "history": "Codat’s history", "person": "a person",
}

func attemptItem(a store.Attempt, step string, c clock) views.AttemptItem {
	title := step + ", attempt " + strconv.Itoa(a.Number) + ", " + c.full(a.StartedAt)
	switch {
	case a.FinishedAt == nil:
		title += ": no answer yet"
	case a.Status == nil:
		title += fmt.Sprintf(", after %s: no answer", took(a.FinishedAt.Sub(a.StartedAt)))
	default:
		title += fmt.Sprintf(", took %s: HTTP %d", took(a.FinishedAt.Sub(a.StartedAt)), *a.Status)
	}
	return views.AttemptItem{Title: title, Key: a.IdempotencyKey, Request: raw(a.Request), Reply: raw(a.Reply)}
}

// warnings are Codat's validation warnings of a step that went through.
func warnings(j []byte) []string {
	var problems []explain.Problem
	if json.Unmarshal(j, &problems) != nil {
		return nil
	}
	var out []string
	for _, p := range problems {
		if p.Message != "" {
			out = append(out, clipped(p.Message, 300))
		}
	}
	return out
}
