package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// expenseList is the list of expenses. Its whole state is in the address; what cannot be understood there does not choose. A list
// that cannot be read says so in its own place, with a way to try again: it is never shown as empty.
func (h *Handlers) expenseList(w http.ResponseWriter, r *http.Request, who store.User) error {
	page, err := h.expensesPage(w, r, who)
	if err == nil {
		return web.Render(w, r, http.StatusOK, views.Expenses(page))
	}
	if r.Context().Err() != nil {
		return err
	}
	h.Log.WarnContext(r.Context(), "list of expenses not loaded", "err", err)
	w.Header().Set("Retry-After", "5")
	page = views.ExpensesPage{
		Frame:     views.Frame{Title: "Expenses", Section: "/expenses", Email: who.Email, May: rights(who), Live: expensesTopic, Show: show()},
		NotLoaded: true, Again: r.URL.RequestURI(),
	}
	return web.Render(w, r, http.StatusServiceUnavailable, views.Expenses(page))
}

func (h *Handlers) expensesPage(w http.ResponseWriter, r *http.Request, who store.User) (views.ExpensesPage, error) {
	var page views.ExpensesPage
	ctx, q := r.Context(), r.URL.Query()
	companies, err := h.companiesWith(ctx, q.Get("company"))
	if err != nil {
		return page, err
	}
	l := readExpenseQuery(q, companies)
	list, past, err := h.listPage(ctx, l.ExpenseFilter, q)
	if err != nil {
		return page, err
	}
	saved, err := h.Store.SavedViews(ctx, who.ID)
	if err != nil {
		return page, err
	}
	s, err := h.frame(w, r, who, "/expenses", "Expenses")
	if err != nil {
		return page, err
	}
	counts := s.counts
	if l.CompanyID != 0 {
		if counts, err = h.Store.StatusCounts(ctx, l.CompanyID); err != nil {
			return page, err
		}
		foreign, err := h.foreignNotices(ctx, l.CompanyID)
		if err != nil {
			return page, err
		}
		s.Notices = append(s.Notices, foreign...)
	}
	page = l.page(companies, counts)
	if l.narrowed() {
		page.OwnCounts = true
		h.countTabs(ctx, page.Tabs, l.ExpenseFilter)
	}
	page.Frame, page.Past = s.Frame, past
	page.Views = savedViews(saved, l)
	shown := make([]int64, 0, len(list.Items))
	for _, i := range list.Items {
		page.Rows = append(page.Rows, expenseRow(i, s.clock.in))
		shown = append(shown, i.ID)
	}
	page.Live, page.Show = expensesTopic, show(shown...)
	if list.Before != "" {
		page.Previous = l.url("before", list.Before)
	}
	if list.After != "" {
		page.Next = l.url("after", list.After)
	}
	page.Newest = page.Newest && page.Previous == "" && !past
	if page.Previous != "" || page.Next != "" {
		page.All = l.all(counts)
	}
	if len(page.Rows) == 0 && !past && page.Filtered && !page.OnlyStatus {
		page.Drops = h.drops(ctx, l.chips(companies))
	}
	return page, nil
}

// listPage reads the page that the address asks for. It is past the end when it is empty though the list is not.
func (h *Handlers) listPage(ctx context.Context, f store.ExpenseFilter, q url.Values) (list store.ExpensePage, past bool, err error) {
	after, before := q.Get("after"), q.Get("before")
	list, err = h.Store.ExpensePage(ctx, f, after, before)
	if err != nil || len(list.Items) > 0 || after == "" && before == "" {
		return list, false, err
	}
	first, err := h.Store.ExpensePage(ctx, f, "", "")
	return list, len(first.Items) > 0, err
}

