package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// deliveriesTold is how many messages the story of one expense tells of.
const deliveriesTold = 100

func (h *Handlers) expensePage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	e, err := h.Store.Expense(ctx, id)
	if err != nil {
		return err
	}
	items, err := h.Store.ExpenseItems(ctx, []int64{id})
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
	deliveries, err := h.Store.Deliveries(ctx, store.DeliveryFilter{ExpenseID: id}, deliveriesTold)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", e.Reference)
	if err != nil {
		return err
	}
	i, c := items[0], s.clock
	page := views.ExpensePage{
		Frame: s.Frame, ID: id, Reference: e.Reference, Badge: expenseBadge(i, c), Amount: store.FormatAmount(e.Total, e.Currency),
		Action: rowAction(i), Story: story(activities, pushes, deliveries, s.May, c), Facts: expenseFacts(e, i, activities, c),
		Note: e.Note,
	}
	if page.Action == "Check" {
		page.Action = "" // it leads here
	}
	page.Live, page.Show = expensesTopic, show(id)
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
		page.Why = why(pushes[0], i)
		for _, step := range pushes[0].Steps {
			page.Steps = append(page.Steps, stepBox(step, e.Status, c))
		}
	}
	return web.Render(w, r, http.StatusOK, views.Expense(page))
}

// why explains the newest push, when it failed or needs checking.
func why(p store.Push, i store.ExpenseItem) *views.Explanation {
	if p.State != store.PushFailed && p.State != store.PushNeedsChecking {
		return nil
	}
	fact, operation := explain.Fact{}, ""
	culprit := p.CostStepID
	if p.FailedStep != nil {
		culprit = *p.FailedStep
	}
	for _, s := range p.Steps {
		if s.ID == culprit {
			_ = json.Unmarshal(s.Error, &fact) // without it the cause alone is explained
			operation = orNone(s.OperationKey)
		}
	}
	if fact.Platform == "" {
		fact.Platform = p.Platform
	}
	x := explain.Explain(explain.Cause(p.Cause), p.Subject, fact)
	out := &views.Explanation{Title: "Why it failed", Cause: x.Cause, Do: x.Do, Who: x.Who, Raw: fact.Raw()}
	if p.State == store.PushNeedsChecking {
		out.Title = "What needs checking"
	}
	switch x.Link {
	case explain.LinkConnection, explain.LinkCompany:
		out.Links = []views.Link{{Text: x.Link.Text(), Href: companyURL(i.CompanyID)}}
	}
	var ids []string
	if operation != "" {
		ids = append(ids, "operation "+operation)
	}
	if fact.CorrelationID != "" {
		ids = append(ids, "correlation "+fact.CorrelationID)
	}
	if len(ids) > 0 {
		out.Raw = strings.TrimSpace(out.Raw + "\n" + strings.Join(ids, ", "))
	}
	return out
}

var stepKinds = map[store.StepKind]string{
	store.AccountStep: "Account", store.SupplierStep: "Supplier", store.DirectCostStep: "Expense",
}

func stepBox(s store.Step, expense store.ExpenseStatus, c clock) views.StepBox {
	status, sub := store.InProgress, ""
	switch s.State {
	case store.StepWaiting:
		sub = "waits for the steps before it"
	case store.StepReady:
		sub = "waiting to be sent"
		if s.NextTryAt.After(c.now) && s.WaitReason != "" {
			sub = nextTry(s.WaitReason, c.at(s.NextTryAt))
		}
		if expense == store.OnHold {
			status, sub = store.OnHold, "waits for the connection"
		}
	case store.StepSending:
		sub = "being sent"
	case store.StepLooking:
		sub = "no answer came; looking for it at Codat"
	case store.StepPending:
		sub = "Codat has accepted it"
	case store.StepNeedsChecking:
		status = store.NeedsChecking
	case store.StepSuccess:
		status = store.Complete
	case store.StepFailed:
		status = store.Failed
	case store.StepWithdrawn:
		status, sub = store.NotPushed, "never sent"
	}
	box := views.StepBox{Kind: or(stepKinds[s.Kind], string(s.Kind)), Label: s.Label,
		Badge: views.Badge{Status: status, Word: statusWords[status], Sub: sub}}
	if s.FirstSentAt != nil && s.SettledAt != nil {
		box.Time = took(s.SettledAt.Sub(*s.FirstSentAt))
	}
	return box
}

func expenseFacts(e store.Expense, i store.ExpenseItem, activities []store.Activity, c clock) []views.Fact {
	facts := []views.Fact{
		{Term: "Date", Text: day(e.IssueDate)},
		{Term: "Supplier", Text: or(e.Supplier, "No supplier")},
		{Term: "Company", Text: i.Company, Link: companyURL(i.CompanyID)},
		{Term: "Connection", Text: ledgerOf(i, c)},
		{Term: "Paid from", Text: or(e.PaidFrom, "the company’s usual account")},
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
	if e.Source == "csv" {
		by += ", from a file"
	}
	return append(facts, views.Fact{Term: "Entered by", Text: by})
}

var pushWords = map[store.PushState]string{
	store.PushOpen: "on its way", store.PushComplete: "complete", store.PushFailed: "failed",
	store.PushNeedsChecking: "needs checking", store.PushWithdrawn: "withdrawn",
}

func pushItem(p store.Push, c clock) views.PushItem {
	title := "Pushed " + c.full(p.CreatedAt)
	if p.By != "" {
		title += " by " + p.By
	}
	item := views.PushItem{Title: title + ": " + pushWords[p.State]}
	item.Facts = []views.Fact{{Term: "Connection", Text: platformOr(p.Platform)}}
	for _, s := range p.Steps {
		if key := orNone(s.OperationKey); key != "" {
			item.Facts = append(item.Facts, views.Fact{Term: "Codat’s operation", Text: key})
		}
		if record := orNone(s.RecordID); record != "" {
			item.Facts = append(item.Facts, views.Fact{Term: "Record in the ledger", Text: record})
		}
		for _, a := range s.Attempts {
			item.Attempts = append(item.Attempts, attemptItem(a, c))
		}
		item.Warnings = append(item.Warnings, warnings(s.Warnings)...)
	}
	return item
}

func attemptItem(a store.Attempt, c clock) views.AttemptItem {
	title := "Attempt " + strconv.Itoa(a.Number) + ", " + c.full(a.StartedAt)
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
