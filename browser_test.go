package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

// marked tells whether this is still the page that mark marked: nothing has loaded it again.
const (
	mark   = `window.marked = true`
	marked = `window.marked === true`
)

// desk is where somebody of finance sits: the parts of a day use it one after the other.
type desk struct {
	t *testing.T
	w *world
	p *program
	v *visitor
	b *tab
}

// part is what somebody does at a desk, with expenses of its own.
type part struct {
	name string
	do   func(*desk)
}

// TestBrowser spends a day at each of two desks, which have nothing in common but the browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	needChromium(t)
	t.Run("One", func(t *testing.T) {
		t.Parallel()
		newDesk(t).spend([]part{
			{"Keyboard", (*desk).keyboard}, {"Journey", (*desk).journey}, {"Keeps what a person does", (*desk).keeps}, {"Plan", (*desk).plan},
			{"Receipt", (*desk).receipt}, {"Without scripts", (*desk).withoutScripts},
		}, "K-1", "K-2", "K-3", "B-1", "B-2", "H-1", "H-2", "H-3", "P-1", "P-3", "P-4", "T-1", "N-1", "N-2", "N-3")
	})
	t.Run("Two", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.b.signIn("fay@example.com")
		d.spend([]part{
			{"Narrow", (*desk).narrow}, {"Import", (*desk).imports}, {"Desk", (*desk).selection}, {"After a gap", (*desk).afterAGap},
		}, "W-1", "W-2", "D-50", "D-51", "G-1", "G-2")
	})
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	w := newWorld(t, takes, sandbox.Both)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	return &desk{t: t, w: w, p: p, v: p.visit("fay@example.com", password), b: openTab(t, p.url)}
}