// page is the list without its rows.
func (l expenseQuery) page(companies []store.Company, counts map[store.ExpenseStatus]int) views.ExpensesPage {
	f := l.ExpenseFilter
	f.Sort = ""
	only := store.ExpenseFilter{Status: f.Status, CompanyID: f.CompanyID}
	query := strings.TrimPrefix(listURL(l.ExpenseFilter), "/expenses")
	p := views.ExpensesPage{
		Tabs: statusTabs(l.ExpenseFilter, counts, "cols", l.columns), Status: string(f.Status), CompanyID: f.CompanyID,
		Companies: companyOptions(companies, f.CompanyID), Query: f.Text, Begins: f.TextBegins(), From: dateOrNone(f.From), To: dateOrNone(f.To),
		Min: amountOrNone(f.Min), Max: amountOrNone(f.Max), Currency: f.Currency, Supplier: f.Supplier,
		Kept:   filterFields(store.ExpenseFilter{Status: f.Status, Cause: f.Cause, Subject: f.Subject, NoSubject: f.NoSubject, Sort: l.Sort}, "cols", l.columns),
		Chosen: filterFields(f), List: listURL(f), Address: l.query(),
		Filtered: f != store.ExpenseFilter{}, OnlyStatus: f.Status != "" && f == only, OwnCounts: f.CompanyID != 0,
		Newest: f == only && (l.Sort == store.SortDate || l.Sort == store.SortChanged),
		Clear:  expenseQuery{store.ExpenseFilter{Sort: l.Sort}, l.columns}.url(),
		Causes: "/expenses/causes" + query, CSV: "/expenses/export.csv" + query, XLSX: "/expenses/export.xlsx" + query,
		Dated:   l.heading(store.SortDate, store.SortDateOldest),
		Priced:  l.heading(store.SortAmount, store.SortAmountSmallest),
		Changed: l.heading(store.SortChanged, store.SortChangedOldest),
	}
	for _, c := range l.chips(companies) {
		p.Chips = append(p.Chips, c.Chip)
	}
	for _, o := range orders {
		p.Orders = append(p.Orders, views.Option{Value: string(o.sort), Text: o.text, Chosen: o.sort == l.Sort})
	}
	for _, c := range expenseColumns {
		p.Columns = append(p.Columns, views.Option{Value: c.name, Text: c.word, Chosen: l.shows(c.name)})
		if !l.shows(c.name) {
			p.Hidden = append(p.Hidden, "no-"+c.name)
		}
	}
	return p
}

// query is what a saved view keeps of the address.
func (l expenseQuery) query() string {
	return strings.TrimPrefix(strings.TrimPrefix(l.url(), "/expenses"), "?")
}

// heading leads to the list sorted so: what comes first at once, and the other way round when it is sorted so already.
func (l expenseQuery) heading(descending, ascending store.ExpenseSort) views.Heading {
	h := views.Heading{}
	to := descending
	switch l.Sort {
	case descending:
		h.Sort, to = "descending", ascending
	case ascending:
		h.Sort = "ascending"
	}
	l.Sort = to
	h.Href = l.url()
	return h
}

// narrowed reports whether it chooses by more than what the kept counts tell.
func (l expenseQuery) narrowed() bool {
	f := l.ExpenseFilter
	return f != (store.ExpenseFilter{Status: f.Status, CompanyID: f.CompanyID, Sort: f.Sort})
}

// countsPatience is how long the tabs of a list may look for how many there are.
const countsPatience = 300 * time.Millisecond

// countTabs says on each tab how many it leads to, where that is found in a moment.
func (h *Handlers) countTabs(ctx context.Context, tabs []views.Tab, f store.ExpenseFilter) {
	ctx, stop := context.WithTimeout(ctx, countsPatience)
	defer stop()
	counts, err := h.Store.CountsWithin(ctx, f)
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "tabs not counted", "err", err)
	}
	all := views.Tab{Unknown: len(counts) < len(store.Statuses)}
	for i, t := range tabs[1:] {
		n, known := counts[store.ExpenseStatus(t.Status)]
		tabs[i+1].Count, tabs[i+1].More, tabs[i+1].Unknown = n.N, n.More, !known
		all.Count, all.More = all.Count+n.N, all.More || n.More
	}
	tabs[0].Count, tabs[0].More, tabs[0].Unknown = all.Count, all.More, all.Unknown
}

// all is what is said of everything that is chosen, with its number where the counts tell it.
func (l expenseQuery) all(counts map[store.ExpenseStatus]int) string {
	f := l.ExpenseFilter
	if l.narrowed() {
		return "All that match, on every page"
	}
	n := counts[f.Status]
	if f.Status == "" {
		for _, of := range counts {
			n += of
		}
	}
	return "All " + number(n) + " that match"
}

// statusTabs are All and every status, each with the other filters and more of the address kept.
func statusTabs(f store.ExpenseFilter, counts map[store.ExpenseStatus]int, more ...string) []views.Tab {
	current := f.Status
	f.Status = ""
	all := 0
	for _, n := range counts {
		all += n
	}
	tabs := []views.Tab{{Word: "All", Href: listURL(f, more...), Count: all, Current: current == ""}}
	for _, s := range store.Statuses {
		f.Status = s
		tabs = append(tabs, views.Tab{Word: tabWords[s], Status: string(s), Href: listURL(f, more...), Count: counts[s], Current: s == current})
	}
	return tabs
}

