package main

import (
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// receipt has a picture chosen for an expense, and another dropped onto it: both go to the ledger after the expense.
func (d *desk) receipt() {
	t, w, v, b := d.t, d.w, d.v, d.b
	w.enter([2]string{"T-1", travel})
	id := v.id("T-1")
	b.open("/expenses/" + id)
	b.leave(chromedp.SetUploadFiles(chromedp.CSS(`.receipts input[type=file]`), []string{picture(t, "taxi receipt.png")}))
	b.untilLive()
	b.until(`document.getElementById("receipts").innerText.includes("Not uploaded yet")`)
	dropped := picture(t, "bus.png")
	b.leave(func(context.Context, *chromedp.Target) (chromedp.Void, error) {
		b.drop("#receipts", dropped)
		return chromedp.Void{}, nil
	})
	b.untilLive()
	mustContain(t, b.text("#receipts"), "taxi receipt.png", "bus.png")
	w.scenario(`{"dataType":"attachments","effect":"refuse","status":400,"message":"The file is of a type that is not accepted."}`)
	b.leave(b.click(`form[action="/expenses/` + id + `/push"] button`))
	b.until(`document.getElementById("receipts").innerText.includes("could not be uploaded")`)
	b.until(`document.querySelector("main .head .badge").innerText.includes("Push complete")`)
	b.see("expense with a receipt that failed")
	b.leave(b.click(`form[action$="/retry"] button`))
	b.until(`[...document.querySelectorAll("#receipts .badge")].filter((s) => s.innerText.includes("Uploaded")).length === 2`)
	b.until(`document.querySelector("#receipts .what a").checkVisibility()`)
	b.see("expense with uploaded receipts")
}

// picture makes a file that looks like a receipt.
func picture(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err == nil {
		err = png.Encode(f, image.NewGray(image.Rect(0, 0, 40, 60+len(name))))
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	return path
}
