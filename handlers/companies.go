package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func (h *Handlers) companyList(w http.ResponseWriter, r *http.Request, who store.User) error {
	s, err := h.frame(w, r, who, "/companies", "Companies")
	if err != nil {
		return err
	}
	companies, err := h.Store.Companies(r.Context())
	if err != nil {
		return err
	}
	byCompany := map[int64][]store.ConnectionItem{}
	for _, i := range s.connections {
		byCompany[i.CompanyID] = append(byCompany[i.CompanyID], i)
	}
	counts, err := h.Store.StatusCountsByCompany(r.Context())
	if err != nil {
		return err
	}
	page := views.CompaniesPage{Frame: s.Frame}
	page.Live = connectionsTopic
	for _, c := range companies {
		row := views.CompanyRow{ID: c.ID, Name: c.Name, Currency: orNone(c.BaseCurrency), Read: booksRead(c, s.clock),
			Trouble: c.ReadError}
		if i, ok := accounting(byCompany[c.ID]); ok {
			connection := connectionRow(i, s.held[i.ID], s.clock)
			row.Connection = &connection
		}
		row.Counts = tally(c.ID, counts[c.ID])
		page.Companies = append(page.Companies, row)
	}
	return web.Render(w, r, http.StatusOK, views.Companies(page))
}

// accounting picks the connection that expenses go through, as store.AccountingConnection does.
func accounting(items []store.ConnectionItem) (store.ConnectionItem, bool) {
	items = slices.DeleteFunc(slices.Clone(items), func(i store.ConnectionItem) bool {
		return i.SourceType != "Accounting" && i.SourceType != ""
	})
	if len(items) == 0 {
		return store.ConnectionItem{}, false
	}
	return slices.MaxFunc(items, func(a, b store.ConnectionItem) int {
		if (a.Status == store.Linked) != (b.Status == store.Linked) {
			if a.Status == store.Linked {
				return 1
			}
			return -1
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	}), true
}

// tally is a company's expenses by status, those that it has.
func tally(companyID int64, counts map[store.ExpenseStatus]int) []views.Tab {
	return slices.DeleteFunc(statusTabs(store.ExpenseFilter{CompanyID: companyID}, counts), func(t views.Tab) bool {
		return t.Count == 0 || t.Status == ""
	})
}

func booksRead(c store.Company, at clock) string {
	if c.ReadAt == nil {
		return "books not read yet"
	}
	return "books read " + at.at(*c.ReadAt)
}

func (h *Handlers) companyPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	c, err := h.Store.Company(ctx, id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/companies", c.Name)
	if err != nil {
		return err
	}
	connections, err := h.Store.Connections(ctx, id)
	if err != nil {
		return err
	}
	counts, err := h.Store.StatusCounts(ctx, id)
	if err != nil {
		return err
	}
	page := views.CompanyPage{
		Frame: s.Frame, ID: id, Name: c.Name, LinkURL: webURL(c.RedirectURL), Counts: tally(id, counts),
		Read: booksRead(c, s.clock), Trouble: c.ReadError, Paused: paused(s.pauses, id),
	}
	page.Live = connectionsTopic
	if page.Foreign, page.ForeignSeen, err = h.foreign(ctx, id, s.clock); err != nil {
		return err
	}
	foreign, err := h.foreignNotices(ctx, id)
	if err != nil {
		return err
	}
	page.Notices = append(page.Notices, foreign...)
	for _, i := range connections {
		page.Connections = append(page.Connections, connectionRow(i, s.held[i.ID], s.clock))
	}
	page.Facts = []views.Fact{
		{Term: "Currency of the books", Text: or(orNone(c.BaseCurrency), "not known yet")},
		{Term: "Codat’s id", Text: c.CodatID},
	}
	switch {
	case c.DeletedAt != nil:
		page.Facts = append(page.Facts, views.Fact{Term: "Deleted in Codat", Text: s.clock.at(*c.DeletedAt)})
	case c.Example:
		page.Facts = append(page.Facts, views.Fact{Term: "Example", Text: "nothing of it is ever sent"})
	}
	connection, err := h.Store.AccountingConnection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return web.Render(w, r, http.StatusOK, views.Company(page))
	}
	if err != nil {
		return err
	}
	known, err := h.Store.LedgerCounts(ctx, connection.ID)
	if err != nil {
		return err
	}
	read := fmt.Sprintf("accounts %s, bank accounts %s, suppliers %s, tax rates %s",
		number(known.Accounts), number(known.Banks), number(known.Suppliers), number(known.TaxRates))
	page.Facts = append(page.Facts, views.Fact{Term: "Known of its ledger", Text: read})
	banks, err := h.Store.BankAccounts(ctx, connection.ID)
	if err != nil {
		return err
	}
	usual, err := h.Store.MappingOf(ctx, connection.ID, store.BankMapping, "")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	page.Banks = bankOptions(banks, usual.CodatID)
	return web.Render(w, r, http.StatusOK, views.Company(page))
}

func bankOptions(banks []store.Account, chosen string) []views.Option {
	options := []views.Option{{Text: "None: an expense must say it", Chosen: chosen == ""}}
	for _, b := range banks {
		options = append(options, views.Option{Value: b.CodatID, Text: or(b.Name, b.NominalCode), Chosen: b.CodatID == chosen})
	}
	return options
}

// companyRefresh has a company's books read again, which also proves its connection.
func (h *Handlers) companyRefresh(w http.ResponseWriter, r *http.Request, _ store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	c, err := h.Store.Company(r.Context(), id)
	if err != nil {
		return err
	}
	to := back(r, companyURL(id))
	if c.Example {
		return h.done(w, r, to, c.Name+" is an example: it has no books to read.")
	}
	h.ReadCompany(c.CodatID)
	return h.done(w, r, to, "The books of "+c.Name+" are being read again.")
}

// companyBank chooses the account that an expense is paid from when it names none.
func (h *Handlers) companyBank(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, chosen := r.Context(), r.PostForm.Get("bank")
	c, err := h.Store.Company(ctx, id)
	if err != nil {
		return err
	}
	connection, err := h.Store.AccountingConnection(ctx, id)
	if err != nil {
		return err
	}
	m := store.Mapping{ConnectionID: connection.ID, CompanyID: id, Kind: store.BankMapping, Action: store.UseRecord, CodatID: chosen}
	if chosen == "" {
		if err := h.Store.ClearMapping(ctx, who, m); err != nil {
			return err
		}
		return h.done(w, r, companyURL(id), "Expenses of "+c.Name+" must say what they are paid from.")
	}
	banks, err := h.Store.BankAccounts(ctx, connection.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(banks, func(b store.Account) bool { return b.CodatID == chosen })
	if i < 0 {
		return h.done(w, r, companyURL(id), "That account is not in the ledger any more. Nothing was changed.")
	}
	if err := h.Store.SetMapping(ctx, who, m); err != nil {
		return err
	}
	return h.done(w, r, companyURL(id), fmt.Sprintf("Expenses of %s are paid from %s unless they say otherwise.", c.Name, or(banks[i].Name, banks[i].NominalCode)))
}

func orNone(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