var tabWords = map[store.ExpenseStatus]string{
	store.NotPushed: "Not pushed", store.InProgress: "In progress", store.Complete: "Complete", store.Failed: "Failed",
	store.NeedsChecking: "Needs checking", store.OnHold: "On hold", store.Handled: "Handled outside",
}

func companyOptions(companies []store.Company, chosen int64) []views.Option {
	var options []views.Option
	for _, c := range companies {
		options = append(options, views.Option{Value: strconv.FormatInt(c.ID, 10), Text: c.Name, Chosen: c.ID == chosen})
	}
	return options
}

// chip is one filter in force, and what is chosen without it.
type chip struct {
	views.Chip
	without store.ExpenseFilter
}

func (l expenseQuery) chips(companies []store.Company) []chip {
	var out []chip
	f := l.ExpenseFilter
	add := func(in bool, text, label string, drop func(f *store.ExpenseFilter)) {
		if in {
			without := l
			drop(&without.ExpenseFilter)
			out = append(out, chip{views.Chip{Text: text, Drop: without.url(), Label: label}, without.ExpenseFilter})
		}
	}
	company := ""
	if i := slices.IndexFunc(companies, func(c store.Company) bool { return c.ID == f.CompanyID }); i >= 0 {
		company = companies[i].Name
	}
	cause := explain.Explain(explain.Cause(f.Cause), f.Subject, explain.Fact{}).Short
	if f.NoSubject && explain.Explain(explain.Cause(f.Cause), "…", explain.Fact{}).Short != cause {
		cause += ", not said which"
	}
	add(f.Status != "", "Status: "+statusWords[f.Status], "Show every status", func(f *store.ExpenseFilter) { f.Status = "" })
	add(company != "", "Company: "+company, "Show all companies", func(f *store.ExpenseFilter) { f.CompanyID = 0 })
	add(f.Cause != "", "Cause: "+cause, "Show every cause", func(f *store.ExpenseFilter) { f.Cause, f.Subject, f.NoSubject = "", "", false })
	text := "Text: "
	if f.TextBegins() {
		text = "Begins with: "
	}
	add(f.Text != "", text+f.Text, "Drop the search", func(f *store.ExpenseFilter) { f.Text = "" })
	add(f.Supplier != "", "Supplier: "+f.Supplier, "Show all suppliers", func(f *store.ExpenseFilter) { f.Supplier = "" })
	add(!f.From.IsZero(), "From "+day(f.From), "Drop the first date", func(f *store.ExpenseFilter) { f.From = time.Time{} })
	add(!f.To.IsZero(), "To "+day(f.To), "Drop the last date", func(f *store.ExpenseFilter) { f.To = time.Time{} })
	add(f.Min.Valid, "At least "+store.FormatNumber(f.Min.Decimal, f.Currency), "Drop the least amount", func(f *store.ExpenseFilter) { f.Min = decimal.NullDecimal{} })
	add(f.Max.Valid, "At most "+store.FormatNumber(f.Max.Decimal, f.Currency), "Drop the greatest amount", func(f *store.ExpenseFilter) { f.Max = decimal.NullDecimal{} })
	add(f.Currency != "", "Currency: "+f.Currency, "Show all currencies", func(f *store.ExpenseFilter) { f.Currency = "" })
	return out
}

// dropsPatience is how long an empty list may look for the filter that empties it.
const dropsPatience = time.Second

// drops are the filters of an empty list that can be dropped: those without which alone there are expenses, where that is found in
// a moment and there are such, else all of them.
func (h *Handlers) drops(ctx context.Context, chips []chip) views.Drops {
	ctx, stop := context.WithTimeout(ctx, dropsPatience)
	defer stop()
	var all, helpful []views.Chip
	for _, c := range chips {
		all = append(all, c.Chip)
		list, err := h.Store.ExpensePage(ctx, c.without, "", "")
		if err == nil && len(list.Items) > 0 {
			helpful = append(helpful, c.Chip)
		}
	}
	if len(helpful) == 0 {
		return views.Drops{Chips: all}
	}
	return views.Drops{Chips: helpful, Each: true}
}

// show says to the stream which rows a page shows. A page without rows shows none, rather than all.
func show(ids ...int64) string {
	if len(ids) == 0 {
		return "0"
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(words, ",")
}

func expenseURL(id int64) string { return "/expenses/" + strconv.FormatInt(id, 10) }
func companyURL(id int64) string { return "/companies/" + strconv.FormatInt(id, 10) }
