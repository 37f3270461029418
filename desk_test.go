package main

import (
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tallylight/store"
)

// selection works on the list as somebody does for hours: ticks that outlast pages and reloads, updates that wait, and an order chosen with
// the keyboard.
func (d *desk) selection() {
	t, w, v, b := d.t, d.w, d.v, d.b
	var es [][2]string
	for i := range store.PageSize + 2 {
		es = append(es, [2]string{fmt.Sprintf("D-%02d", i), travel})
	}
	w.enter(es...)
	b.open("/expenses?q=D-")

	// What is ticked is kept over a reload and a turn of the page, and goes along with the form.
	top := evaluate[string](b, `document.querySelector("td.pick input").value`)
	b.do(b.click("#expense-" + top + " .pick input"))
	b.leave(chromedp.Reload())
	b.untilLive()
	if !evaluate[bool](b, `document.querySelector("td.pick input").checked`) {
		t.Error("a reload loses what was ticked")
	}
	b.leave(b.click("[rel=next]"))
	b.untilLive()
	b.do(b.click("td.pick input"))
	mustContain(t, b.text("#bulk"), "1 selected on other pages")
	sent := `new URLSearchParams(new FormData(document.getElementById("bulk"))).getAll("id").length`
	if n := evaluate[int](b, sent); n != 2 {
		t.Errorf("the form holds %d expenses, want the one here and the one before", n)
	}
	b.shoot("desk selection")
	b.leave(b.click("[rel=prev]"))
	b.untilLive()
	if n := evaluate[int](b, sent); n != 2 {
		t.Errorf("back on the first page the form holds %d expenses", n)
	}
	b.do(b.click("#elsewhere button"), b.click("#pick-all"))
	mustContain(t, b.text("#bulk"), "All that match, on every page")
	b.do(b.click(".all input"))
	if !evaluate[bool](b, `new FormData(document.getElementById("bulk")).get("all") === "1"`) {
		t.Error("everything that matches is not asked for")
	}
	b.shoot("desk all that match")
	b.do(b.click("#expense-" + top + " .pick input"))
	if evaluate[bool](b, `new FormData(document.getElementById("bulk")).has("all")`) {
		t.Error("with a gap in the ticks everything is asked for still")
	}
	b.do(b.click("#pick-all"), b.click("#pick-all"))

	// A page that is paused stays as it is, says so, and catches up.
	b.do(b.click("#pause"))
	b.until(`/^Updates paused at \d\d:\d\d$/.test(document.getElementById("live").innerText)`)
	stream := v.live("topics=expenses")
	v.post("/expenses/push", "id", top)
	stream.awaitExpense(top, "complete")
	b.leave(b.click("[rel=next]"))
	b.leave(b.click("[rel=prev]")) // which shows how things stand now, and is paused still
	if got := evaluate[string](b, `document.getElementById("live").dataset.state`); got != "paused" {
		t.Errorf("after a turn of the page it is %s", got)
	}
	b.shoot("desk paused")
	second := v.id("D-50")
	v.post("/expenses/push", "id", second)
	stream.awaitExpense(second, "complete")
	if got := evaluate[string](b, `document.getElementById("expense-`+second+`").dataset.status`); got != "not_pushed" {
		t.Errorf("the paused page shows %s", got)
	}
	b.do(chromedp.Evaluate[chromedp.Void](mark), b.click("#pause"))
	b.untilExpense(second, "complete", "Push complete")
	b.untilLive()
	if !evaluate[bool](b, marked) {
		t.Error("the list was loaded again to catch up")
	}

	// Tab leads to the heads of the columns, and Enter sorts.
	b.do(chromedp.Focus(chromedp.CSS("th.ref a")), chromedp.KeyEvent(kb.Tab))
	b.leave(chromedp.KeyEvent(kb.Enter))
	b.untilLive()
	if got := evaluate[string](b, `location.search + " " + document.querySelector("[aria-sort]")?.className + " " + document.querySelector("[aria-sort]")?.ariaSort`); got != "?q=D-&sort=-amount amt num descending" {
		t.Errorf("sorting by amount leads to %s", got)
	}
	b.leave(b.click("td.ref a"))
	if got := evaluate[string](b, `new URLSearchParams(location.search).get("list")`); got != "q=D-&sort=-amount" {
		t.Errorf("the expense is opened without its list: %q", got)
	}
}
