package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
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

func TestBrowserJourney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("ada@example.com", store.Admin)
	p := w.serve()
	w.enter([2]string{"B-1", travel}, [2]string{"B-2", travel})
	v := p.visit("ada@example.com", password)
	first, second := v.id("B-1"), v.id("B-2")
	b := openTab(t, p.url)
	b.signIn("ada@example.com")

	w.scenario(`{"delay":"1s","reference":"B-1"}`)
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
	row := "connection-" + w.connection(northwind).CodatID
	b.untilRow(row, "Linked", "Linked")
	w.unlink(northwind)
	b.untilRow(row, "Unlinked", "Unlinked")
	if !evaluate[bool](b, marked) {
		t.Error("the connections were loaded again")
	}
	b.shoot("journey 4 disconnected")
	w.bookedOnce("B-1", "B-2")
}

func TestBrowserWithTheKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"K-1", travel})
	id := p.visit("fay@example.com", password).id("K-1")
	b := openTab(t, p.url)
	b.signIn("fay@example.com")

	const focused = `document.activeElement.textContent.trim()`
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if evaluate[string](b, focused) == "Push K-1" {
			break
		}
	}
	if got := evaluate[string](b, focused); got != "Push K-1" {
		t.Fatalf("Tab does not lead to the Push of the row, but to %q", got)
	}
	if evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
		t.Error("nothing shows where the focus is")
	}
	b.leave(chromedp.KeyEvent(kb.Enter))
	b.untilExpense(id, "complete", "Push complete")
}

// TestBrowserKeepsWhatAPersonDoes has rows change under somebody's hand.
func TestBrowserKeepsWhatAPersonDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"H-1", travel}, [2]string{"H-2", travel}, [2]string{"H-3", travel})
	v := p.visit("fay@example.com", password)
	first, second := v.id("H-1"), v.id("H-2")
	b := openTab(t, p.url)
	b.signIn("fay@example.com")

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

// TestBrowserAfterAGap loses the stream in two ways, and misses a push meanwhile.
func TestBrowserAfterAGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"G-1", travel}, [2]string{"G-2", travel})
	id := p.visit("fay@example.com", password).id("G-1")
	b := openTab(t, p.url)
	b.expect(`ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_INTERNET_DISCONNECTED|ERR_NETWORK_IO_SUSPENDED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET`)
	b.signIn("fay@example.com")
	b.do(chromedp.Evaluate[chromedp.Void](mark))

	other := w.serve()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	b.until(`document.getElementById("live").innerText === "Reconnecting"`)
	v := other.visit("fay@example.com", password)
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

// TestBrowserWithoutScripts uses links, forms and reloads alone.
func TestBrowserWithoutScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"N-1", travel})
	v := p.visit("fay@example.com", password)
	id, stream := v.id("N-1"), v.live("topics=expenses")
	b := openTab(t, p.url)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(p.url+"/login"), chromedp.SendKeys(chromedp.CSS(`[name=email]`), "fay@example.com"))
	b.leave(chromedp.SendKeys(chromedp.CSS(`[name=password]`), password+"\r"))
	b.leave(b.click("#expense-" + id + " button"))
	if text := b.text("#flashes"); text != "N-1 is on its way." {
		t.Errorf("the page says %q after Push", text)
	}
	stream.awaitExpense(id, "complete")
	b.do(chromedp.Reload())
	mustContain(t, b.text("#expense-"+id), "Push complete")
	if evaluate[bool](b, `!document.getElementById("live").hidden`) {
		t.Error("a page without scripts says that it is live, or was")
	}
	b.shoot("without scripts")
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
