package push

import (
	"slices"
	"testing"

	"tallylight/store"
)

func codes(f forecast) (all []string) {
	for _, p := range f.findings {
		if p.stops {
			all = append(all, p.code)
		}
	}
	return all
}

// Of a ledger that was not read to its end nobody can tell what is missing: nothing is made there, whether it is up or not.
func TestNothingIsMadeInUnreadBooks(t *testing.T) {
	t.Parallel()
	for _, linked := range []bool{true, false} {
		facts := store.Facts{Lines: 1, Linked: linked, Supplier: "Acme", Currency: "GBP", Base: "GBP",
			Accounts: []store.Meaning{{Text: "Travel", Called: "Travel"}}, Contact: store.Meaning{Text: "Acme", Called: "Acme"},
			Bank: store.Meaning{Matches: 1, ID: "b", IsBank: true}}
		f := foresee("Xero", "gbol", facts)
		if !slices.Contains(codes(f), "books_unread") || len(f.makes) != 0 {
			t.Errorf("linked %t: problems %v, makes %v", linked, codes(f), f.makes)
		}
		facts.Read = true
		if f := foresee("Xero", "gbol", facts); slices.Contains(codes(f), "books_unread") || len(f.makes) != 2 {
			t.Errorf("read, linked %t: problems %v, makes %v", linked, codes(f), f.makes)
		}
	}
}

// A package that works the tax out by the rate books none without one: a line with tax needs it.
func TestTaxNeedsARateWhereOnlyTheRateIsTaken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key, treatment string
		stops          bool
	}{{"akxx", "*", true}, {"rwuv", "*", true}, {"akxx", "", false}, {"gbol", "*", false}} {
		f := foresee("It", test.key, store.Facts{Lines: 1, Linked: true, Read: true, Supplier: "Acme", Currency: "GBP", Base: "GBP", Rated: true, Sign: 1, Plus: 1,
			Accounts: []store.Meaning{{Text: "Travel", Called: "Travel", Matches: 1, ID: "a", Type: "Expense"}},
			Contact:  store.Meaning{Text: "Acme", Called: "Acme", Matches: 1, ID: "s"},
			Bank:     store.Meaning{Matches: 1, ID: "b", IsBank: true}, TaxRates: []store.Meaning{{Text: test.treatment}}})
		if got := slices.Contains(codes(f), "tax_missing"); got != test.stops {
			t.Errorf("%s, treatment %q: stopped %t, want %t: %v", test.key, test.treatment, got, test.stops, codes(f))
		}
	}
}
