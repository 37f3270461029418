package handlers

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tallylight/store"
)

// file is one to be sent with a form: its name and its content.
type file [2]string

func (v *visitor) upload(path string, files ...file) answer {
	v.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range files {
		part, err := form.CreateFormFile("file", f[0])
		if err != nil {
			v.t.Fatal(err)
		}
		part.Write([]byte(f[1]))
	}
	form.Close()
	return v.request(http.MethodPost, path, &b, "Content-Type", form.FormDataContentType(), "Sec-Fetch-Site", "same-origin")
}

const (
	pdf  = "%PDF-1.7 a receipt"
	png  = "\x89PNG\x0D\x0A\x1A\x0A a picture"
	jpeg = "\xFF\xD8\xFF\xE0 a photo"
)

// What is taken as a receipt, under which name, and how it comes back.
func TestReceipts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	path := expenseURL(s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0])
	a := v.upload(path+"/receipts", file{"lunch.pdf", pdf}, file{"lunch.pdf", pdf + "2"}, file{"again.pdf", pdf}, file{"evil.html", png}, file{"C:\\x\\..\\a<b\u202eg.JPG", jpeg},
		file{"page.pdf", "<html><script>alert(1)</script>"}, file{"nothing.pdf", ""}, file{"huge.pdf", pdf + strings.Repeat("x", 4_000_000)}, file{strings.Repeat("n", 300) + ".pdf", pdf + "3"})
	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	page := v.page(path)
	mustContain(t, page, "again.pdf is here already.", "page.pdf is not a PDF, PNG or JPEG file.", "nothing.pdf is empty.", "huge.pdf is larger than 4 MB.",
		"lunch (2).pdf", "evil.html.png", "abg.JPG", strings.Repeat("n", 100)+".pdf", "Not uploaded yet", "Uploaded to Xero once the expense is in there.")
	mustNotContain(t, page, "<script>alert", strings.Repeat("n", 101))
	mustNotContain(t, viewer.page(path), `enctype="multipart/form-data"`, ">Remove")
	if got := viewer.upload(path+"/receipts", file{"x.pdf", pdf + "x"}); got.status != http.StatusForbidden {
		t.Errorf("a viewer adds a receipt: %d", got.status)
	}
	rs, err := s.store.Receipts(t.Context(), 1)
	if err != nil || len(rs) != 5 {
		t.Fatalf("%d receipts, %v", len(rs), err)
	}
	for i, want := range map[int][3]string{0: {"application/pdf", "attachment", pdf}, 2: {"image/png", "inline", png}} {
		got := viewer.get(fmt.Sprintf("%s/receipts/%d", path, rs[i].ID))
		if got.status != 200 || got.body != want[2] || got.header.Get("Content-Type") != want[0] || !strings.HasPrefix(got.header.Get("Content-Disposition"), want[1]) ||
			!strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", rs[i].Name, got.status, got.header)
		}
	}
	for n := range 6 {
		v.upload(path+"/receipts", file{"more.pdf", pdf + fmt.Sprint("more", n)})
	}
	mustContain(t, v.page(path), "was left out: an expense has at most 10 receipts.", "An expense has at most 10 receipts.")
	if got := v.upload(path+"/receipts", file{"x.pdf", strings.Repeat("x", receiptBody)}); got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusSeeOther {
		t.Errorf("a form without end: %d", got.status)
	}
	v.upload(path+"/receipts", slices.Repeat([]file{{"empty.pdf", ""}}, receiptFiles+2)...)
	page = v.page(path)
	mustContain(t, page, "Files after the first 20 were not looked at.")
	if n := strings.Count(page, "empty.pdf is empty."); n != receiptFiles {
		t.Errorf("%d files of a form were looked at", n)
	}
	first := fmt.Sprintf("%s/receipts/%d", path, rs[0].ID)
	if got := viewer.post(first + "/delete"); got.status != http.StatusForbidden {
		t.Errorf("a viewer removes a receipt: %d", got.status)
	}
	opened := path + "?list=q%3DNorthwind" // from a list, which it leads back to
	if got := v.postFrom(opened, first+"/delete"); got.location != opened+"#receipts" {
		t.Errorf("a removed receipt leads to %q", got.location)
	}
	if got := v.get(first); got.status != http.StatusNotFound {
		t.Errorf("a removed receipt: %d", got.status)
	}
	if got := v.get("/expenses/2/receipts/" + fmt.Sprint(rs[1].ID)); got.status != http.StatusNotFound {
		t.Errorf("the receipt of another expense: %d", got.status)
	}
	v.post(path + "/delete")
	if rs, err := s.store.Receipts(t.Context(), 1); err != nil || len(rs) != 0 {
		t.Errorf("receipts of an expense that is gone: %d, %v", len(rs), err)
	}
}

// What the page says while a receipt is uploaded, when that failed, and when nobody can tell.
func TestReceiptsOnTheirWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	ids := s.expenses(v.user, c, 2)
	path, other := expenseURL(ids[0]), expenseURL(ids[1])
	v.upload(path+"/receipts", file{"lunch.pdf", pdf})
	v.post(path + "/push")
	done := accepted("op-1", store.OutcomeSuccess)
	done.Outcome.RecordID = "r-1"
	s.settle(done)
	s.turn(c, "Unlinked")
	mustContain(t, v.page(path), "Push complete", "waits for the connection to Xero", ">Remove")
	s.turn(c, store.Linked)
	mustContain(t, v.page(path), "waiting to be sent")
	s.settle(store.Settlement{Reply: store.Reply{Status: 413}, Failed: &store.Failure{Fact: []byte(`{}`), Cause: "receipt_too_large", Subject: "4 MB"}})
	mustContain(t, v.page(path), "Push complete", "The receipt could not be uploaded. The receipt is larger than Xero takes: 4 MB at most.", "/receipts/1/retry")
	v.post(path + "/receipts/1/retry")
	s.settle(lost())
	mustContain(t, v.page(path), "Push complete", "this receipt may or may not be in Xero", "It is in Xero", "Not there: upload again")
	mustNotContain(t, v.page(path), ">Remove")
	v.post(path + "/receipts/1/not-there")
	s.settle(store.Settlement{Outcome: store.Outcome{Status: store.OutcomeSuccess, Source: "reply"}})
	mustContain(t, v.page(path), "Uploaded", "The receipt lunch.pdf is in the ledger")
	v.post(path + "/receipts/1/delete")
	mustContain(t, v.page(path), "lunch.pdf is in the ledger, or on its way there, so it stays.")

	// What cannot go is said before the push. It may have been added before the company had this package.
	_, err := s.store.AddReceipt(t.Context(), v.user, ids[1], store.NewReceipt{Name: "scan.pdf", Type: "application/pdf", Content: []byte(pdf + strings.Repeat("x", 4_000_000))})
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, v.page(other), "Kept here", "larger than Xero takes: 4 MB at most")
	s.exec(`UPDATE connections SET platform_key = 'pqsw', platform_name = 'QuickBooks Desktop'`)
	mustContain(t, v.page(other), "Kept here", "QuickBooks Desktop takes no receipts through Codat: they are kept here only.")
	mustNotContain(t, v.page(other), "Uploaded to QuickBooks Desktop", "Not uploaded yet", "larger than")
}
