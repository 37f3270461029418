package main

import (
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

// upload opens the page of imports, chooses a file, sends it and is led to what is in it.
func (b *tab) upload(name, content string) {
	b.t.Helper()
	b.open("/expenses/import")
	b.send(name, content)
}

func (b *tab) send(name, content string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS(`input[type=file]`), []string{path}))
	b.leave(b.click("main form.card button"))
}

// imports uploads a file, mends it in place and imports it, as a person does.
func (d *desk) imports() {
	b := d.b
	for _, company := range []string{northwind, "Fabrikam Espresso GmbH"} {
		d.w.booksRead(company)
	}
	b.upload("january.csv", "company;reference;date;supplier;description;category;currency;net;tax;paid_from;cost centre\r\n"+
		"Nortwind;R-1;31.01.2026;Caf\xe9 M\xfcller;Kaffee;429;GBP;1.204,50;0;;7\r\n"+
		"Nortwind;R-2;01.02.2026;;Zug nach York;429;GBP;12,5;1;;7\r\n"+
		"Fabrikam Espresso GmbH;R-3;31.02.2026;;Bus;429;EUR;7,00;0;;7\r\n")
	b.do(chromedp.Evaluate[chromedp.Void](`{ const s = document.querySelector("select[name=value]"); s.value = [...s.options].find((o) => o.text.startsWith("Northwind")).value;
		document.querySelector("main details").open = true }`))
	b.see("import to be mended")
	b.leave(b.click(".mend button"))
	b.do(chromedp.SetValue(chromedp.CSS(`.mend input[name=value]`), "28.02.2026"))
	b.leave(b.click(".mend button"))
	b.leave(b.click(".head .primary"))
	b.until(`document.querySelector("main").innerText.includes("3 expenses were imported")`)
	b.see("import done")
	b.upload("photo.csv", "\x89PNG\r\n\x1a\n")
	b.see("import that cannot be read")
	b.open("/expenses/import")
	b.see("import")
}
