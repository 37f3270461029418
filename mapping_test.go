package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// mappingPages sees the pages on which people say what texts mean, and searches while typing.
func mappingPages(t *testing.T, w *world, p *program) {
	b := openTab(t, p.url)
	b.signIn("ada@example.com")
	w.enter([2]string{"MA-1", "Travel"}, [2]string{"MA-2", "429"})
	company := fmt.Sprintf("/companies/%d/mapping", w.company(northwind).ID)
	b.open(company)
	b.see("mapping categories")
	b.open(company + "/text?kind=account&text=Travel")
	b.see("mapping text")

	// What is typed is found without a press of a button; the field keeps the focus.
	b.do(chromedp.SendKeys(chromedp.CSS(`#q`), "rent"))
	b.until(`document.querySelectorAll("#found li").length === 1 && document.activeElement.id === "q"`)
	b.leave(b.click("#found button"))
	mustContain(t, b.text("main"), "account 469 Rent")
	// Another business's books came behind the connection.
	conn, err := w.store.AccountingConnection(t.Context(), w.company(northwind).ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.SetBooksOf(t.Context(), conn.ID, "another business"); err != nil {
		t.Fatal(err)
	}
	b.open(company)
	b.leave(submit(`main form[action$="/refresh"]`))
	w.until("the books to be read again", func() bool {
		read, err := w.store.BooksRead(t.Context(), conn.ID)
		return err == nil && read
	})
	b.open(company + "/carry")
	mustContain(t, b.text("main"), "469 Rent")
	b.see("mapping carry")
	b.leave(b.click(`button[value="confirm"]`))
	mustContain(t, b.text("main"), "1 mapping of the connection before holds for this one now")

	for _, kind := range []string{"bank", "supplier", "tax_rate", "tracking"} {
		b.open(company + "?kind=" + kind)
		b.see("mapping " + kind)
	}
}
