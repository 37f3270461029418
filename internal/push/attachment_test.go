package push

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tallylight/store"
)

// receipts of an expense: pushed with one that was added before, all sent to its end.
func (d *desk) withReceipt(o *office, content string) int64 {
	d.Helper()
	ids, err := d.store.AddExpenses(d.Context(), d.by, []store.NewExpense{d.plainExpense(o)})
	if err == nil {
		_, err = d.store.AddReceipt(d.Context(), d.by, ids[0], store.NewReceipt{Name: `lun"ch é.pdf`, Type: "application/pdf", Content: []byte("%PDF-" + content)})
	}
	if err == nil {
		_, err = Press(d.Context(), d.store, d.by, Push, ids)
	}
	if err != nil {
		d.Fatal(err)
	}
	d.drain()
	return ids[0]
}

func (d *desk) drain() {
	for d.worker.SendNext(d.Context()) {
	}
}

// script has the next writes go as told, and all others end at once.
func (d *desk) script(scenarios ...string) {
	d.Helper()
	req, _ := http.NewRequestWithContext(d.Context(), http.MethodDelete, d.url+"/_sandbox/scenarios", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	resp.Body.Close()
	d.post("/_sandbox/scenarios", "["+strings.Join(append(scenarios, `{"effect":"final","times":0}`), ",")+"]")
}

// sweep looks for what is in doubt, as if it had been sent long ago.
func (d *desk) sweep() {
	d.Helper()
	s := &Sweeper{Store: d.store, Codat: d.worker.Codat, Log: slog.New(slog.DiscardHandler), ReadLedger: func(context.Context, int64) error { return nil }}
	d.db.MustExec(`UPDATE push_steps SET ask_at = clock(), sent_at = sent_at - interval '3 min', absent_at = absent_at - interval '2 min' WHERE state = 'looking'`)
	if err := s.SweepDue(d.Context(), 1); err != nil {
		d.Fatal(err)
	}
}

// attached are the names of the files at the costs of a company's ledger.
func (d *desk) attached(o *office) (names []string) {
	d.Helper()
	resp, err := http.Get(d.url + "/_sandbox/ledger/" + o.company.CodatID)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var ledger struct {
		DirectCosts []struct{ Attachments []struct{ Name string } }
	}
	if err := json.Unmarshal(body, &ledger); err != nil {
		d.Fatal(err)
	}
	for _, c := range ledger.DirectCosts {
		for _, a := range c.Attachments {
			names = append(names, a.Name)
		}
	}
	return names
}

func (d *desk) receipt(expense int64) store.Receipt {
	d.Helper()
	rs, err := d.store.Receipts(d.Context(), expense)
	if err != nil || len(rs) != 1 {
		d.Fatal(len(rs), err)
	}
	return rs[0]
}

func (d *desk) wantReceipt(what string, expense int64, state store.StepState, o *office, files int) {
	d.Helper()
	e, err := d.store.Expense(d.Context(), expense)
	if err != nil || e.Status != store.Complete {
		d.Errorf("%s: the expense is %s, %v", what, e.Status, err)
	}
	if r := d.receipt(expense); r.State != state {
		d.Errorf("%s: the receipt is %s (%s), want %s", what, r.State, r.Cause, state)
	}
	if got := d.attached(o); len(got) != files {
		d.Errorf("%s: the ledger has %q, want %d files", what, got, files)
	}
}

// What can happen to a receipt never undoes its expense, and never has it attached twice.
func TestReceiptsReachTheLedgerOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	o := d.offices["gbol"]

	d.script()
	d.wantReceipt("no trouble", d.withReceipt(o, "1"), store.StepSuccess, o, 1)

	d.script(`{"dataType":"attachments","effect":"refuse","status":400,"message":"Files of the type .pdf are not supported."}`)
	failed := d.withReceipt(o, "2")
	d.wantReceipt("refused", failed, store.StepFailed, o, 1)
	if r := d.receipt(failed); r.Cause != "not_supported" && r.Cause != "file_refused" {
		t.Errorf("refused for %s", r.Cause)
	}
	if err := d.store.RetryReceipt(t.Context(), d.by, failed, d.receipt(failed).ID); err != nil {
		t.Fatal(err)
	}
	if err := d.store.RetryReceipt(t.Context(), d.by, failed, d.receipt(failed).ID); err == nil {
		t.Error("pressed twice, it is uploaded twice")
	}
	d.drain()
	d.wantReceipt("retried", failed, store.StepSuccess, o, 2)

	// Codat has taken it and says 500: the file is found at the expense.
	d.script(`{"dataType":"attachments","effect":"acceptThen"}`)
	doubtful := d.withReceipt(o, "3")
	d.wantReceipt("in doubt", doubtful, store.StepLooking, o, len(d.attached(o)))
	for len(d.attached(o)) < 3 && t.Context().Err() == nil { // until it lands
	}
	d.sweep()
	d.drain()
	d.wantReceipt("found", doubtful, store.StepSuccess, o, 3)

	// Codat has not taken it and says 500: twice it is not there, then it is sent under a new key.
	d.script(`{"dataType":"attachments","effect":"refuse","status":500}`)
	absent := d.withReceipt(o, "4")
	d.sweep()
	d.drain()
	d.wantReceipt("not there, once", absent, store.StepLooking, o, 3)
	d.sweep()
	d.drain()
	d.wantReceipt("not there, twice", absent, store.StepSuccess, o, 4)

	// One whose expense is gone from the ledger holds up no other.
	d.script(`{"dataType":"attachments","effect":"refuse","status":500,"times":2}`)
	gone, other := d.withReceipt(o, "5"), d.withReceipt(o, "6")
	d.db.MustExec(`UPDATE push_steps SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{to,id}', '"gone"')::text, 'UTF8') WHERE id = $1`,
		d.receipt(gone).StepID)
	d.sweep()
	d.sweep()
	d.drain()
	d.wantReceipt("its expense is gone", gone, store.StepLooking, o, 5)
	d.wantReceipt("beside it", other, store.StepSuccess, o, 5)
}