// spend does the parts of a day one after the other, and checks then what is in the books of it.
func (d *desk) spend(day []part, booked ...string) {
	t := d.t
	for _, part := range day {
		t.Run(part.name, func(s *testing.T) {
			d.sit(s)
			defer func() {
				if s.Failed() {
					d.b.shoot("failed " + s.Name())
				}
				d.b.complain()
				d.sit(t)
			}()
			part.do(d)
			d.b.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear()`), chromedp.Navigate("about:blank"))
		})
	}
	d.w.bookedOnce(booked...)
}

// sit has a test answer for what goes wrong from now on.
func (d *desk) sit(t *testing.T) {
	d.t, d.w.t, d.p.t, d.v.t, d.b.t = t, t, t, t, t
}

// journey takes two expenses to the ledger, one of them at the second try, and has a connection go.
func (d *desk) journey() {
	t, w, v, b := d.t, d.w, d.v, d.b
	const tailspin = "Tailspin Tours KK"
	w.enter([2]string{"B-1", travel}, [2]string{"B-2", travel})
	w.booksRead(tailspin)
	first, second := v.id("B-1"), v.id("B-2")
	b.open("/expenses")

	w.scenario(`{"delay":"4s","reference":"B-1"}`)
	b.leave(b.click("#expense-" + first + " button"))
	b.do(chromedp.Evaluate[chromedp.Void](mark))
	b.untilExpense(first, "in_progress", "Push in progress")
	b.shoot("journey 1 in progress")
	b.untilExpense(first, "complete", "Push complete")
	if !evaluate[bool](b, marked) {
		t.Error("the list was loaded again to show that the push is complete")
	}
	b.until(`document.getElementById("digest").textContent.includes("1 complete")`)

	w.scenario(`{"effect":"fail","reference":"B-2","message":"The document date cannot be before the period lock date."}`)
	b.leave(b.click("#expense-" + second + " button"))
	b.untilExpense(second, "failed", "Push failed")
	b.leave(b.click("#expense-" + second + " .ref a"))
	b.untilLive()
	b.until(`document.body.innerText.includes("The books in Xero are closed for this date.")`)
	b.shoot("journey 2 explained")
	b.leave(b.click(fmt.Sprintf(`form[action="/expenses/%s/retry"] button`, second)))
	b.do(chromedp.Evaluate[chromedp.Void](mark))
	b.until(`document.querySelector("main .head .badge").innerText.includes("Push complete")`)
	b.until(`document.body.innerText.includes("How it reached the ledger")`)
	if !evaluate[bool](b, marked) {
		t.Error("the expense was loaded again to show that the push is complete")
	}
	b.shoot("journey 3 retried")

	b.open("/connections")
	b.do(chromedp.Evaluate[chromedp.Void](mark))
	row := "connection-" + w.connection(tailspin).CodatID
	b.untilRow(row, "Linked", "Linked")
	w.unlink(tailspin)
	b.untilRow(row, "Unlinked", "Unlinked")
	if !evaluate[bool](b, marked) {
		t.Error("the connections were loaded again")
	}
	b.shoot("journey 4 disconnected")
}

// keyboard signs in and pushes with the keys alone, one expense and then two at once.
func (d *desk) keyboard() {
	t, w, v, b := d.t, d.w, d.v, d.b
	w.enter([2]string{"K-1", travel}, [2]string{"K-2", travel}, [2]string{"K-3", travel})
	b.typeSignIn("fay@example.com")
	b.tabTo("Push K-1")
	if evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
		t.Error("nothing shows where the focus is")
	}
	b.leave(chromedp.KeyEvent(kb.Enter))
	b.untilExpense(v.id("K-1"), "complete", "Push complete")

	b.tabTo("Search")
	b.leave(chromedp.KeyEvent("K-" + kb.Enter))
	b.untilLive()
	for _, name := range []string{"Select K-3", "Select K-2"} { // the newest first
		b.tabTo(name)
		b.do(chromedp.KeyEvent(" "))
	}
	b.tabTo("Push")
	b.leave(chromedp.KeyEvent(kb.Enter))
	b.untilLive()
	b.until(`document.body.innerText.includes("2 expenses can go")`)
	mustContain(t, b.text("main"), "Nothing is done yet")
	b.tabTo("Push 2 expenses")
	b.leave(chromedp.KeyEvent(kb.Enter))
	b.until(`document.body.innerText.includes("2 expenses pushed.")`)
	b.tabTo("Outcomes as CSV")
	mustContain(t, v.page(evaluate[string](b, `document.activeElement.getAttribute("href")`)), "K-2,", "K-3,")
}

// keeps has rows change under somebody's hand.
func (d *desk) keeps() {
	t, w, v, b := d.t, d.w, d.v, d.b
	w.enter([2]string{"H-1", travel}, [2]string{"H-2", travel}, [2]string{"H-3", travel})
	first, second := v.id("H-1"), v.id("H-2")
	b.open("/expenses")

	b.do(b.click("#menu-filter summary"), b.click("#expense-"+first+" .pick input"), b.click("#expense-"+second+" .pick input"),
		chromedp.SendKeys(chromedp.CSS("[name=q]"), "half a wo"), chromedp.Focus(chromedp.CSS("#expense-"+first+" .ref a")),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("menu-filter").open = true`))
	v.post("/expenses/push", "id", first, "id", second)
	b.untilExpense(first, "complete", "Push complete")
	b.untilExpense(second, "complete", "Push complete")
	for what, holds := range map[string]string{
		"the focus":      fmt.Sprintf(`document.activeElement === document.querySelector("#expense-%s .ref a")`, first),
		"the ticks":      `[...document.querySelectorAll("td.pick input")].filter((i) => i.checked).length === 2`,
		"the typed text": `document.querySelector("[name=q]").value === "half a wo"`,
		"the open menu":  `document.getElementById("menu-filter").open`,
	} {
		if !evaluate[bool](b, holds) {
			t.Errorf("%s went when the rows changed", what)
		}
	}

	// The button that had the focus goes when the push begins: the focus stays in the row.
	third := v.id("H-3")
	b.do(chromedp.Focus(chromedp.CSS("#expense-" + third + " button")))
	v.push("H-3")
	b.untilExpense(third, "complete", "Push complete")
	if !evaluate[bool](b, fmt.Sprintf(`document.getElementById("expense-%s").contains(document.activeElement)`, third)) {
		t.Error("the focus left the row together with its button")
	}

	// A new expense waits behind a link.
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("menu-filter").open = false`))
	w.enter([2]string{"H-4", travel})
	b.until(`!document.getElementById("more").hidden`)
	if got := evaluate[string](b, `document.getElementById("more").textContent`); got != "1 new: show" {
		t.Errorf("the link to new rows says %q", got)
	}
	b.leave(b.click("#more"))
	b.until(`document.body.innerText.includes("H-4")`)
}

// afterAGap loses the stream in two ways, and misses a push meanwhile. The program that the desk began with is gone then.
func (d *desk) afterAGap() {
	t, w, v, b := d.t, d.w, d.v, d.b
	p := d.p
	w.enter([2]string{"G-1", travel}, [2]string{"G-2", travel})
	id := v.id("G-1")
	b.expect(`ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_INTERNET_DISCONNECTED|ERR_NETWORK_IO_SUSPENDED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET`)
	b.open("/expenses")
	b.do(chromedp.Evaluate[chromedp.Void](mark))

	other := w.serve()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	b.until(`document.getElementById("live").innerText === "Reconnecting"`)
	v = other.visit("fay@example.com", password)
	stream := v.live("topics=expenses")
	v.push("G-1")
	stream.awaitExpense(id, "complete")
	if evaluate[string](b, fmt.Sprintf(`document.getElementById("expense-%s").dataset.status`, id)) != "not_pushed" {
		t.Error("the page knows what it cannot have heard of")
	}
	w.serve("TALLYLIGHT_ADDR=" + strings.TrimPrefix(p.url, "http://"))
	b.untilExpense(id, "complete", "Push complete")
	b.untilLive()

	b.offline(true)
	b.until(`/^Offline since \d\d:\d\d$/.test(document.getElementById("live").innerText)`)
	b.shoot("offline")
	id = v.id("G-2")
	v.push("G-2")
	stream.awaitExpense(id, "complete")
	b.offline(false)
	b.untilLive()
	b.untilExpense(id, "complete", "Push complete")
	if !evaluate[bool](b, marked) {
		t.Error("the list was loaded again")
	}
}

// withoutScripts uses links, forms and reloads alone: one expense with a receipt, and two at once.
func (d *desk) withoutScripts() {
	t, w, v, b := d.t, d.w, d.v, d.b
	w.enter([2]string{"N-1", travel}, [2]string{"N-2", travel}, [2]string{"N-3", travel})
	id, stream := v.id("N-1"), v.live("topics=expenses")
	if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate("about:blank"))
	b.scripts(false)
	defer b.scripts(true)
	b.do(chromedp.Navigate(d.p.url+"/login"), chromedp.SendKeys(chromedp.CSS(`[name=email]`), "fay@example.com"))
	b.leave(chromedp.SendKeys(chromedp.CSS(`[name=password]`), password+"\r"))
	b.leave(b.click("#expense-" + id + " .ref a"))
	b.do(chromedp.SetUploadFiles(chromedp.CSS(`.receipts input[type=file]`), []string{picture(t, "hotel.png")}))
	b.leave(b.click(".receipts form.add button"))
	mustContain(t, b.text("#receipts"), "hotel.png", "Not uploaded yet")
	b.leave(b.click(`form[action="/expenses/` + id + `/push"] button`))
	if text := b.text("#flashes"); text != "N-1 is on its way." {
		t.Errorf("the page says %q after Push", text)
	}
	stream.awaitExpense(id, "complete")
	b.do(chromedp.Navigate(d.p.url + "/expenses?q=N-"))
	mustContain(t, b.text("#expense-"+id), "Push complete")
	if evaluate[bool](b, `!document.getElementById("live").hidden`) {
		t.Error("a page without scripts says that it is live, or was")
	}
	b.shoot("without scripts")

	two := []string{v.id("N-2"), v.id("N-3")}
	for _, id := range two {
		b.do(b.click("#expense-" + id + " .pick input"))
	}
	b.leave(b.click(`#bulk [value=push]`))
	mustContain(t, b.text("main"), "Nothing is done yet", "2 expenses can go")
	b.leave(b.click(".plan form .primary"))
	for _, id := range two {
		stream.awaitExpense(id, "complete")
	}
	b.leave(chromedp.Reload())
	mustContain(t, b.text("main"), "2 expenses pushed.")
	mustContain(t, v.page(evaluate[string](b, `document.querySelector('main a[href$="receipt.csv"]').getAttribute("href")`)), "N-2,", "N-3,")

	b.do(chromedp.Navigate(d.p.url + "/expenses/import"))
	b.send("february.csv", "company,reference,date,supplier,description,category,currency,net,tax,paid_from\n"+
		northwind+",N-4,2026-02-30,,Bus,429,GBP,7.00,0,\n")
	mustContain(t, b.text("main"), "One mistake in 1 line")
	b.do(chromedp.SetValue(chromedp.CSS(`.mend input[name=value]`), "2026-02-28"))
	b.leave(b.click(".mend button"))
	b.leave(b.click(".head .primary"))
	w.until("N-4 to be imported", func() bool { return strings.Contains(v.page("/expenses?q=N-4"), "28 Feb 2026") })
	b.leave(chromedp.Reload())
	mustContain(t, b.text("main"), "1 expense was imported by fay@example.com")
}

// narrow takes two expenses to the ledger on a screen as wide as a phone's.
func (d *desk) narrow() {
	t, w, v, b := d.t, d.w, d.v, d.b
	w.enter([2]string{"W-1", travel}, [2]string{"W-2", travel})
	b.width(360)
	defer b.width(1280)
	fits := func(where string) {
		t.Helper()
		if wide := evaluate[int64](b, `document.documentElement.scrollWidth`); wide > 360 {
			t.Errorf("%s is %d wide", where, wide)
		}
	}
	b.open("/expenses?q=W-")
	for _, r := range []string{"W-1", "W-2"} {
		b.do(b.click("#expense-" + v.id(r) + " .pick input"))
	}
	fits("the list with its selection")
	b.leave(b.click(`#bulk [value=push]`))
	b.untilLive()
	fits("the plan")
	b.leave(b.click(".plan form .primary"))
	b.until(`document.body.innerText.includes("2 expenses pushed.")`)
	fits("the plan that is done")
	b.open("/expenses?q=W-")
	b.untilExpense(v.id("W-1"), "complete", "Push complete")
	b.leave(b.click("#expense-" + v.id("W-2") + " .ref a"))
	b.untilLive()
	mustContain(t, b.text("main .head"), "W-2", "Push complete")
	fits("the expense")
	b.shoot("narrow")
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return evaluate[string](b, fmt.Sprintf(`document.querySelector(%q).innerText`, selector))
}

// offline takes the network away from the tab, or gives it back.
func (b *tab) offline(off bool) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
	if err != nil {
		b.t.Fatal(err)
	}
}
