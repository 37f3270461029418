package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

const toft = "Toft Bikes"

// TestBrowserCompanyLife takes a company from its making to its end, with a customer at Codat's pages in another browser.
func TestBrowserCompanyLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("ada@example.com", store.Admin)
	p := w.serve()
	b, customer := openTab(t, p.url), openTab(t, w.codat)
	customer.expect(`favicon.ico`)
	b.signIn("ada@example.com")

	// Made here, it has a link for its customer.
	b.open("/companies")
	b.leave(b.click(`main a[href="/companies/new"]`))
	b.do(chromedp.SendKeys(chromedp.CSS("[name=name]"), toft), chromedp.SendKeys(chromedp.CSS("[name=tags]"), "region: UK"))
	b.leave(b.click("main form .primary"))
	b.untilLive()
	mustContain(t, b.text("main"), toft+" is created in Codat.", "region: UK", "Not connected yet")
	link := evaluate[string](b, `document.querySelector("#link .copy a").href`)
	if want := w.codat + "/company/" + w.company(toft).CodatID; link != want {
		t.Fatalf("the link is %s, want %s", link, want)
	}
	b.shoot("company life 1 created")
	b.do(chromedp.Evaluate[chromedp.Void](mark))

	// The customer turns back first, and approves then.
	customer.choose(link, "Xero")
	b.until(`document.querySelector(".connection")?.dataset.status === "PendingAuth"`)
	row := evaluate[string](b, `document.querySelector(".connection").id`)
	b.untilRow(row, "PendingAuth", "Waiting for the customer")
	customer.answer("cancel", "Not linked")
	customer.follow(link, "PendingAuth")
	customer.answer("approve", "Linked")
	b.untilRow(row, "Linked", "Linked")
	b.until(`!!document.getElementById("invite") && !document.getElementById("invite").open`)
	if !evaluate[bool](b, marked) {
		t.Error("the company was loaded again to show that it is linked")
	}
	w.booksRead(toft)
	b.shoot("company life 2 linked")

	// Cut on the accounting package's side, nobody notices until Codat looks.
	w.ask(http.MethodPost, "/_sandbox/connections/"+w.connection(toft).CodatID+"/sever", "")
	b.until(`!!document.querySelector("#` + row + ` form[action$='/check'] button")`)
	b.leave(b.click("#" + row + " form[action$='/check'] button"))
	b.untilRow(row, "Deauthorized", "Access lost")
	b.untilLive()

	// Connected again it is the same connection.
	customer.follow(link, "Deauthorized")
	customer.answer("approve", "Linked")
	b.untilRow(row, "Linked", "Linked")

	// Unlinked from here.
	b.until(`!!document.querySelector("#ends a[href$='/unlink']")`)
	b.leave(b.click("#ends a[href$='/unlink']"))
	mustContain(t, b.text("main"), "Unlink Xero", "There are none that it concerns.")
	b.leave(b.click("main form .danger"))
	b.untilRow(row, "Unlinked", "Unlinked")
	mustContain(t, b.text("#flashes"), "Xero is unlinked.")
	b.untilLive()
	b.do(chromedp.Evaluate[chromedp.Void](mark))

	// Connected anew there are two, and the new one is used.
	customer.choose(link, "Xero")
	customer.answer("approve", "Linked")
	b.until(`document.querySelectorAll(".connection").length === 2 && !!document.querySelector(".connection[data-status=Linked]")`)
	fresh := evaluate[string](b, `document.querySelector(".connection[data-status=Linked]").id`)
	if fresh == row || evaluate[string](b, fmt.Sprintf(`document.getElementById(%q).dataset.status`, row)) != "Unlinked" {
		t.Errorf("the new connection is %s, the old one was %s", fresh, row)
	}
	if got := "connection-" + w.connection(toft).CodatID; got != fresh {
		t.Errorf("expenses go through %s", got)
	}
	if !evaluate[bool](b, marked) {
		t.Error("the company was loaded again to show the new connection")
	}

	// Deleted while a push is on its way.
	w.until("the books of the new connection", func() bool {
		counts, err := w.store.LedgerCounts(t.Context(), w.connection(toft).ID)
		return err == nil && counts.Accounts > 0 && counts.Suppliers > 0
	})
	w.enterFor(toft, "T-1", "T-2")
	w.scenario(`{"delay":"1h","reference":"T-1"}`)
	v := p.visit("ada@example.com", password)
	id, other := v.id("T-1"), v.id("T-2")
	v.push("T-1")
	company := w.company(toft)
	w.until("T-1 to be with Codat", func() bool {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		pushes, err := w.store.Pushes(t.Context(), n)
		return err == nil && len(pushes) == 1 && slices.ContainsFunc(pushes[0].Steps, func(s store.Step) bool {
			return s.Kind == store.DirectCostStep && s.State == store.StepPending
		})
	})
	b.open(fmt.Sprintf("/companies/%d", company.ID))
	b.leave(b.click("#ends a[href$='/delete']"))
	mustContain(t, b.text("main .stakes"), "Push in progress", "1 expense, GBP 12.50", "Not pushed")
	b.shoot("company life 3 deleting")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=name]"), toft))
	b.leave(b.click("main form .danger"))
	mustContain(t, b.text("main"), toft+" is deleted in Codat.", "Deleted in Codat", "by ada@example.com")
	b.shoot("company life 4 deleted")
	if _, status, _ := v.row("T-1"); status != "needs_checking" {
		t.Errorf("what was on its way is %s", status)
	}
	if _, status, _ := v.row("T-2"); status != "not_pushed" {
		t.Errorf("what was not is %s", status)
	}
	mustContain(t, v.page("/expenses/"+other), toft)
	b.open("/companies?status=deleted")
	mustContain(t, b.text("#companies"), toft)
	b.open("/companies")
	if strings.Contains(b.text("#companies"), toft) {
		t.Error("the deleted company is among the others")
	}
	mustContain(t, v.page(fmt.Sprintf("/expenses?company=%d", company.ID)), "T-1", "T-2")
}

