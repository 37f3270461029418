package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const goneShown = 50 // deleted connections of a company

// companyPage is one company.
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
		Frame: s.Frame, ID: id, Name: c.Name, Description: c.Description, Tags: tagTexts(c.Tags), Deleted: c.DeletedAt != nil, Counts: tally(id, counts),
		Read: booksRead(c, s.clock), Trouble: c.ReadError, Paused: paused(s.pauses, id), Ends: companyEnds(c, connections),
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
	gone, err := h.Store.DeletedConnections(ctx, id, goneShown)
	if err != nil {
		return err
	}
	for _, c := range gone {
		page.Gone = append(page.Gone, views.GoneConnection{Connection: views.Link{Text: platformOr(c.PlatformName), Href: connectionURL(c.ID)},
			When: "deleted " + s.clock.at(*c.DeletedAt)})
	}
	page.Facts = []views.Fact{
		{Term: "Currency of the books", Text: cmp.Or(orNone(c.BaseCurrency), "not known yet")},
		{Term: "Codat’s id", Text: c.CodatID},
	}
	switch {
	case c.DeletedAt != nil:
		by, err := h.deletedBy(ctx, c)
		if err != nil {
			return err
		}
		page.Facts, page.Trouble = append(page.Facts, views.Fact{Term: "Deleted in Codat", Text: s.clock.at(*c.DeletedAt) + by}), ""
	case c.Example:
		page.Facts = append(page.Facts, views.Fact{Term: "Example", Text: "nothing of it is ever sent"})
	}
	connection, err := h.Store.AccountingConnection(ctx, id)
	if err == nil {
		page.Linked, page.Mapping = connection.Status == store.Linked, companyURL(id)+"/mapping"
	}
	if c.DeletedAt == nil && !c.Example {
		page.Invite = invite(webURL(c.RedirectURL), slices.ContainsFunc(connections, func(i store.ConnectionItem) bool { return i.Status != "PendingAuth" }))
	}
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
	for _, k := range []struct {
		term string
		n    int
	}{{"Accounts", known.Accounts}, {"Bank accounts", known.Banks}, {"Suppliers", known.Suppliers}, {"Tax rates", known.TaxRates}} {
		page.Facts = append(page.Facts, views.Fact{Term: k.term, Text: number(k.n)})
	}
	return web.Render(w, r, http.StatusOK, views.Company(page))
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

func orNone(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
