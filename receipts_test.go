package main

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

// TestBrowserReceipt has a picture chosen for an expense, which goes to the ledger after the expense.
func TestBrowserReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Both)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"P-1", travel})
	id := p.visit("fay@example.com", password).id("P-1")
	b := openTab(t, p.url)
	b.signIn("fay@example.com")
	b.open("/expenses/" + id)

	picture := filepath.Join(t.TempDir(), "taxi receipt.png")
	f, err := os.Create(picture)
	if err == nil {
		err = png.Encode(f, image.NewGray(image.Rect(0, 0, 40, 60)))
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	b.leave(chromedp.SetUploadFiles(chromedp.CSS(`.receipts input[type=file]`), []string{picture}))
	b.untilLive()
	b.until(`document.getElementById("receipts").innerText.includes("Not uploaded yet")`)
	w.scenario(`{"dataType":"attachments","effect":"refuse","status":400,"message":"The file is of a type that is not accepted."}`)
	b.leave(b.click(`form[action="/expenses/` + id + `/push"] button`))
	b.until(`document.getElementById("receipts").innerText.includes("could not be uploaded")`)
	b.until(`document.querySelector("main .head .badge").innerText.includes("Push complete")`)
	b.see("expense with a receipt that failed")
	b.leave(b.click(`form[action$="/retry"] button`))
	b.until(`document.getElementById("receipts").innerText.includes("Uploaded")`)
	b.see("expense with an uploaded receipt")
	w.bookedOnce("P-1")
}