// choose picks the accounting package of that name on a company's page at Codat, which leads to the page that asks.
func (b *tab) choose(link, platform string) {
	b.t.Helper()
	b.do(chromedp.Navigate(link))
	b.leave(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`[...document.querySelectorAll("button")].find((b) => b.textContent === %q).click()`, platform)))
}

// follow goes to the page that asks about a connection which the company's page says to be in that state.
func (b *tab) follow(link, status string) {
	b.t.Helper()
	b.do(chromedp.Navigate(link))
	b.leave(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`[...document.querySelectorAll("li")].find((l) => l.textContent.includes(%q)).querySelector("a").click()`, status)))
}

// answer says what the customer says there.
func (b *tab) answer(said, result string) {
	b.t.Helper()
	b.leave(b.click(fmt.Sprintf("button[value=%s]", said)))
	if got := b.text("h1"); got != result {
		b.t.Fatalf("after %s Codat’s page says %q", said, got)
	}
}

// enterFor imports expenses of a company with a standard chart.
func (w *world) enterFor(company string, references ...string) {
	w.t.Helper()
	csv := "company,reference,date,supplier,description,category,currency,net,tax,paid_from\n"
	for _, r := range references {
		csv += fmt.Sprintf("%s,%s,2026-01-31,Fourth Coffee,Beans,Entertainment,GBP,12.50,0.00,Business Bank Account\n", company, r)
	}
	file := filepath.Join(w.t.TempDir(), "expenses.csv")
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.do("", "import", file)
}

// TestCompanyPages sees the pages of a company's life.
func TestCompanyPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("ada@example.com", store.Admin)
	p := w.serve()
	w.enter([2]string{"P-1", travel}, [2]string{"P-2", travel}, [2]string{"P-3", travel})
	v := p.visit("ada@example.com", password)
	w.scenario(`{"delay":"1h","reference":"P-1"}`)
	v.push("P-1")
	v.post("/companies", "form", "5b6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", "name", toft, "description", "Bikes, and all that belongs to them.", "tags", "region: UK\nplan: gold")
	c := w.company(northwind)
	b := openTab(t, p.url)
	b.expect(`status of 422`) // of forms with problems
	b.signIn("ada@example.com")
	b.visit(map[string]string{
		"companies no match": "/companies?q=nothing",
		"companies deleted":  "/companies?status=deleted",
		"company to connect": fmt.Sprintf("/companies/%d", w.company(toft).ID),
		"company delete":     fmt.Sprintf("/companies/%d/delete", c.ID),
		"company unlink":     fmt.Sprintf("/companies/%d/connections/%d/unlink", c.ID, w.connection(northwind).ID),
		"company new":        "/companies/new",
	})
	b.open(fmt.Sprintf("/companies/%d", c.ID))
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("invite").open = true`))
	b.see("company linked unfolded")
	b.open("/companies/new")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=name]"), "Müller (Bikes)"), chromedp.SendKeys(chromedp.CSS("[name=tags]"), "region"))
	b.leave(submit("main form"))
	b.see("company new with problems")
	b.open(fmt.Sprintf("/companies/%d/delete", c.ID))
	b.leave(submit("main form"))
	b.see("company delete with problems")
	v.post(fmt.Sprintf("/companies/%d/delete", c.ID), "name", northwind)
	b.open(fmt.Sprintf("/companies/%d", c.ID))
	b.see("company deleted")
}
