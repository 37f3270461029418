package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

func TestKilledProcessesBookOnce(t *testing.T) {
	t.Parallel()
	killProcesses(t, 6*time.Second)
}

// killProcesses runs three tallylights on one database under load, and kills one after the other at random moments. Then it lets
// time run until everything has ended, and counts the ledger.
func killProcesses(t *testing.T, while time.Duration) {
	f := newFleet(t, 3, sandbox.Config{File: journal(t), Delay: 200 * time.Millisecond, Scale: 0.01})
	fleet := []*process{f.start(), f.start(), f.start()}
	load := time.NewTicker(300 * time.Millisecond)
	defer load.Stop()
	end := time.After(while)
	for wave, going := 0, true; going; wave++ {
		c := f.companies[wave%len(f.companies)]
		f.scenarios([]map[string]any{
			{"company": c.CodatID, "effect": "acceptThen", "then": "drop"},
			{"company": c.CodatID, "effect": "acceptThen", "status": 500},
			{"company": c.CodatID, "effect": "drop"},
			{"company": c.CodatID, "webhooks": map[string]any{"never": true}},
			{"company": c.CodatID, "webhooks": map[string]any{"early": true, "copies": 2}},
			{"company": c.CodatID, "dataType": "attachments", "effect": "acceptThen", "then": "drop"},
			{"company": c.CodatID, "dataType": "attachments", "effect": "acceptThen", "status": 500},
			{"company": c.CodatID, "dataType": "attachments", "effect": "drop", "webhooks": map[string]any{"never": true}},
		})
		ids := f.expenses(c, fmt.Sprintf("W%d", wave), 12, func(e *store.NewExpense) {
			if rand.IntN(2) == 0 {
				e.Lines[0].Category = fmt.Sprintf("New account %d", wave%7)
			}
		})
		for _, id := range ids[:4] {
			f.receipt(id)
		}
		f.press(ids)
		victim := rand.IntN(len(fleet))
		select {
		case <-end:
			going = false
		case <-load.C:
		}
		fleet[victim].kill()
		fleet[victim] = f.start()
	}
	turn := 0
	f.until("everything has ended", 2*time.Minute, func() bool {
		if turn++; turn%10 == 0 {
			f.jump(20 * time.Second)
		}
		return f.number(`SELECT (SELECT count(*) FROM pushes WHERE state = 'open') + (SELECT count(*) FROM receipts r JOIN push_steps s ON s.id = r.step_id
			WHERE s.state NOT IN ('success', 'failed', 'needs_checking'))`) == 0
	})
	f.countBooks()
}

// receipt adds a receipt to an expense, named for it.
func (f *fleet) receipt(expense int64) {
	f.t.Helper()
	n := store.NewReceipt{Name: fmt.Sprintf("%d.pdf", expense), Type: "application/pdf", Content: fmt.Appendf(nil, "%%PDF-1.7 of expense %d", expense)}
	if _, err := f.store.AddReceipt(f.t.Context(), f.by, expense, n); err != nil {
		f.t.Fatal(err)
	}
}

// countBooks holds every expense and receipt against the ledger of its company.
func (f *fleet) countBooks() {
	f.t.Helper()
	var total int
	uploads := map[store.StepState]int{}
	for _, c := range f.companies {
		b := f.books(c)
		booked, attached, accounts := map[string]int{}, map[string]int{}, map[string]int{}
		for _, cost := range b.Costs {
			booked[cost.Reference]++
			for _, a := range cost.Attachments {
				attached[cost.Reference+" "+a.Name]++
			}
		}
		for _, a := range b.Accounts {
			if accounts[a.Name]++; accounts[a.Name] > 1 {
				f.t.Errorf("%s: account %s was made twice", c.Name, a.Name)
			}
		}
		var expenses []struct {
			Reference string
			Status    store.ExpenseStatus
			Receipt   string // its name, "" without one
			Upload    store.StepState
		}
		if err := f.db.Select(&expenses, `SELECT e.reference, e.status, coalesce(r.name, '') AS receipt, coalesce(s.state, '') AS upload
			FROM expenses e LEFT JOIN receipts r ON r.expense_id = e.id LEFT JOIN push_steps s ON s.id = r.step_id WHERE e.company_id = $1`, c.ID); err != nil {
			f.t.Fatal(err)
		}
		for _, e := range expenses {
			n := booked[e.Reference]
			total += n
			right := e.Status == store.Complete && n == 1 || e.Status == store.NeedsChecking && n <= 1 ||
				(e.Status == store.Failed || e.Status == store.NotPushed) && n == 0
			if !right {
				f.t.Errorf("%s: %s is %s and %d times in the ledger", c.Name, e.Reference, e.Status, n)
			}
			if e.Receipt == "" {
				continue
			}
			uploads[e.Upload]++
			n = attached[e.Reference+" "+e.Receipt]
			right = e.Upload == store.StepSuccess && n == 1 || e.Upload == store.StepNeedsChecking && n <= 1 || e.Upload == "" && e.Status != store.Complete && n == 0
			if !right {
				f.t.Errorf("%s: the receipt of %s, which is %s, is %q and %d times in the ledger", c.Name, e.Reference, e.Status, e.Upload, n)
			}
		}
	}
	if got := f.statuses(); got[store.Complete] == 0 || total == 0 || uploads[store.StepSuccess] == 0 {
		f.t.Errorf("nothing was booked, or no receipt uploaded: %v %v", got, uploads)
	}
	f.t.Logf("%d booked; %v; receipts %v", total, f.statuses(), uploads)
}

// An account that 200 expenses need, pushed at the same moment by four processes, is made once.
func TestFourProcessesMakeOneAccount(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, sandbox.Config{Delay: 100 * time.Millisecond})
	ids := f.expenses(f.companies[0], "T", 200, func(e *store.NewExpense) { e.Lines[0].Category = "Travel" })
	var pressing sync.WaitGroup
	for n := range 4 {
		p := f.start()
		browser := f.signIn(p)
		pressing.Go(func() {
			form := url.Values{}
			for _, id := range ids[n*50 : (n+1)*50] {
				form.Add("id", strconv.FormatInt(id, 10))
			}
			resp, err := browser.PostForm(p.address+"/expenses/push", form)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusSeeOther {
				t.Errorf("push: %d", resp.StatusCode)
			}
		})
	}
	pressing.Wait()
	f.until("all are complete", time.Minute, func() bool { return f.statuses()[store.Complete] == 200 })
	b := f.books(f.companies[0])
	if len(b.Accounts) != 1 || b.Accounts[0].Name != "Travel" || len(b.Costs) != 200 {
		t.Errorf("%d accounts, %d costs: %+v", len(b.Accounts), len(b.Costs), b.Accounts)
	}
}

// Codat allows ten requests at once for one company, whatever the number of processes.
func TestTenAtOncePerCompany(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, sandbox.Config{})
	f.air.crowd, f.air.crowded = 8, make(chan struct{})
	f.runHere()
	f.runHere()
	f.runHere()
	for _, c := range f.companies {
		f.press(f.expenses(c, "C", 150, nil))
	}
	select {
	case <-f.air.crowded:
	case <-time.After(patience):
		t.Error("never were eight pushes of a company under way: nothing is shown")
	}
	f.until("all are complete", time.Minute, func() bool { return f.statuses()[store.Complete] == 300 })
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, n := range f.air.most {
		if n > 10 {
			t.Errorf("%d requests at once for company %s", n, id)
		}
	}
}
