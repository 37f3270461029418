package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

// TestBrowserPlan chooses many, reads what would become of them, starts it, sees the bar move by itself, and has a receipt.
func TestBrowserPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"P-1", travel}, [2]string{"P-2", travel}, [2]string{"P-3", travel}, [2]string{"P-4", travel})
	v := p.visit("fay@example.com", password)
	w.scenario(`[{"delay":"1s","reference":"P-1"},{"effect":"fail","reference":"P-2","message":"The document date cannot be before the period lock date."}]`)
	b := openTab(t, p.url)
	b.signIn("fay@example.com")
	stream := v.live("topics=expenses")
	v.push("P-4")
	stream.awaitExpense(v.id("P-4"), "complete")

	b.open("/expenses/causes")
	b.see("causes none")
	b.open("/expenses")
	b.do(chromedp.Evaluate[chromedp.Void](`{
		const form = document.createElement("form");
		form.id = "plan-form"; form.method = "post"; form.action = "/expenses/plan";
		form.innerHTML = '<input name="do" value="push"><input name="all" value="1"><input name="q" value="P-">';
		document.body.append(form);
	}`))
	b.leave(submit("#plan-form"))
	b.untilLive()
	mustContain(t, b.text("main"), "Nothing is done yet", "3 expenses can go", "In the ledger already")
	b.see("plan draft")
	b.leave(b.click(".plan form .primary"))
	b.do(chromedp.Evaluate[chromedp.Void](mark))
	b.until(`document.querySelector("progress")?.value === 4 && document.body.innerText.includes("3 expenses pushed.")`)
	if !evaluate[bool](b, marked) {
		t.Error("the page was loaded again to show how far it is")
	}
	b.see("plan done")
	if receipt := v.page(evaluate[string](b, `new URL(document.querySelector('main a[href$="receipt.csv"]').href).pathname`)); !strings.Contains(receipt, "P-2,") || strings.Count(receipt, "\n") != 5 {
		t.Errorf("the receipt says %s", receipt)
	}
	b.open("/expenses/causes")
	b.see("causes")
	b.open("/expenses/" + v.id("P-2"))
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("handled").open = true`), chromedp.SendKeys(chromedp.CSS("#handled input"), "Booked by hand"))
	b.see("expense to be handled")
	b.leave(b.click("#handled button"))
	mustContain(t, b.text("main"), "Handled outside", "Booked by hand")
	b.see("expense handled")
	w.bookedOnce("P-1", "P-3", "P-4")
}
