package main

import (
	"strings"

	"github.com/chromedp/chromedp"
)

// plan chooses many, reads what would become of them, starts it, sees the bar move by itself, and has a receipt.
func (d *desk) plan() {
	t, w, v, b := d.t, d.w, d.v, d.b
	w.enter([2]string{"P-1", travel}, [2]string{"P-2", travel}, [2]string{"P-3", travel}, [2]string{"P-4", travel})
	w.scenario(`[{"delay":"1s","reference":"P-1"},{"effect":"fail","reference":"P-2","message":"The document date cannot be before the period lock date."}]`)
	stream := v.live("topics=expenses")
	v.push("P-4")
	stream.awaitExpense(v.id("P-4"), "complete")

	b.open("/expenses/causes")
	b.see("causes none")
	b.open("/expenses?q=P-")
	b.do(b.click("#pick-all"))
	b.leave(b.click(`#bulk [value=push]`))
	b.untilLive()
	b.until(`document.body.innerText.includes("3 expenses can go")`)
	mustContain(t, b.text("main"), "Nothing is done yet", "In the ledger already")
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
	b.open("/plans")
	b.see("plans")
	b.open("/expenses/causes")
	b.see("causes")
	b.leave(b.click(`main a[href^="/expenses?status=failed&cause="]`))
	b.untilLive()
	if got := evaluate[string](b, `new FormData(document.querySelector("form.filters")).get("subject")`); got != "" {
		t.Errorf("a search within the cause is about the value %q", got)
	}
	mustContain(t, b.text("main"), "P-2")
	b.open("/expenses/" + v.id("P-2"))
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("handled").open = true`), chromedp.SendKeys(chromedp.CSS("#handled input"), "Booked by hand"))
	b.see("expense to be handled")
	b.leave(b.click("#handled button"))
	mustContain(t, b.text("main"), "Handled outside", "Booked by hand")
	b.see("expense handled")
}
