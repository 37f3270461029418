package handlers

import (
	"net/http"
	"net/url"
	"strings"

	"tallylight/store"
	"tallylight/views"
)

// fromList is the list that an expense was opened from. The address of the expense keeps it, and so do its forms: list is the query of
// the list's address.
type fromList struct {
	known bool
	query url.Values
}

// listMost is how long a list's query may be, in bytes.
const listMost = 2000

// listOf is the list that the request's address names, or its form.
func listOf(r *http.Request) fromList {
	query := r.FormValue("list")
	if !r.Form.Has("list") {
		return fromList{}
	}
	return fromListBy(query)
}

// listBefore is the list that the request was made from, if it was.
func listBefore(r *http.Request) fromList {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || u.Path != "/expenses" {
		return fromList{}
	}
	return fromListBy(u.RawQuery)
}

func fromListBy(query string) fromList {
	q, err := url.ParseQuery(query)
	if err != nil || len(query) > listMost {
		return fromList{}
	}
	return fromList{true, q}
}

func (l fromList) filter(companies []store.Company) store.ExpenseFilter {
	return readFilter(l.query, companies)
}

// url is the address of the list: of all expenses when it is not known.
func (l fromList) url() string { return strings.TrimSuffix("/expenses?"+l.query.Encode(), "?") }

// kept is the list as the addresses and forms of a page keep it.
func (l fromList) kept() views.Kept { return views.Kept{Known: l.known, Query: l.query.Encode()} }

// here is the address of an expense with the list kept that the request names.
func here(r *http.Request, id int64) string { return expenseURL(id) + listOf(r).kept().Suffix() }
