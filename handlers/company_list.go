package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// companyList is the list of companies. Its whole state is in the address: status=deleted, q, and a cursor.
func (h *Handlers) companyList(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx, q := r.Context(), r.URL.Query()
	s, err := h.frame(w, r, who, "/companies", "Companies")
	if err != nil {
		return err
	}
	f := store.CompanyFilter{Text: plain(strings.TrimSpace(q.Get("q"))), Deleted: q.Get("status") == "deleted"}
	list, err := h.Store.CompanyPage(ctx, f, q.Get("after"), q.Get("before"))
	if err != nil {
		return err
	}
	there, deleted, err := h.Store.CompanyCounts(ctx)
	if err != nil {
		return err
	}
	page := views.CompaniesPage{Frame: s.Frame, Deleted: f.Deleted, Query: f.Text, Clear: companiesURL(store.CompanyFilter{Deleted: f.Deleted}), Tabs: []views.Tab{
		{Word: "Companies", Href: companiesURL(store.CompanyFilter{Text: f.Text}), Count: there, Current: !f.Deleted},
		{Word: "Deleted", Href: companiesURL(store.CompanyFilter{Text: f.Text, Deleted: true}), Count: deleted, Current: f.Deleted},
	}}
	page.Live = connectionsTopic
	if list.Before != "" {
		page.Previous = companiesURL(f, "before", list.Before)
	}
	if list.After != "" {
		page.Next = companiesURL(f, "after", list.After)
	}
	if page.Companies, err = h.companyRows(ctx, list.Companies, s); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.Companies(page))
}

func (h *Handlers) companyRows(ctx context.Context, companies []store.Company, s surroundings) ([]views.CompanyRow, error) {
	ids := make([]int64, 0, len(companies))
	for _, c := range companies {
		ids = append(ids, c.ID)
	}
	connections, err := h.Store.AccountingConnections(ctx, ids)
	if err != nil {
		return nil, err
	}
	counts, err := h.Store.StatusCountsByCompany(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]views.CompanyRow, 0, len(companies))
	for _, c := range companies {
		row := views.CompanyRow{ID: c.ID, Name: c.Name, Currency: orNone(c.BaseCurrency), Read: booksRead(c, s.clock), Trouble: c.ReadError,
			Counts: tally(c.ID, counts[c.ID])}
		if i, ok := connections[c.ID]; ok {
			connection := connectionRow(i, s.held[i.ID], s.clock)
			row.Connection = &connection
		}
		if c.DeletedAt != nil {
			row.Gone, row.Trouble = "in Codat "+s.clock.at(*c.DeletedAt), ""
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// companiesURL is the address of the list that f chooses, with a cursor's name and value if need be.
func companiesURL(f store.CompanyFilter, cursor ...string) string {
	var parts []string
	if f.Deleted {
		parts = append(parts, "status=deleted")
	}
	if f.Text != "" {
		parts = append(parts, "q="+url.QueryEscape(f.Text))
	}
	if len(cursor) == 2 {
		parts = append(parts, cursor[0]+"="+url.QueryEscape(cursor[1]))
	}
	if len(parts) == 0 {
		return "/companies"
	}
	return "/companies?" + strings.Join(parts, "&")
}

// tally is a company's expenses by status, those that it has.
func tally(companyID int64, counts map[store.ExpenseStatus]int) []views.Tab {
	tabs := slices.DeleteFunc(statusTabs(store.ExpenseFilter{CompanyID: companyID}, counts), func(t views.Tab) bool {
		return t.Count == 0 || t.Status == ""
	})
	for i, t := range tabs {
		tabs[i].Word = statusWords[store.ExpenseStatus(t.Status)]
	}
	return tabs
}

func booksRead(c store.Company, at clock) string {
	if c.ReadAt == nil {
		return "books not read yet"
	}
	return "books read " + at.at(*c.ReadAt)
}

// companiesWith are the companies that a list can be narrowed to: those that Codat has, and a deleted one when it is asked for, by our
// id or Codat's. Of each there are its ids and its name.
func (h *Handlers) companiesWith(ctx context.Context, asked string) ([]store.Company, error) {
	companies, err := h.Store.CompanyNames(ctx)
	if err != nil || asked == "" {
		return companies, err
	}
	var c store.Company
	if id := readID(asked); id != 0 {
		c, err = h.Store.Company(ctx, id)
	} else {
		c, err = h.Store.CompanyByCodatID(ctx, plain(asked))
	}
	if errors.Is(err, store.ErrNotFound) {
		return companies, nil
	}
	if err == nil && c.DeletedAt != nil {
		companies = append(companies, c)
	}
	return companies, err
}
