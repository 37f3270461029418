package store_test

import (
	"fmt"
	"testing"
	"time"

	"tallylight/store"
)

// Going from neighbour to neighbour walks through the list that was filtered, in its order, to both ends and no further.
func TestNeighboursWalkTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("other")
	var es []store.NewExpense
	for i := range 24 {
		e := newExpense([]int64{w.company, other}[i%2], fmt.Sprintf("EXP-%d", i))
		e.IssueDate = time.Date(2026, 1, 1+i/6, 0, 0, 0, 0, time.UTC)
		es = append(es, e)
	}
	ids := w.add(es...)
	for _, f := range []store.ExpenseFilter{{}, {CompanyID: other}, {Text: "EXP-1", From: es[12].IssueDate}} {
		page, err := w.ExpensePage(t.Context(), f, "", "")
		if err != nil || len(page.Items) < 3 {
			t.Fatalf("%+v: %d rows, %v", f, len(page.Items), err)
		}
		all := append([]int64{0}, append(idsOf(page), 0)...)
		for i, item := range page.Items {
			previous, next, err := w.Neighbours(t.Context(), f, item)
			if err != nil || previous != all[i] || next != all[i+2] {
				t.Errorf("%+v: beside %d are %d and %d, want %d and %d (%v)", f, item.ID, previous, next, all[i], all[i+2], err)
			}
		}
	}
	// One that the list has not got any more still has a place in it.
	gone, err := w.ExpenseItems(t.Context(), ids[6:7])
	if err != nil {
		t.Fatal(err)
	}
	if previous, next, err := w.Neighbours(t.Context(), store.ExpenseFilter{CompanyID: other}, gone[0]); err != nil || previous != ids[7] || next != ids[5] {
		t.Errorf("beside one that is not in the list: %d and %d (%v)", previous, next, err)
	}
}
