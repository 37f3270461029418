package store_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"tallylight/store"
)

// notice is the one open notice, and its records.
func (w *world) notice() (n store.Notice, record, other string) {
	w.t.Helper()
	ns, err := w.Notices(w.t.Context(), 0)
	if err != nil || len(ns) != 1 {
		w.t.Fatalf("notices %+v, error %v", ns, err)
	}
	var detail struct{ Record, Other string }
	if err := json.Unmarshal(ns[0].Detail, &detail); err != nil {
		w.t.Fatal(err)
	}
	return ns[0], detail.Record, detail.Other
}

func TestANoticeIsClosedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	first := claimOne(t, w.Store)
	settle(t, w.Store, first, begin(t, w.Store, first), store.Settlement{OperationKey: "op-1", Outcome: store.Outcome{Status: store.OutcomeFailed}})
	w.press(id)
	second := claimOne(t, w.Store)
	settle(t, w.Store, second, begin(t, w.Store, second), store.Settlement{OperationKey: "op-2", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "r2"}})
	heard := w.listen()
	if err := w.Answered(t.Context(), first.ID, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", Source: "reading"}); err != nil {
		t.Fatal(err)
	}
	until(t, heard, store.Change{Kind: store.NoticeChanged})
	n, record, other := w.notice()
	if n.Kind != "may_be_booked_twice" || n.ExpenseID == nil || *n.ExpenseID != id || n.Platform != "Xero" || record != "r1" || other != "r2" {
		t.Errorf("notice %+v with %s and %s", n, record, other)
	}
	for _, want := range []bool{true, false} {
		if closed, err := w.CloseNotice(t.Context(), w.by, n.ID); err != nil || closed != want {
			t.Errorf("closed %t, error %v; want %t", closed, err, want)
		}
	}
	until(t, heard, store.Change{Kind: store.NoticeChanged})
	if ns, err := w.Notices(t.Context(), id); err != nil || len(ns) != 0 {
		t.Errorf("still open: %+v, error %v", ns, err)
	}
	as, err := w.ActivityOf(t.Context(), "expense", id)
	if err != nil || as[len(as)-1].Verb != "closed a notice" || as[len(as)-1].Actor != w.by.Email {
		t.Errorf("recorded %+v, error %v", as, err)
	}
	if closed, err := w.CloseNotice(t.Context(), w.by, 999); err != nil || closed {
		t.Errorf("a notice that never was is closed: %t, %v", closed, err)
	}
}

// Two operations for one step are two records, and the notice has both.
func TestTheNoticeOfASecondOperationHasBothRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 1)[0])
	c := claimOne(t, w.Store)
	attempt := begin(t, w.Store, c)
	for _, n := range []string{"1", "2"} {
		settle(t, w.Store, c, attempt, store.Settlement{OperationKey: "op-" + n, Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "r" + n}})
	}
	if n, record, other := w.notice(); n.Kind != "may_be_booked_twice" || record != "r2" || other != "r1" {
		t.Errorf("notice %+v with %s and %s", n, record, other)
	}
}

