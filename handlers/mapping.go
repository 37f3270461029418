package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// mappingKind is one kind of text, in words.
type mappingKind struct {
	kind   store.MappingKind
	tab    string
	column string // what a text of it is
	record string // what it means in the ledger
	about  string
	// What is said where there is no text, and of the rest; "" where that does not exist.
	none, rest string
}

var mappingKinds = []mappingKind{
	{store.AccountMapping, "Categories", "Category", "account", "The account that a line of an expense is booked to.",
		"Lines without a category", "Every other category"},
	{store.BankMapping, "Paid from", "Paid from", "bank account", "The account that an expense is paid from.",
		"Expenses that do not say it", ""},
	{store.SupplierMapping, "Suppliers", "Supplier", "supplier", "Whom an expense is paid to.",
		"Expenses without a supplier", "Every other supplier"},
	{store.TaxRateMapping, "Tax", "Tax rate", "tax rate", "The tax rate that a line is booked with.",
		"Lines without tax that name no rate", "Lines with tax that name no rate"},
	{store.TrackingMapping, "Tracking", "Category", "tracking category", "What a line of a category is tracked by, one of each heading.",
		"", "Every line"},
}

func mappingKindOf(name string) (mappingKind, bool) {
	i := slices.IndexFunc(mappingKinds, func(k mappingKind) bool { return string(k.kind) == name })
	if i < 0 {
		return mappingKinds[0], name == ""
	}
	return mappingKinds[i], true
}

// title is a text as people speak of it: what is said where there is none, and of the rest.
func (k mappingKind) title(subject, label string) string {
	switch subject {
	case "":
		return k.none
	case store.TheRest:
		return k.rest
	}
	return cmp.Or(label, subject)
}

const mappingRows = 50

func mappingURL(company int64, kind store.MappingKind) string {
	return companyURL(company) + "/mapping?kind=" + string(kind)
}

// mappingTextURL is where a person says what a text means.
func mappingTextURL(company int64, kind store.MappingKind, text, part string) string {
	q := url.Values{"kind": {string(kind)}, "text": {text}}
	if part != "" {
		q.Set("part", part)
	}
	return companyURL(company) + "/mapping/text?" + q.Encode()
}

// mappingPage lists what the texts of one kind of a company's expenses mean.
func (h *Handlers) mappingPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	c, err := h.Store.Company(ctx, id)
	if err != nil {
		return err
	}
	kind, known := mappingKindOf(r.URL.Query().Get("kind"))
	if !known {
		return web.NotFound("There is no such kind of mapping.")
	}
	s, err := h.frame(w, r, who, "/companies", "Mapping of "+c.Name)
	if err != nil {
		return err
	}
	page := views.MappingPage{Frame: s.Frame, ID: id, Company: c.Name, Kind: string(kind.kind), About: kind.about, Column: kind.column,
		Query: strings.TrimSpace(r.URL.Query().Get("q"))}
	conn, err := h.Store.AccountingConnection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return web.Render(w, r, http.StatusOK, views.Mapping(page))
	}
	if err != nil {
		return err
	}
	read, err := h.Store.BooksRead(ctx, conn.ID)
	if err != nil {
		return err
	}
	page.Ledger, page.Unread = platformOr(conn.PlatformName), !read
	if push.Ignores(conn.PlatformKey, kind.kind) {
		page.About += " " + noEffect(page.Ledger)
	}
	if page.Tabs, err = h.mappingTabs(r, id, conn, kind); err != nil {
		return err
	}
	after := mappingCursor(r.URL.Query().Get("after"))
	defaults, uses, more, err := h.Store.MappingUses(ctx, store.MappingUses{Connection: conn, Kind: kind.kind, Query: plain(page.Query), After: after, Limit: mappingRows})
	if err != nil {
		return err
	}
	if after == nil && page.Query == "" {
		defaults = allDefaults(kind, defaults)
	} else {
		defaults = nil
	}
	m, err := h.meanings(ctx, conn, kind, s.clock, append(slices.Clone(defaults), uses...))
	if err != nil {
		return err
	}
	for _, u := range defaults {
		page.Defaults = append(page.Defaults, m.row(id, u))
	}
	for _, u := range uses {
		page.Rows = append(page.Rows, m.row(id, u))
	}
	here := url.Values{"kind": {page.Kind}}
	if page.Query != "" {
		here.Set("q", page.Query)
	}
	if after != nil {
		page.First = companyURL(id) + "/mapping?" + here.Encode()
	}
	if more {
		here.Set("after", cursorOf(uses[len(uses)-1]))
		page.Next = companyURL(id) + "/mapping?" + here.Encode()
	}
	if err := h.carryNotice(ctx, &page.Frame, id, conn.ID); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.Mapping(page))
}

// mappingTabs are the kinds; those in which something is broken say so.
func (h *Handlers) mappingTabs(r *http.Request, company int64, conn store.Connection, current mappingKind) ([]views.Tab, error) {
	broken, err := h.Store.BrokenMappings(r.Context(), conn.ID)
	if err != nil {
		return nil, err
	}
	var tabs []views.Tab
	for _, k := range mappingKinds {
		t := views.Tab{Word: k.tab, Href: mappingURL(company, k.kind), Current: k.kind == current.kind}
		if n := broken[k.kind]; n > 0 && !push.Ignores(conn.PlatformKey, k.kind) {
			t.Word = fmt.Sprintf("%s: %s to mend", k.tab, number(n))
		}
		tabs = append(tabs, t)
	}
	return tabs, nil
}

// allDefaults are what is said where there is no text and of the rest, those that no expense needs now too.
func allDefaults(k mappingKind, found []store.MappingUse) []store.MappingUse {
	var all []store.MappingUse
	for subject, words := range map[string]string{"": k.none, store.TheRest: k.rest} {
		if words == "" {
			continue
		}
		u := store.MappingUse{Subject: subject}
		if i := slices.IndexFunc(found, func(u store.MappingUse) bool { return u.Subject == subject }); i >= 0 {
			u = found[i]
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b store.MappingUse) int { return cmp.Compare(b.Subject, a.Subject) })
	return all
}

// cursorOf is the place in the list after a text.
func cursorOf(u store.MappingUse) string {
	broken := 0
	if u.Broken {
		broken = 1
	}
	return fmt.Sprintf("%d.%d.%d.%s", broken, u.Open, u.Total, u.Subject)
}

// mappingCursor reads one, nil for the beginning.
func mappingCursor(s string) *store.MappingUse {
	parts := strings.SplitN(s, ".", 4)
	if len(parts) < 4 {
		return nil
	}
	open, err := strconv.Atoi(parts[1])
	total, err2 := strconv.Atoi(parts[2])
	if err != nil || err2 != nil {
		return nil
	}
	return &store.MappingUse{Broken: parts[0] == "1", Open: open, Total: total, Subject: plain(parts[3])}
}
