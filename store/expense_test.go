package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/govalues/decimal"

	"tallylight/store"
)

func TestAmountsComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	amounts := []struct{ currency, net, tax, shown string }{
		{"GBP", "0.01", "0", "GBP 0.01"},
		{"GBP", "99999999999.99", "0", "GBP 99,999,999,999.99"},
		{"GBP", "-22.5", "-4.5", "GBP −27.00"},
		{"GBP", "0.1", "0.2", "GBP 0.30"},
		{"JPY", "12400", "1240", "JPY 13,640"},
		{"KWD", "1.125", "0", "KWD 1.125"},
		{"EUR", "9999999999999.98", "0.01", "EUR 9,999,999,999,999.99"},
	}
	for _, a := range amounts {
		n := newExpense(w.company, a.currency+a.net)
		n.Currency = a.currency
		net, err := store.ParseAmount(a.net, a.currency)
		tax, taxErr := store.ParseAmount(a.tax, a.currency)
		if err := errors.Join(err, taxErr); err != nil {
			t.Fatal(err)
		}
		n.Lines[0].Net, n.Lines[0].Tax = net, tax
		if ps := n.Problems(""); len(ps) != 0 {
			t.Errorf("%s %s: problems %+v", a.currency, a.net, ps)
		}
		e, err := w.Expense(t.Context(), w.add(n)[0])
		if err != nil {
			t.Fatal(err)
		}
		if e.Net.Cmp(net) != 0 || e.Tax.Cmp(tax) != 0 || e.Lines[0].Net.Cmp(net) != 0 || e.Lines[0].Tax.Cmp(tax) != 0 {
			t.Errorf("%s %s came back as %s and %s", a.currency, a.net, e.Net, e.Tax)
		}
		if shown := store.FormatAmount(e.Total, e.Currency); shown != a.shown {
			t.Errorf("%s is shown as %q, want %q", a.net, shown, a.shown)
		}
	}
}

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, currency, want string }{
		{" 1204.50 ", "EUR", "1204.5"}, {"-0.01", "EUR", "-0.01"}, {"−5", "EUR", "-5"}, {"5.000", "JPY", "5"}, {"0", "JPY", "0"},
	} {
		if d, err := store.ParseAmount(tt.text, tt.currency); err != nil || d.String() != tt.want {
			t.Errorf("%q is %s, error %v", tt.text, d, err)
		}
	}
	for _, tt := range []struct{ text, currency string }{
		{"", "EUR"}, {"1,204.50", "EUR"}, {"1e3", "EUR"}, {"+5", "EUR"}, {"EUR 5", "EUR"}, {"0.001", "EUR"}, {"1.0000000000000000000001", "EUR"}, {"0.5", "JPY"}, {"1_000", "EUR"},
		{"10000000000000", "EUR"}, {"-10000000000000", "EUR"}, {"NaN", "EUR"}, {"Inf", "EUR"}, {"0x10", "EUR"}, {strings.Repeat("9", 1000), "EUR"},
	} {
		if d, err := store.ParseAmount(tt.text, tt.currency); err == nil {
			t.Errorf("%q %s is taken as %s", tt.text, tt.currency, d)
		}
	}
}

func TestKnownCurrency(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"GBP": true, "JPY": true, "": false, "gbp": false, "ZZZ": false, "EURO": false} {
		if store.KnownCurrency(code) != want {
			t.Errorf("%q: %t", code, !want)
		}
	}
}

func TestExpenseIsKeptWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := newExpense(w.company, " EXP-1 ")
	n.Currency, n.Rate = "EUR", decimal.NullDecimal{Decimal: dec("0.861234567"), Valid: true}
	n.Supplier, n.Note, n.PaidFrom, n.Source = "Söhne & <b>Co</b>", "a\nb", " Bank ", "csv"
	n.Lines[0].Description = strings.Repeat("漢", 4000)
	if ps := n.Problems("GBP"); len(ps) != 0 {
		t.Fatalf("problems %+v", ps)
	}
	e, err := w.Expense(t.Context(), w.add(n)[0])
	if err != nil {
		t.Fatal(err)
	}
	if e.Reference != "EXP-1" || !e.IssueDate.Equal(n.IssueDate) || e.Supplier != n.Supplier || e.Note != "a\nb" || e.PaidFrom != "Bank" ||
		e.Rate.Decimal.Cmp(n.Rate.Decimal) != 0 || e.Description != n.Lines[0].Description || e.Source != "csv" || *e.CreatedBy != w.by.ID || e.Status != store.NotPushed {
		t.Errorf("kept as %+v", e)
	}
}

func TestReferenceIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("other")
	w.enter(w.company, 2)
	w.enter(other, 1)
	_, err := w.AddExpenses(t.Context(), w.by, []store.NewExpense{newExpense(w.company, "NEW"), newExpense(w.company, "EXP-2"), newExpense(other, "EXP-2")})
	taken, ok := errors.AsType[*store.ReferenceTakenError](err)
	if !ok || !slices.Equal(taken.References, []string{"EXP-2"}) {
		t.Errorf("error %v", err)
	}
	counts, err := w.StatusCounts(t.Context(), 0)
	if err != nil || counts[store.NotPushed] != 3 {
		t.Errorf("counts %v, error %v", counts, err)
	}
}

func TestIDsAreInTheOrderEntered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 1500) // more than one batch
	if len(ids) != 1500 || !slices.IsSorted(ids) {
		t.Fatalf("%d ids", len(ids))
	}
	if e, err := w.Expense(t.Context(), ids[1207]); err != nil || e.Reference != "EXP-1208" {
		t.Errorf("the 1208th is %s, error %v", e.Reference, err)
	}
}