func TestWritesOfOthersAreSeenUntilSomebodyLooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("fabrikam")
	w.press(w.enter(w.company, 1)[0])
	c := claimOne(t, w.Store)
	heard := w.listen()
	at := w.now()
	ops := []store.ForeignOperation{{OperationKey: "theirs", DataType: "directCosts", Status: "Pending", RequestedAt: &at}, {OperationKey: "ours", RequestedAt: &at}}
	if err := w.SawForeign(t.Context(), w.company, ops); err != nil {
		t.Fatal(err)
	}
	until(t, heard, store.Change{Kind: store.NoticeChanged})
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{OperationKey: "ours", Outcome: store.Outcome{Status: store.OutcomePending}}) // turns out to be
	ops[0].Status, ops[0].RecordID = "Success", "r1"
	if err := w.SawForeign(t.Context(), w.company, ops[:1]); err != nil {
		t.Fatal(err)
	}
	found, err := w.ForeignOperations(t.Context(), w.company)
	if err != nil || len(found) != 1 || found[0].OperationKey != "theirs" || found[0].Status != "Success" || found[0].RecordID != "r1" {
		t.Errorf("foreign %+v, error %v", found, err)
	}
	counts, err := w.ForeignCounts(t.Context(), 0)
	if err != nil || !slices.Equal(counts, []store.ForeignCount{{CompanyID: w.company, Company: "The northwind", Count: 1}}) {
		t.Errorf("counts %+v, error %v", counts, err)
	}
	if counts, err := w.ForeignCounts(t.Context(), other); err != nil || len(counts) != 0 {
		t.Errorf("another company has %+v, error %v", counts, err)
	}
	for _, until := range []time.Time{found[0].SeenAt.Add(-time.Second), found[0].SeenAt} {
		if err := w.DismissForeign(t.Context(), w.by, w.company, until); err != nil {
			t.Fatal(err)
		}
		left, err := w.ForeignOperations(t.Context(), 0)
		if seen := until.Equal(found[0].SeenAt); err != nil || (len(left) == 0) != seen {
			t.Errorf("dismissed until %s: %+v, error %v", until, left, err)
		}
	}
	if as, err := w.ActivityOf(t.Context(), "company", w.company); err != nil || len(as) != 1 || as[0].Actor != w.by.Email {
		t.Errorf("recorded %+v, error %v", as, err)
	}
}

func TestSiblingsOfAFailedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 4)
	if err := w.pressNeeding(ids[:3]...); err != nil {
		t.Fatal(err)
	}
	c := w.accountClaim()
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Failed: failure("code_taken")})
	for _, state := range []string{"failed", "retried"} {
		if got, err := w.Siblings(t.Context(), ids[0]); err != nil || !slices.Equal(got, ids[1:3]) {
			t.Errorf("of one that is %s: %v, error %v", state, got, err)
		}
		if state == "failed" {
			w.press(ids[0])
		}
	}
	if got, err := w.Siblings(t.Context(), ids[1]); err != nil || !slices.Equal(got, ids[2:3]) {
		t.Errorf("siblings %v, error %v", got, err)
	}
	if got, err := w.Siblings(t.Context(), ids[3]); err != nil || len(got) != 0 {
		t.Errorf("siblings %v, error %v", got, err)
	}
}

func TestCountsByCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("fabrikam")
	w.press(w.enter(w.company, 3)[0])
	w.enter(other, 2)
	counts, err := w.StatusCountsByCompany(t.Context(), []int64{w.company, other})
	if err != nil || len(counts) != 2 || counts[w.company][store.NotPushed] != 2 || counts[w.company][store.InProgress] != 1 || counts[other][store.NotPushed] != 2 {
		t.Errorf("counts %v, error %v", counts, err)
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	connection, err := w.AccountingConnection(t.Context(), w.company)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := w.ReadLedger(t.Context(), connection)
	if err == nil {
		err = reading.Suppliers(t.Context(), []store.Supplier{{CodatID: "1", Name: "Pret", Status: "Active"}, {CodatID: "2", Name: "itsu", Status: "Active"},
			{CodatID: "3", Name: "Gone", Status: "Archived"}})
	}
	if err == nil {
		err = reading.TaxRates(t.Context(), []store.TaxRate{{CodatID: "1", Name: "20%", Status: "Active", EffectiveRate: "20"}, {CodatID: "2", Name: "Old", Status: "Archived"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	suppliers, err := w.Suppliers(t.Context(), w.connection, 10)
	if err != nil || len(suppliers) != 2 || suppliers[0].Name != "itsu" || suppliers[1].Name != "Pret" {
		t.Errorf("suppliers %+v, error %v", suppliers, err)
	}
	if one, err := w.Suppliers(t.Context(), w.connection, 1); err != nil || len(one) != 1 {
		t.Errorf("at most one: %+v, error %v", one, err)
	}
	if rates, err := w.TaxRates(t.Context(), w.connection, 10); err != nil || len(rates) != 1 || rates[0].Name != "20%" {
		t.Errorf("tax rates %+v, error %v", rates, err)
	}
}
