package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// expenseList is the list of expenses. Its whole state is in the address; what cannot be understood there does not choose.
func (h *Handlers) expenseList(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx, q := r.Context(), r.URL.Query()
	companies, err := h.companiesWith(ctx, q.Get("company"))
	if err != nil {
		return err
	}
	f := readFilter(q, companies)
	list, err := h.Store.ExpensePage(ctx, f, q.Get("after"), q.Get("before"))
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", "Expenses")
	if err != nil {
		return err
	}
	counts := s.counts
	if f.CompanyID != 0 {
		if counts, err = h.Store.StatusCounts(ctx, f.CompanyID); err != nil {
			return err
		}
		foreign, err := h.foreignNotices(ctx, f.CompanyID)
		if err != nil {
			return err
		}
		s.Notices = append(s.Notices, foreign...)
	}
	page := views.ExpensesPage{
		Frame: s.Frame, Tabs: statusTabs(f, counts), Status: string(f.Status), CompanyID: f.CompanyID,
		Companies: companyOptions(companies, f.CompanyID), Query: f.Text, From: dateOrNone(f.From), To: dateOrNone(f.To),
		Chips: chips(f, companies), Filtered: f != store.ExpenseFilter{}, Clear: "/expenses",
	}
	shown := make([]int64, 0, len(list.Items))
	for _, i := range list.Items {
		page.Rows = append(page.Rows, expenseRow(i, h.Location))
		shown = append(shown, i.ID)
	}
	page.Live, page.Show = "expenses", show(shown...)
	if list.Before != "" {
		page.Previous = listURL(f, "before", list.Before)
	}
	if list.After != "" {
		page.Next = listURL(f, "after", list.After)
	}
	return web.Render(w, r, http.StatusOK, views.Expenses(page))
}

// statusTabs are All and every status, each with the other filters kept.
func statusTabs(f store.ExpenseFilter, counts map[store.ExpenseStatus]int) []views.Tab {
	current := f.Status
	f.Status = ""
	all := 0
	for _, n := range counts {
		all += n
	}
	tabs := []views.Tab{{Word: "All", Href: listURL(f), Count: all, Current: current == ""}}
	for _, s := range store.Statuses {
		f.Status = s
		tabs = append(tabs, views.Tab{Word: tabWords[s], Status: string(s), Href: listURL(f), Count: counts[s], Current: s == current})
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

func chips(f store.ExpenseFilter, companies []store.Company) []views.Chip {
	var out []views.Chip
	chip := func(text, label string, dropped store.ExpenseFilter) {
		out = append(out, views.Chip{Text: text, Drop: listURL(dropped), Label: label})
	}
	if i := slices.IndexFunc(companies, func(c store.Company) bool { return c.ID == f.CompanyID }); i >= 0 {
		dropped := f
		dropped.CompanyID = 0
		chip("Company: "+companies[i].Name, "Show all companies", dropped)
	}
	if f.Text != "" {
		dropped := f
		dropped.Text = ""
		chip("Text: "+f.Text, "Drop the search", dropped)
	}
	if !f.From.IsZero() {
		dropped := f
		dropped.From = time.Time{}
		chip("From "+day(f.From), "Drop the first date", dropped)
	}
	if !f.To.IsZero() {
		dropped := f
		dropped.To = time.Time{}
		chip("To "+day(f.To), "Drop the last date", dropped)
	}
	return out
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
