package handlers

import (
	"fmt"
	"testing"

	"tallylight/store"
)

func TestOverview(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	mustContain(t, v.page("/"), "No push has failed.", "Nothing needs checking.", "Every connection works.", "Nothing was pushed in the last 30 days.", "No expenses in this month or the last.")
}

func TestMonth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind Ltd", "GBP", "Linked")
	ids := s.expenses(v.user, c, 2)
	month := fmt.Sprintf("/companies/%d/month", c.ID)
	page := v.page(month + "?month=2026-01")
	mustContain(t, page, "2 of 2 are not in the ledger yet.", "What is missing or different", "Not pushed")
	mustContain(t, v.page(month+"?month=1999-12"), "There are no expenses in December 1999.")
	v.page(month + "?month=nonsense")
	v.post(expenseURL(ids[0]) + "/push")
	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-1", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "r-1"}})
	v.post(expenseURL(ids[1])+"/handled", "reason", "Paid back")
	mustContain(t, v.page(month+"?month=2026-01"), "January 2026 is complete: 2 expenses, GBP 20.00: 1 in Xero, 1 handled outside.")

	// What the ledger has otherwise is named though everything was pushed.
	s.exec(`UPDATE pushes SET snapshot = snapshot || '{"total": 7.5}'`)
	s.exec(fmt.Sprintf(`INSERT INTO notices (company_id, expense_id, kind, detail) VALUES (%d, %d, 'may_be_booked_twice', '{}')`, c.ID, ids[0]))
	mustContain(t, v.page(month+"?month=2026-01"), "Everything was pushed, but look at what is named below.", "Xero took GBP 7.50. May be booked twice",
		`data-of="Handled outside">GBP 10.00</td><td class="num" data-of="Difference">GBP 2.50</td>`)
}
