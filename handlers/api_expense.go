package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// receipt is what became of one expense that another system entered.
type receipt struct {
	ID        int64               `json:"id"`
	Company   string              `json:"company"` // Codat's id
	Reference string              `json:"reference"`
	Made      bool                `json:"made"`
	Status    store.ExpenseStatus `json:"status"`
	NotPushed string              `json:"not_pushed_because,omitempty"`
	URL       string              `json:"url"` // of its page, for people
}

// apiExpensesAdd enters expenses of another system, all of them or none. What is there already with the same content stays, so a
// request may be sent again when nobody knows whether it arrived.
func (h *Handlers) apiExpensesAdd(w http.ResponseWriter, r *http.Request, t store.APIToken) error {
	ctx := r.Context()
	doc, problems, err := readJSON(r)
	if err != nil {
		return err
	}
	companies, err := h.Store.Companies(ctx)
	if err != nil {
		return err
	}
	es, many, wrongs := entries(doc, companies)
	if problems = append(problems, wrongs...); len(problems) > 0 {
		return writeProblem(w, http.StatusUnprocessableEntity, wrong(len(problems)), few(problems))
	}
	wanted := slices.ContainsFunc(es, func(e entry) bool { return e.push })
	if wanted && !t.May(store.ScopePush) {
		return notInScope(w, store.ScopePush)
	}
	entered, err := h.Store.EnterOnce(ctx, t.Actor(), newExpenses(es))
	if differs, ok := errors.AsType[*store.ContentDiffersError](err); ok {
		return writeProblem(w, http.StatusConflict, "What is here already has other content, so nothing was entered.", conflicts(es, differs))
	}
	if err != nil {
		return err
	}
	receipts := make([]receipt, len(es))
	for i, e := range es {
		receipts[i] = receipt{ID: entered[i].ID, Company: e.company.CodatID, Reference: e.Reference, Made: entered[i].Made,
			Status: entered[i].Status, URL: h.PublicURL + expenseURL(entered[i].ID)}
	}
	if wanted {
		if err := h.pushEntered(r, t, es, receipts); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if slices.ContainsFunc(receipts, func(r receipt) bool { return r.Made }) {
		status = http.StatusCreated
	}
	if many {
		return writeJSON(w, status, "application/json", map[string]any{"expenses": receipts})
	}
	w.Header().Set("Location", apiExpenseURL(receipts[0].ID))
	return writeJSON(w, status, "application/json", receipts[0])
}

func apiExpenseURL(id int64) string { return "/api/expenses/" + strconv.FormatInt(id, 10) }

func conflicts(es []entry, differs *store.ContentDiffersError) []fieldProblem {
	var problems []fieldProblem
	for _, d := range differs.Of {
		e := es[d.Index]
		problems = append(problems, fieldProblem{e.at + "/reference", fmt.Sprintf("%s is in %s already, and differs in %s.",
			clipped(e.Reference, 40), e.company.Name, and(d.Fields))})
	}
	return few(problems)
}

// pushEntered pushes those that are to be pushed at once and notes how each stands then. What is on its way already, or in the ledger,
// needs no push: then nothing is said.
func (h *Handlers) pushEntered(r *http.Request, t store.APIToken, es []entry, receipts []receipt) error {
	of := map[int64]*receipt{}
	var ids []int64
	for i, e := range es {
		if e.push && (receipts[i].Status == store.NotPushed || receipts[i].Status == store.Failed) {
			of[receipts[i].ID] = &receipts[i]
			ids = append(ids, receipts[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	pressed, err := push.Press(r.Context(), h.Store, t.Actor(), push.Push, ids)
	if err != nil {
		return err
	}
	if len(pressed.Started) > 0 {
		h.WakePush()
	}
	for _, id := range pressed.Started {
		of[id].Status = store.InProgress
	}
	for _, id := range pressed.Held {
		of[id].Status = store.OnHold
	}
	for _, refused := range pressed.Refused {
		of[refused.ID].NotPushed = refused.Sentence
	}
	return nil
}

// apiExpenseItem is an expense as another system reads it. Amounts are texts, as exact as they are kept.
type apiExpenseItem struct {
	ID          int64               `json:"id"`
	URL         string              `json:"url"`
	Company     string              `json:"company"` // Codat's id
	CompanyName string              `json:"company_name"`
	Reference   string              `json:"reference"`
	Date        string              `json:"date"`
	Supplier    string              `json:"supplier"`
	Currency    string              `json:"currency"`
	Rate        *string             `json:"rate"`
	PaidFrom    string              `json:"paid_from"`
	Note        string              `json:"note"`
	Net         string              `json:"net"`
	Tax         string              `json:"tax"`
	Total       string              `json:"total"`
	Lines       []apiLine           `json:"lines"`
	Status      store.ExpenseStatus `json:"status"`
	StatusWord  string              `json:"status_word"`
	StatusAt    time.Time           `json:"status_at"`
	Explanation *apiExplanation     `json:"explanation"` // of what failed or needs checking
	Ledger      *apiRecord          `json:"ledger"`      // once it is there
}

type apiLine struct {
	Description string `json:"description"`
	Category    string `json:"category"`
	TaxRate     string `json:"tax_rate"`
	Net         string `json:"net"`
	Tax         string `json:"tax"`
}

type apiExplanation struct {
	Cause string `json:"cause"`
	Do    string `json:"do"`
	Who   string `json:"who"`
}

type apiRecord struct {
	Platform string `json:"platform"`
	Record   string `json:"record"`
}

var noSuchExpense = web.NotFound("There is no such expense.")

// apiExpense tells how an expense stands.
func (h *Handlers) apiExpense(w http.ResponseWriter, r *http.Request, _ store.APIToken) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return noSuchExpense
	}
	return h.answerExpense(w, r, id)
}

// apiExpenseFind tells how the expense of a company with a reference stands.
func (h *Handlers) apiExpenseFind(w http.ResponseWriter, r *http.Request, _ store.APIToken) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["company"]) != 1 || len(q["reference"]) != 1 || len(q) != 2 {
		return web.BadRequest("Ask with company and reference, each once, and nothing else: /api/expenses?company=…&reference=…")
	}
	companies, err := h.Store.Companies(r.Context())
	if err != nil {
		return err
	}
	c, problem := store.NamesOf(companies).Find(q.Get("company"))
	if problem != "" {
		return web.NotFound(problem)
	}
	id, err := h.Store.ExpenseByReference(r.Context(), c.ID, plain(q.Get("reference")))
	if errors.Is(err, store.ErrNotFound) {
		return noSuchExpense
	}
	if err != nil {
		return err
	}
	return h.answerExpense(w, r, id)
}

func (h *Handlers) answerExpense(w http.ResponseWriter, r *http.Request, id int64) error {
	ctx := r.Context()
	e, err := h.Store.Expense(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return noSuchExpense
	}
	if err != nil {
		return err
	}
	i, err := h.expenseItem(ctx, id)
	if err != nil {
		return err
	}
	c, err := h.Store.Company(ctx, e.CompanyID)
	if err != nil {
		return err
	}
	pushes, err := h.Store.Pushes(ctx, id)
	if err != nil {
		return err
	}
	amount := func(d decimal.Decimal) string { return exactly(d, e.Currency) }
	a := apiExpenseItem{ID: id, URL: h.PublicURL + expenseURL(id), Company: c.CodatID, CompanyName: c.Name, Reference: e.Reference,
		Date: e.IssueDate.Format(time.DateOnly), Supplier: e.Supplier, Currency: e.Currency, PaidFrom: e.PaidFrom, Note: e.Note,
		Net: amount(e.Net), Tax: amount(e.Tax), Total: amount(e.Total), Lines: []apiLine{},
		Status: i.Status, StatusWord: statusWords[i.Status], StatusAt: i.StatusAt.UTC()}
	if e.Rate.Valid {
		rate := e.Rate.Decimal.Trim(0).String()
		a.Rate = &rate
	}
	for _, l := range e.Lines {
		a.Lines = append(a.Lines, apiLine{l.Description, l.Category, l.TaxRate, amount(l.Net), amount(l.Tax)})
	}
	if len(pushes) > 0 {
		if x := why(pushes[0], i, "", views.Rights{}); x != nil && i.Status != store.Handled {
			a.Explanation = &apiExplanation{x.Cause, x.Do, x.Who}
		}
		if pushes[0].State == store.PushComplete {
			a.Ledger = &apiRecord{platformOr(pushes[0].Platform), orNone(costOf(pushes[0]).RecordID)}
		}
	}
	return writeJSON(w, http.StatusOK, "application/json", a)
}
