package store_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"tallylight/store"
)

func TestCompaniesThatComeAndGoAreAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	var id int64
	save := func(tx *store.Tx) error {
		c, err := tx.SaveCompany(t.Context(), "toft", "Toft", "")
		id = c.ID
		return err
	}
	w.in(save)
	want := store.Change{Kind: store.LedgerChanged, ID: id}
	if got := <-heard; !slices.Contains(got, want) {
		t.Errorf("a new company: %v", got)
	}
	gone := func(tx *store.Tx) error {
		return tx.CompanyDeleted(t.Context(), "toft", store.Failure{Cause: "company_gone"})
	}
	w.in(save) // known already: nobody is told
	w.in(gone)
	if got := <-heard; !slices.Equal(got, []store.Change{want}) {
		t.Errorf("a deleted company: %v", got)
	}
	w.in(gone) // again
	as, err := w.ActivityOf(t.Context(), "company", id)
	if err != nil || len(as) != 1 || as[0].Actor != "Codat" || as[0].Verb != "company was deleted" || as[0].Subject != "Toft" {
		t.Errorf("the record says %+v, error %v", as, err)
	}
}

func TestCompanyMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := uuid.NewString()
	m := store.MadeCompany{CodatID: "toft", Name: "Toft", RedirectURL: "https://link.example.com", Description: "Bikes", Tags: store.Tags{"region": "UK", "a": `"b"`}, Key: key}
	w.in(func(tx *store.Tx) error { _, err := tx.SaveCompany(t.Context(), "toft", "Toft", ""); return err }) // the webhook was quicker
	var made store.Company
	for range 2 {
		var err error
		if made, err = w.CompanyMade(t.Context(), w.by, m); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := w.CompanyMadeBy(t.Context(), key)
	if err != nil || kept.ID != made.ID || kept.Description != "Bikes" || kept.RedirectURL != m.RedirectURL || len(kept.Tags) != 2 || kept.Tags["a"] != `"b"` {
		t.Errorf("kept %+v, error %v", kept, err)
	}
	as, err := w.ActivityOf(t.Context(), "company", made.ID)
	if err != nil || len(as) != 1 || as[0].Verb != "created" || as[0].Actor != w.by.Email || as[0].UserID == nil {
		t.Errorf("the record says %+v, error %v", as, err)
	}
	w.in(func(tx *store.Tx) error { return tx.DescribeCompany(t.Context(), made.ID, "", nil) }) // as Codat has it now
	if kept, err = w.Company(t.Context(), made.ID); err != nil || kept.Description != "" || len(kept.Tags) != 0 {
		t.Errorf("described anew it is %+v, error %v", kept, err)
	}
}

// Companies of one name are all found, each once, forwards and backwards.
func TestCompanyPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 2*store.CompaniesShown + 1
	w.in(func(tx *store.Tx) error {
		for i := range n {
			name := "Same"
			if i%2 == 1 {
				name = "sAME"
			}
			if _, err := tx.SaveCompany(t.Context(), fmt.Sprint("c-", i), name, ""); err != nil {
				return err
			}
		}
		return nil
	})
	f := store.CompanyFilter{Text: "same"}
	var ids, back []int64
	var last store.CompanyPage
	for after := ""; ; after = last.After {
		page, err := w.CompanyPage(t.Context(), f, after, "")
		if err != nil {
			t.Fatal(err)
		}
		if (after == "") != (page.Before == "") {
			t.Errorf("after %q there is %q before", after, page.Before)
		}
		last = page
		for _, c := range page.Companies {
			ids = append(ids, c.ID)
		}
		if page.After == "" {
			break
		}
	}
	for before := strconv.FormatInt(last.Companies[0].ID, 10); before != ""; {
		page, err := w.CompanyPage(t.Context(), f, "", before)
		if err != nil || page.After == "" {
			t.Fatalf("before %s: %+v, error %v", before, page, err)
		}
		var on []int64
		for _, c := range page.Companies {
			on = append(on, c.ID)
		}
		back = append(on, back...)
		before = page.Before
	}
	if len(ids) != n || !slices.IsSorted(ids) || !slices.Equal(back, ids[:len(ids)-len(last.Companies)]) {
		t.Errorf("%d forwards, %d backwards of %d", len(ids), len(back), n)
	}
	there, deleted, err := w.CompanyCounts(t.Context())
	if err != nil || there != n+1 || deleted != 0 {
		t.Errorf("%d are there, %d deleted, error %v", there, deleted, err)
	}
}

