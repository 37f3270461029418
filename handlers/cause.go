package handlers

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const (
	causesShown = 50 // groups on the page
	fewPlaces   = 3  // companies of a group that stand beside it
	mostPlaces  = 30 // that are named at all
)

// causes has the failed expenses grouped by why they failed, with where that is mended and a button that retries a whole group. It takes
// the list's filter from the address.
func (h *Handlers) causes(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx, q := r.Context(), r.URL.Query()
	companies, err := h.companiesWith(ctx, q.Get("company"))
	if err != nil {
		return err
	}
	f := readFilter(q, companies)
	f.Status = store.Failed
	groups, err := h.Store.CauseGroups(ctx, f)
	if err != nil {
		return err
	}
	all, err := h.Store.CausePlaces(ctx, f, mostPlaces)
	if err != nil {
		return err
	}
	places := map[[2]string][]store.CausePlace{}
	for _, p := range all {
		key := [2]string{p.Cause, p.Subject}
		places[key] = append(places[key], p)
	}
	s, err := h.frame(w, r, who, "/expenses", "Failed, by cause")
	if err != nil {
		return err
	}
	page := views.CausesPage{Frame: s.Frame, Clear: "/expenses/causes", List: listURL(f)}
	page.Live, page.Show = expensesTopic, show()
	within := f
	within.Status = ""
	for _, c := range (expenseQuery{ExpenseFilter: within}).chips(companies) {
		c.Drop = strings.Replace(c.Drop, "/expenses", "/expenses/causes", 1)
		page.Chips = append(page.Chips, c.Chip)
	}
	for n, g := range groups {
		if n == causesShown {
			page.More = fmt.Sprintf("%s more causes have fewer expenses each.", capital(number(len(groups)-n)))
			break
		}
		in := places[[2]string{g.Cause, g.Subject}]
		if s.May.Enter && len(in) > 0 && mendingOf(explain.Cause(g.Cause), explained(g).Link) == inExpense {
			if in[0].ExpenseID, err = h.Store.FirstExpense(ctx, ofCause(f, g)); err != nil { // from which Next leads to all of them
				return err
			}
		}
		page.Groups = append(page.Groups, causeOf(f, g, in))
	}
	return web.Render(w, r, http.StatusOK, views.Causes(page))
}

// causeOf is a group as it is shown, with some of its places to mend it in. f chose it.
func causeOf(f store.ExpenseFilter, g store.CauseGroup, places []store.CausePlace) views.Cause {
	x := explained(g)
	f = ofCause(f, g)
	c := views.Cause{ID: causeID(g), Count: expenses(g.Expenses) + " of " + companiesOf(g.Companies), Sums: money(g.Sums), Text: x.Cause, Do: x.Do, Who: x.Who,
		Show: listURL(f), Retry: "Retry all " + number(g.Expenses), Filters: filterFields(f)}
	switch g.Expenses {
	case 1:
		c.Retry = "Retry it"
	case 2:
		c.Retry = "Retry both"
	}
	for _, p := range places {
		switch link := mendingOf(explain.Cause(g.Cause), x.Link); link {
		case inMapping:
			c.Mends = append(c.Mends, views.Link{Text: "Mapping of " + p.Company, Href: mappingURL(p.CompanyID, mappingKindFor(g.Cause))})
		case inConnection:
			c.Mends = append(c.Mends, views.Link{Text: "Open " + p.Company, Href: companyURL(p.CompanyID)})
		case inExpense:
			if p.ExpenseID != 0 {
				edit := views.Link{Text: "Edit them one by one", Href: expenseURL(p.ExpenseID) + "/edit?list=" + url.QueryEscape(strings.TrimPrefix(c.Show, "/expenses?"))}
				if g.Expenses == 1 {
					edit.Text = "Edit the expense"
				}
				c.Mends = append(c.Mends, edit)
			}
		}
	}
	if n := len(c.Mends); n > fewPlaces {
		c.Mends, c.Others, c.OthersOf = c.Mends[:fewPlaces], c.Mends[fewPlaces:], strings.Replace(companiesOf(g.Companies-fewPlaces), " ", " more ", 1)
		if g.Companies > n {
			c.OthersOf = number(n-fewPlaces) + " of " + c.OthersOf
		}
	}
	return c
}

func explained(g store.CauseGroup) explain.Explanation {
	return explain.Explain(explain.Cause(g.Cause), g.Subject, explain.Fact{Platform: g.Platform})
}

// ofCause chooses the expenses of a group among those that f chooses.
func ofCause(f store.ExpenseFilter, g store.CauseGroup) store.ExpenseFilter {
	f.Status, f.Cause, f.Subject, f.NoSubject = store.Failed, g.Cause, g.Subject, g.Subject == ""
	return f
}

// causeID tells the groups of a page apart.
func causeID(g store.CauseGroup) string {
	h := fnv.New32a()
	h.Write([]byte(g.Cause + "\x00" + g.Subject))
	return "cause-" + strconv.FormatUint(uint64(h.Sum32()), 36)
}

func companiesOf(n int) string {
	if n == 1 {
		return "1 company"
	}
	return number(n) + " companies"
}

type mending string

const (
	inMapping    mending = "mapping"
	inConnection mending = "connection"
	inExpense    mending = "expense"
	nowhere      mending = ""
)

// mendingOf is where a cause is mended: what a text means in the ledger is said in the company's mapping, whatever else may help.
func mendingOf(c explain.Cause, link explain.Link) mending {
	switch {
	case mappingKindFor(string(c)) != "":
		return inMapping
	case link == explain.LinkConnection, link == explain.LinkCompany:
		return inConnection
	case link == explain.LinkExpense:
		return inExpense
	}
	return nowhere
}

// mappingKindFor is the kind of mapping that mends a cause, "" for none.
func mappingKindFor(cause string) store.MappingKind {
	switch explain.Cause(cause) {
	case explain.CauseNoAccount, explain.CauseAmbiguousAccount, "account_archived", "account_inactive", "account_type", "account_not_found", "account_missing", "account_category":
		return store.AccountMapping
	case explain.CauseNoBankAccount, explain.CauseAmbiguousBankAccount, "bank_account_type", "bank_account_not_found", "bank_account_missing", "bank_account_inactive":
		return store.BankMapping
	case explain.CauseNoSupplier, explain.CauseAmbiguousSupplier, "supplier_inactive", "supplier_not_found", "supplier_missing":
		return store.SupplierMapping
	case explain.CauseNoTaxRate, "tax_rate_not_allowed", "tax_rate_not_found", "tax_rate_missing":
		return store.TaxRateMapping
	case "tracking_not_found", "tracking_conflict":
		return store.TrackingMapping
	}
	return ""
}
