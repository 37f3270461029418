package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

// TestBrowserChecks has connections checked: one works, one was severed where nobody noticed. The results come by themselves.
func TestBrowserChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("ada@example.com", store.Admin)
	p := w.serve()
	w.booksRead(northwind)
	connection := w.connection(northwind)
	row := "connection-" + connection.CodatID
	card := fmt.Sprintf(`document.getElementById(%q)`, row)

	b := openTab(t, p.url)
	b.signIn("ada@example.com")
	b.open("/connections")
	b.untilLive()
	b.leave(b.click("#" + row + " form[action$='/check'] button"))
	b.untilLive()
	b.do(chromedp.Evaluate[chromedp.Void](mark))
	b.until(card + `.innerText.includes("Last proven: read from Xero just now") && !!` + card + `.querySelector("form[action$='/check']")`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.body.insertAdjacentHTML("beforeend", '<time id="old" data-ago datetime="2020-01-01T00:00:00Z">just now</time>')`))
	b.until(`document.getElementById("old").textContent.endsWith("days ago")`)

	w.ask(http.MethodPost, "/_sandbox/connections/"+connection.CodatID+"/sever", "")
	b.leave(b.click("#" + row + " form[action$='/check'] button"))
	b.untilRow(row, "Deauthorized", "Access lost")
	b.until(`[...document.querySelectorAll(".tabs a")].some(a => a.innerText.startsWith("Broken") && a.querySelector("data").value === "2")`) // with the one that was before
	b.see("connections broken")
	b.open("/connections?show=stale")
	b.see("connections none stale")
	b.open(fmt.Sprintf("/connections/%d", connection.ID))
	mustContain(t, b.text("main .moments"), "de-authorized access")
	b.see("connection")
	b.leave(b.click("main .moments a"))
	mustContain(t, b.text("main"), "connection.disconnected")
}