// A package that takes no receipts is not asked, and one that takes small ones only gets no larger ones.
func TestReceiptsThatPackagesDoNotTake(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	desktop := d.withReceipt(d.offices["pqsw"], "1")
	if e, err := d.store.Expense(t.Context(), desktop); err != nil || e.Status != store.Complete || d.receipt(desktop).StepID != nil {
		t.Errorf("QuickBooks Desktop: %s, %v, %+v", e.Status, err, d.receipt(desktop))
	}
	o := d.offices["gbol"]
	e := d.withReceipt(o, strings.Repeat("x", 4_000_001))
	d.wantReceipt("too large", e, store.StepFailed, o, 0)
	if r := d.receipt(e); r.Cause != "receipt_too_large" || r.FirstSentAt != nil || !r.Removable() {
		t.Errorf("too large: %+v", r)
	}
}

// A receipt that cannot reach its expense any more says so, and does not wait for ever.
func TestReceiptsThatHaveNowhereToGo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script()
	o := d.offices["gbol"]
	for cause, trouble := range map[string]string{
		"receipt_record_unknown": `UPDATE push_steps SET record_id = NULL, ask_at = NULL WHERE kind = 'directCost'`,
		"receipt_cut_off":        `UPDATE connections SET deleted_at = clock()`,
	} {
		ids, err := d.store.AddExpenses(t.Context(), d.by, []store.NewExpense{d.plainExpense(o)})
		if err == nil {
			_, err = Press(t.Context(), d.store, d.by, Push, ids)
		}
		if err != nil {
			t.Fatal(err)
		}
		d.drain()
		d.db.MustExec(trouble)
		_, err = d.store.AddReceipt(t.Context(), d.by, ids[0], store.NewReceipt{Name: "lunch.pdf", Type: "application/pdf", Content: []byte("%PDF-")})
		if err != nil {
			t.Fatal(err)
		}
		d.drain()
		d.sweep()
		d.wantReceipt(cause, ids[0], store.StepFailed, o, 0)
		if r := d.receipt(ids[0]); r.Cause != cause || r.FirstSentAt != nil {
			t.Errorf("%s: failed for %s, sent at %v", cause, r.Cause, r.FirstSentAt)
		}
		d.db.MustExec(`UPDATE connections SET deleted_at = NULL`)
	}
}
