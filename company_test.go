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

// TestBrowserGround is about what pushes stand on: companies, their connections, and what texts mean. Each part has companies of its own.
func TestBrowserGround(t *testing.T) {
	t.Parallel()
	needChromium(t)
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("ada@example.com", store.Admin)
	p := w.serve()
	for name, part := range map[string]func(t *testing.T, w *world, p *program){
		"life": companyLife, "company pages": companyPages, "checks": connectionChecks, "mapping": mappingPages,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := *w, program{t: t, url: p.url}
			w.t = t
			part(t, &w, &p)
		})
	}
}

// companyLife takes a company from its making to its end, with a customer at Codat's pages in another browser.
func companyLife(t *testing.T, w *world, p *program) {
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
	v := p.visit("ada@example.com", password)
	former := w.connection(toft)
	w.maps(v, former, "Taxi", "Entertainment")

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

	mapping := fmt.Sprintf("/companies/%d/mapping", former.CompanyID)
	if page := v.page(mapping); strings.Contains(page, "to be confirmed") || !strings.Contains(page, "mapped by ada@example.com") {
		t.Errorf("its mapping does not hold through the same connection: %s", plain(page))
	}

	// Unlinked from here.
	b.until(`!!document.querySelector("#ends a[href$='/unlink']")`)
	b.leave(b.click("#ends a[href$='/unlink']"))
	mustContain(t, b.text("main"), "Unlink Xero", "No expense is affected.")
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

	w.until("the books of the new connection", func() bool {
		read, err := w.store.BooksRead(t.Context(), w.connection(toft).ID)
		counts, err2 := w.store.LedgerCounts(t.Context(), w.connection(toft).ID)
		return err == nil && err2 == nil && read && counts.Suppliers > 0
	})

	// What texts meant is shown beside what they would mean, and holds when it is confirmed.
	holds := func() bool {
		ms, err := w.store.MappingsOf(t.Context(), w.connection(toft).ID, store.AccountMapping, []string{"taxi"})
		if err != nil {
			t.Fatal(err)
		}
		return len(ms) > 0
	}
	b.open(mapping)
	mustContain(t, b.text("main"), "1 mapping of the old connection waits to be confirmed")
	b.leave(b.click(`main a[href$="/carry"]`))
	mustContain(t, b.text(".carry tbody tr"), "Taxi", "Entertainment")
	if was, is := b.text(".carry .was"), b.text(".carry .now-is"); was != is || !strings.Contains(is, "Entertainment") {
		t.Errorf("it was %q and would be %q", was, is)
	}
	if holds() {
		t.Error("the mapping of the old connection is used before anybody confirmed it")
	}
	b.shoot("company life 5 carry")
	b.leave(b.click(`button[value="confirm"]`))
	mustContain(t, b.text("main"), "1 mapping of the connection before holds for this one now.")
	if !holds() {
		t.Error("the mapping that was confirmed is not used")
	}

	// Deleted while a push is on its way.
	w.enterFor(toft, "TOFT-1", "TOFT-2")
	w.scenario(`{"delay":"1h","reference":"TOFT-1"}`)
	id, other := v.id("TOFT-1"), v.id("TOFT-2")
	v.push("TOFT-1")
	company := w.company(toft)
	w.until("TOFT-1 to be with Codat", func() bool {
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
	if _, status, _ := v.row("TOFT-1"); status != "needs_checking" {
		t.Errorf("what was on its way is %s", status)
	}
	if _, status, _ := v.row("TOFT-2"); status != "not_pushed" {
		t.Errorf("what was not is %s", status)
	}
	mustContain(t, v.page("/expenses/"+other), toft)
	b.open("/companies?status=deleted")
	mustContain(t, b.text("#companies"), toft)
	b.open("/companies")
	if strings.Contains(b.text("#companies"), toft) {
		t.Error("the deleted company is among the others")
	}
	mustContain(t, v.page(fmt.Sprintf("/expenses?company=%d", company.ID)), "TOFT-1", "TOFT-2")
}

// maps says that a category means the account of that name.
func (w *world) maps(v *visitor, c store.Connection, category, account string) {
	w.t.Helper()
	found, _, err := w.store.FindRecords(w.t.Context(), c.ID, store.AccountMapping, "", account, 2)
	if err != nil || len(found) != 1 {
		w.t.Fatalf("the accounts called %s are %v, %v", account, found, err)
	}
	v.post(fmt.Sprintf("/companies/%d/mapping/text", c.CompanyID), "connection", strconv.FormatInt(c.ID, 10), "kind", "account", "text", category,
		"do", "use", "record", found[0].CodatID)
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

// companyPages sees the pages of a company's life.
func companyPages(t *testing.T, w *world, p *program) {
	const contoso, bakery = "Contoso Retail Inc", "Fourth Bakery"
	w.booksRead(contoso)
	v := p.visit("ada@example.com", password)
	w.do("", "import", "testdata/ground.csv")
	w.scenario(`{"delay":"1h","reference":"GR-1"}`)
	v.push("GR-1")
	v.post("/companies", "form", "5b6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", "name", bakery, "description", "Bread, and all that belongs to it.", "tags", "region: UK\nplan: gold")
	c := w.company(contoso)
	b := openTab(t, p.url)
	b.expect(`status of 422`) // of forms with problems
	b.signIn("ada@example.com")
	b.visit(map[string]string{
		"companies no match": "/companies?q=nothing",
		"company to connect": fmt.Sprintf("/companies/%d", w.company(bakery).ID),
		"company unlink":     fmt.Sprintf("/companies/%d/connections/%d/unlink", c.ID, w.connection(contoso).ID),
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
	v.post(fmt.Sprintf("/companies/%d/delete", c.ID), "name", contoso)
	b.open(fmt.Sprintf("/companies/%d", c.ID))
	b.do(b.click("#gone summary"))
	b.see("company deleted")
	b.leave(b.click("#gone a"))
	mustContain(t, b.text("main"), "Codat no longer has this connection.")
	b.open("/companies?status=deleted")
	b.see("companies deleted")
}
