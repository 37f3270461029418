package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"tallylight/store"
	"tallylight/store/storetest"
)

// connectionChecks has connections checked: one works, and is severed then; another was severed where nobody noticed, and is found by the
// schedule. The results come by themselves.
func connectionChecks(t *testing.T, w *world, p *program) {
	const fabrikam, tailspin = "Fabrikam Espresso GmbH", "Tailspin Tours KK"
	w.booksRead(fabrikam)
	w.booksRead(tailspin)
	connection, quiet := w.connection(fabrikam), w.connection(tailspin)
	row := "connection-" + connection.CodatID
	card := fmt.Sprintf(`document.getElementById(%q)`, row)
	sever := func(c store.Connection) {
		w.ask(http.MethodPost, "/_sandbox/connections/"+c.CodatID+"/sever", "")
	}

	b := openTab(t, p.url)
	b.signIn("ada@example.com")
	b.open("/connections?show=stale")
	b.see("connections none stale")
	b.open("/connections")
	sever(quiet)
	storetest.DB(t, w.dsn).MustExec(`UPDATE connections SET changed_at = changed_at - interval '25 h', proven_at = proven_at - interval '25 h' WHERE id = $1`, quiet.ID)
	b.leave(b.click("#" + row + " form[action$='/check'] button")) // the schedule is looked at whenever a check begins, too
	b.untilLive()
	b.do(chromedp.Evaluate[chromedp.Void](mark))
	b.until(card + `.innerText.includes("Last proven: read from ") && ` + card + `.innerText.includes("just now") && !!` + card + `.querySelector("form[action$='/check']")`)
	b.untilRow("connection-"+quiet.CodatID, "Deauthorized", "Access lost")
	if !evaluate[bool](b, marked) {
		t.Error("the page was loaded again to show that a connection is lost")
	}
	if c := w.connection(tailspin); c.CheckReason != store.CheckQuiet {
		t.Errorf("it was checked for %q", c.CheckReason)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.body.insertAdjacentHTML("beforeend", '<time id="old" data-ago datetime="2020-01-01T00:00:00Z">just now</time>')`))
	b.until(`document.getElementById("old").textContent.endsWith("days ago")`)

	sever(connection)
	b.leave(b.click("#" + row + " form[action$='/check'] button"))
	b.untilRow(row, "Deauthorized", "Access lost")
	b.open("/connections?show=broken")
	mustContain(t, b.text("main .connections"), fabrikam, tailspin)
	b.open(fmt.Sprintf("/connections/%d", connection.ID))
	mustContain(t, b.text("main .moments"), "de-authorized access")
	b.see("connection lost")
	b.leave(b.click("main .moments a"))
	mustContain(t, b.text("main"), "connection.disconnected")
}
