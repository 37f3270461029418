package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// expenseForm is the empty form: of the company in the address, or of the only one there is. Or it is filled in like the expense that
// the address says to copy, under another reference.
func (h *Handlers) expenseForm(w http.ResponseWriter, r *http.Request, who store.User) error {
	companies, err := h.Store.Companies(r.Context())
	if err != nil {
		return err
	}
	if id := readID(r.URL.Query().Get("copy")); id != 0 {
		e, err := h.Store.Expense(r.Context(), id)
		if err != nil {
			return err
		}
		f := typed(e)
		f.Set("reference", e.Reference+"-2")
		return h.expenseFormPage(w, r, who, http.StatusOK, f, companies, nil)
	}
	f := entered{url.Values{"company": r.URL.Query()["company"]}}
	if len(companies) == 1 {
		f.Set("company", strconv.FormatInt(companies[0].ID, 10))
	}
	if c, ok := f.company(companies); ok {
		f.Set("currency", orNone(c.BaseCurrency))
	}
	return h.expenseFormPage(w, r, who, http.StatusOK, f, companies, nil)
}

// expenseAdd enters an expense, or shows the form again with all that was typed and what is wrong with it.
func (h *Handlers) expenseAdd(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	companies, err := h.Store.Companies(ctx)
	if err != nil {
		return err
	}
	f := entered{r.PostForm}
	if f.Has("more") {
		return h.expenseFormPage(w, r, who, http.StatusOK, f, companies, nil)
	}
	company, e, problems := f.expense(companies)
	if len(problems) > 0 {
		return h.expenseFormPage(w, r, who, http.StatusUnprocessableEntity, f, companies, problems)
	}
	ids, err := h.Store.AddExpenses(ctx, who, []store.NewExpense{e})
	if _, taken := errors.AsType[*store.ReferenceTakenError](err); taken {
		return h.expenseFormPage(w, r, who, http.StatusUnprocessableEntity, f, companies, referenceTaken(company, e))
	}
	if err != nil {
		return err
	}
	return h.done(w, r, expenseURL(ids[0]), strings.TrimSpace(e.Reference)+" is entered. Push it when it is ready.")
}

// entered is what was typed into the form.
type entered struct{ url.Values }

func (f entered) company(companies []store.Company) (store.Company, bool) {
	i := slices.IndexFunc(companies, func(c store.Company) bool { return strconv.FormatInt(c.ID, 10) == f.Get("company") })
	if i < 0 {
		return store.Company{}, false
	}
	return companies[i], true
}

// lines are the lines of the form, at least one.
func (f entered) lines() []views.FormLine {
	column := func(name string, i int) string {
		if values := f.Values["line_"+name]; i < len(values) {
			return unixLines(values[i])
		}
		return ""
	}
	most := 1
	for _, name := range []string{"description", "category", "tax_rate", "net", "tax"} {
		most = max(most, len(f.Values["line_"+name]))
	}
	lines := make([]views.FormLine, 0, most)
	for i := range most {
		lines = append(lines, views.FormLine{Description: column("description", i), Category: column("category", i),
			TaxRate: column("tax_rate", i), Net: column("net", i), Tax: column("tax", i)})
	}
	return lines
}

// unixLines undoes what forms do to line breaks.
func unixLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func (f entered) currency() string { return strings.ToUpper(strings.TrimSpace(f.Get("currency"))) }

// expense is what was typed as an expense, with a sentence for each field that is wrong.
func (f entered) expense(companies []store.Company) (store.Company, store.NewExpense, map[string]string) {
	problems := map[string]string{}
	company, ok := f.company(companies)
	if !ok {
		problems["company"] = "Choose the company."
	}
	e := store.NewExpense{
		CompanyID: company.ID, Reference: f.Get("reference"), Supplier: f.Get("supplier"), Note: unixLines(f.Get("note")),
		Currency: f.currency(), PaidFrom: f.Get("paid_from"), Source: "form",
	}
	var err error
	if typed := strings.TrimSpace(f.Get("date")); typed != "" {
		if e.IssueDate, err = time.Parse(time.DateOnly, typed); err != nil {
			problems["date"] = fmt.Sprintf("%q is not a date: write it like 2026-01-31.", clipped(typed, 40))
		}
	}
	if typed := strings.TrimSpace(f.Get("rate")); typed != "" {
		if e.Rate.Decimal, err = store.ParseRate(typed); err != nil {
			problems["rate"] = sentence(err.Error())
		}
		e.Rate.Valid = err == nil
	}
	lines := f.lines()
	for len(lines) > 1 && lines[len(lines)-1] == (views.FormLine{}) {
		lines = lines[:len(lines)-1] // left empty at the end
	}
	for i, l := range lines {
		at := fmt.Sprintf("lines.%d.", i+1)
		line := store.Line{Description: l.Description, Category: l.Category, TaxRate: l.TaxRate}
		if line.Net, err = store.ParseAmount(l.Net, e.Currency); err != nil {
			problems[at+"net"] = sentence(err.Error())
		}
		if strings.TrimSpace(l.Tax) != "" {
			if line.Tax, err = store.ParseAmount(l.Tax, e.Currency); err != nil {
				problems[at+"tax"] = sentence(err.Error())
			}
		}
		e.Lines = append(e.Lines, line)
	}
	unread := len(problems) > 0 // a sum of amounts that could not be read says nothing
	for _, p := range e.Problems(orNone(company.BaseCurrency)) {
		if _, told := problems[p.Field]; !told && !(unread && p.Field == "lines") {
			problems[p.Field] = p.Text
		}
	}
	return company, e, problems
}