// The connection that expenses go through is the one that AccountingConnection says.
func TestAccountingConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.company, "northwind-newer", "Deauthorized", 0)
	other, _ := w.addCompany("fabrikam")
	w.news(other, store.ConnectionNews{CodatID: "fabrikam-link", Status: "Linked", At: w.now(), Deleted: true, Actor: "Codat"})
	w.connect(other, "fabrikam-first", "Unlinked", 0)
	second := w.connect(other, "fabrikam-second", "Unlinked", 0)
	of, err := w.Store.AccountingConnections(t.Context(), []int64{w.company, other, 999})
	if err != nil || len(of) != 2 || of[w.company].ID != w.connection || of[other].ID != second || of[other].Company != "The fabrikam" {
		t.Fatalf("connections %+v, error %v", of, err)
	}
	for company, i := range of {
		if c, err := w.AccountingConnection(t.Context(), company); err != nil || c.ID != i.ID {
			t.Errorf("AccountingConnection says %+v, error %v", c, err)
		}
	}
}

func TestStakeIsWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(3)
	w.finish(steps[1], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "webhook"})
	w.finish(steps[2], store.Outcome{Status: store.OutcomeTimedOut, Source: "webhook"})
	e := newExpense(w.company, "USD-1")
	e.Currency = "USD"
	more := w.add(e, newExpense(w.company, "W-1"), newExpense(w.company, "N-1"))
	w.press(more[:2]...)

	for what, stake := range map[string]func() (store.Stake, error){
		"company":    func() (store.Stake, error) { return w.StakeOfCompany(t.Context(), w.company) },
		"connection": func() (store.Stake, error) { return w.StakeOfConnection(t.Context(), w.connection) },
	} {
		s, err := stake()
		if err != nil {
			t.Fatal(err)
		}
		if got := sums(s.Sent); got != "GBP 12.00 in 1" {
			t.Errorf("%s: sent %s", what, got)
		}
		if got := sums(s.Waiting); got != "GBP 12.00 in 1, USD 12.00 in 1" {
			t.Errorf("%s: waiting %s", what, got)
		}
		if got := sums(s.NeedsChecking) + "; " + sums(s.Complete) + "; " + sums(s.NotPushed); (got == "GBP 12.00 in 1; GBP 12.00 in 1; GBP 12.00 in 1") != (what == "company") ||
			(got == "; ; ") != (what == "connection") {
			t.Errorf("%s: checking, complete, and not pushed %s", what, got)
		}
	}

	w.connect(w.company, "northwind-link", "Unlinked", 0)
	want := func(when string, all ...store.ExpenseStatus) {
		t.Helper()
		for i, id := range slices.Concat(expenses, more) {
			if got := w.status(id); got != all[i] {
				t.Errorf("%s: expense %d is %s, want %s", when, i, got, all[i])
			}
		}
	}
	want("unlinked", store.InProgress, store.Complete, store.NeedsChecking, store.OnHold, store.OnHold, store.NotPushed)
	w.in(func(tx *store.Tx) error {
		return tx.CompanyDeleted(t.Context(), "northwind", store.Failure{Cause: "company_gone"})
	})
	want("deleted", store.NeedsChecking, store.Complete, store.NeedsChecking, store.OnHold, store.OnHold, store.NotPushed)
}

func sums(all []store.Sum) string {
	text := ""
	for i, s := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s in %d", store.FormatAmount(s.Total, s.Currency), s.Count)
	}
	return text
}

// Nothing is asked about a deleted company, until it is back.
func TestQuestionsOfADeletedCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(1)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, Source: "webhook"}) // of which record is to be asked
	next := func() time.Duration {
		t.Helper()
		d, err := w.NextAsk(t.Context(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if got := next(); got != 0 {
		t.Fatalf("the question is due in %s", got)
	}
	w.in(func(tx *store.Tx) error { return tx.CompanyDeleted(t.Context(), "northwind", *failure("company_gone")) })
	if got := next(); got != time.Hour {
		t.Errorf("deleted: a question is due in %s", got)
	}
	w.sql().MustExec(`UPDATE push_steps SET ask_at = clock()`) // by news that came late
	if got := next(); got != time.Hour {
		t.Errorf("deleted: a question that came up later is due in %s", got)
	}
	w.in(func(tx *store.Tx) error { return tx.CompanyListed(t.Context(), w.company, w.now().Add(time.Second)) })
	if got := next(); got != 0 {
		t.Errorf("back: the question is due in %s", got)
	}
}
