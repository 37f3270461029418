package views

import (
	"github.com/a-h/templ"

	"tallylight/store"
)

// rest is what is said where no expense has the status that was asked for.
func rest(status string) string {
	switch store.ExpenseStatus(status) {
	case store.NotPushed:
		return "Everything has been pushed"
	case store.InProgress:
		return "Nothing is on its way just now"
	case store.Complete:
		return "Nothing has reached a ledger yet"
	case store.Failed:
		return "No push has failed"
	case store.NeedsChecking:
		return "Nothing needs checking"
	case store.OnHold:
		return "Nothing is on hold"
	case store.Handled:
		return "Nothing was handled outside"
	}
	return "No expense matches"
}

// restIcon is a tick where nothing of that status is good news.
func restIcon(status string) string {
	switch store.ExpenseStatus(status) {
	case store.InProgress, store.Complete, store.Handled:
		return "not_pushed"
	}
	return "complete"
}

// eachGives is what is said above n filters without any one of which there are expenses.
func eachGives(n int) string {
	if n == 1 {
		return "Drop this one, and there are expenses:"
	}
	return "Drop any one of these, and there are expenses:"
}

// attributes say to those who cannot see the arrow how a column is sorted.
func (h Heading) attributes() templ.Attributes {
	if h.Sort == "" {
		return nil
	}
	return templ.Attributes{"aria-sort": h.Sort}
}

// follow names the events after which the script reads a list's own counts anew: the counts event tells those of everything.
func follow(own bool) string {
	if own {
		return "counts"
	}
	return ""
}

// orMore is the plus after a count that is not all.
func orMore(t Tab) string {
	if t.More {
		return "+"
	}
	return ""
}

// tabCounts is how many things a tab says it leads to, if it does.
type tabCounts int

const (
	noCounts   tabCounts = iota
	ownCounts            // of what the page is about
	liveCounts           // of everything, so that the counts event may replace them
)

// countsOf are those of a list that has its own, or of one of everything.
func countsOf(own bool) tabCounts {
	if own {
		return ownCounts
	}
	return liveCounts
}

// onlyCompany is the company a list is narrowed to, "" for all.
func onlyCompany(id int64) string {
	if id == 0 {
		return ""
	}
	return digits(id)
}

func companyPath(id int64) string { return "/companies/" + digits(id) }