func (h *Handlers) expenseFormPage(w http.ResponseWriter, r *http.Request, who store.User, status int, f entered,
	companies []store.Company, problems map[string]string,
) error {
	company, _ := f.company(companies)
	form, err := h.formPage(w, r, who, "New expense", f, company, problems)
	if err != nil {
		return err
	}
	form.Companies = companyOptions(companies, company.ID)
	return web.Render(w, r, status, views.ExpenseNew(form))
}

// formPage is the form as filled in so far, with what is known of the company's ledger to choose from.
func (h *Handlers) formPage(w http.ResponseWriter, r *http.Request, who store.User, title string, f entered, company store.Company,
	problems map[string]string,
) (views.ExpenseForm, error) {
	s, err := h.frame(w, r, who, "/expenses", title)
	if err != nil {
		return views.ExpenseForm{}, err
	}
	form := views.ExpenseForm{
		Frame: s.Frame, Reference: f.Get("reference"), Date: f.Get("date"), Supplier: f.Get("supplier"), Currency: f.Get("currency"),
		Rate: f.Get("rate"), PaidFrom: f.Get("paid_from"), Note: unixLines(f.Get("note")), Lines: f.lines(), Problems: problems,
		Currencies: currencies(orNone(company.BaseCurrency)),
	}
	if !f.Has("date") {
		form.Date = s.clock.now.In(s.clock.in).Format(time.DateOnly)
	}
	if f.Has("more") {
		form.Lines = append(form.Lines, views.FormLine{})
	}
	if company.ID == 0 {
		return form, nil
	}
	return form, h.suggest(r.Context(), &form, company.ID)
}

// suggested is how many names of a kind the form offers.
const suggested = 200

// suggest offers what is known of the company's ledger.
func (h *Handlers) suggest(ctx context.Context, form *views.ExpenseForm, companyID int64) error {
	connection, err := h.Store.AccountingConnection(ctx, companyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	accounts, err := h.Store.ExpenseAccounts(ctx, connection.ID, suggested)
	if err != nil {
		return err
	}
	banks, err := h.Store.BankAccounts(ctx, connection.ID)
	if err != nil {
		return err
	}
	suppliers, err := h.Store.Suppliers(ctx, connection.ID, suggested)
	if err != nil {
		return err
	}
	rates, err := h.Store.TaxRates(ctx, connection.ID, suggested)
	if err != nil {
		return err
	}
	form.Categories, form.Banks = names(accounts), names(banks)
	for _, s := range suppliers {
		form.Suppliers = append(form.Suppliers, s.Name)
	}
	for _, t := range rates {
		form.TaxRates = append(form.TaxRates, cmp.Or(t.Name, t.Code, t.CodatID))
	}
	form.Suppliers, form.TaxRates = slices.Compact(form.Suppliers), slices.Compact(form.TaxRates)
	return nil
}

func names(accounts []store.Account) []string {
	var out []string
	for _, a := range accounts {
		out = append(out, cmp.Or(a.Name, a.NominalCode))
	}
	return slices.Compact(out)
}

// currencies are suggestions, the company's own first.
func currencies(base string) []string {
	common := []string{"GBP", "EUR", "USD", "AUD", "CAD", "CHF", "JPY", "NZD", "SEK", "SGD", "ZAR"}
	if base == "" {
		return common
	}
	return append([]string{base}, slices.DeleteFunc(common, func(c string) bool { return c == base })...)
}
