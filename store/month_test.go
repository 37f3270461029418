package store_test

import (
	"testing"
	"time"

	"tallylight/store"
)

// TestMonth has five expenses of January: two are in the ledger, one failed, one was not pushed, one belongs to another company.
func TestMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	january := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	expenses, steps := w.accept(3)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, Source: "webhook", RecordID: "r-1"})
	w.finish(steps[1], store.Outcome{Status: store.OutcomeSuccess, Source: "webhook", RecordID: "r-2"})
	w.finish(steps[2], store.Outcome{Status: store.OutcomeFailed, Source: "reading", Failure: *failure("period_locked")})
	idle := newExpense(w.company, "IDLE")
	next := newExpense(w.company, "FEBRUARY")
	next.IssueDate = january.AddDate(0, 1, 0)
	idle.Currency = "USD"
	other, _ := w.addCompany("contoso")
	w.add(idle, next, newExpense(other, "OTHER"))

	sums, err := w.MonthSums(t.Context(), w.company, january)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.MonthSum{
		{Currency: "GBP", Status: store.Complete, Count: 2, Total: dec("24.0000"), Booked: dec("24.00")},
		{Currency: "GBP", Status: store.Failed, Count: 1, Total: dec("12.0000"), Booked: dec("0")},
		{Currency: "USD", Status: store.NotPushed, Count: 1, Total: dec("12.0000"), Booked: dec("0")},
	}
	if len(sums) != len(want) {
		t.Fatalf("%d sums: %+v", len(sums), sums)
	}
	for i, s := range sums {
		if s.Currency != want[i].Currency || s.Status != want[i].Status || s.Count != want[i].Count || s.Total.Cmp(want[i].Total) != 0 || s.Booked.Cmp(want[i].Booked) != 0 {
			t.Errorf("sum %+v, want %+v", s, want[i])
		}
	}

	// The ledger took less for the first one than it says now, and the second one may be there twice.
	db := w.sql()
	db.MustExec(`UPDATE pushes SET snapshot = snapshot || '{"total": 11.5}' WHERE expense_id = $1`, expenses[0])
	db.MustExec(`INSERT INTO notices (company_id, expense_id, kind) VALUES ($1, $2, 'may_be_booked_twice')`, w.company, expenses[1])
	differences, err := w.MonthDifferences(t.Context(), w.company, january, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(differences) != 4 || differences[0].ID != expenses[0] || !differences[0].Booked.Valid || differences[0].Booked.Decimal.Cmp(dec("11.5")) != 0 ||
		!differences[1].Twice || differences[1].Booked.Valid || differences[2].Status != store.Failed || differences[3].Reference != "IDLE" {
		t.Errorf("differences: %+v", differences)
	}

	open, done, err := w.OpenMonths(t.Context(), january, 1)
	if err != nil || done != 0 || len(open) != 1 || open[0].CompanyID != w.company || open[0].Missing != 2 || open[0].Expenses != 4 {
		t.Errorf("open months: %+v, %d done, %v", open, done, err)
	}
	months, err := w.CompanyMonths(t.Context(), w.company, january)
	if err != nil || len(months) != 2 || months[0].First.Month() != time.February || months[1].Missing != 2 {
		t.Errorf("months: %+v, %v", months, err)
	}
}

func TestOutcomesByDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(4)
	for i, step := range steps {
		o := store.Outcome{Status: store.OutcomeSuccess, Source: "webhook", RecordID: "r"}
		if i == 3 {
			o = store.Outcome{Status: store.OutcomeFailed, Source: "reading", Failure: *failure("period_locked")}
		}
		w.finish(step, o)
	}
	noon := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	w.sql().MustExec(`UPDATE pushes SET created_at = $1::timestamptz - id * interval '1 s', settled_at = $1`, noon)
	w.sql().MustExec(`UPDATE pushes SET settled_at = $1 WHERE id = (SELECT min(id) FROM pushes)`, noon.AddDate(0, 0, -9))
	starts := []time.Time{noon.Add(-36 * time.Hour), noon.Add(-12 * time.Hour), noon} // noon itself is in the last
	days, err := w.OutcomesByDay(t.Context(), starts)
	if err != nil {
		t.Fatal(err)
	}
	if days[0].Complete+days[0].Failed+days[1].Complete+days[1].Failed != 0 || days[2].Complete != 2 || days[2].Failed != 1 {
		t.Errorf("days: %+v", days)
	}
	times, err := w.TimesToComplete(t.Context(), starts[0])
	if err != nil || len(times) != 1 || times[0].Platform != "Xero" || times[0].Pushes != 2 || times[0].Median != 2500*time.Millisecond || times[0].P95 != 2950*time.Millisecond {
		t.Errorf("times: %+v, %v", times, err)
	}
}
