package handlers

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/store"
	"tallylight/store/storetest"
)

func TestExport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	a, b := s.company("Northwind", "GBP", store.Linked), s.company("Fabrikam", "GBP", store.Linked)
	s.expenses(v.user, a, 3)
	s.expenses(v.user, b, 2)
	_, err := s.store.AddExpenses(t.Context(), v.user, []store.NewExpense{{
		CompanyID: a.ID, Reference: "=cmd|' /C calc'!A0", Currency: "JPY", Source: "form", Supplier: "+49 Taxi", Note: "two\nlines, \"quoted\"",
		IssueDate: time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC),
		Lines: []store.Line{{Description: "-5 degrees", Category: "Meals", Net: decimal.MustParse("-1200"), Tax: decimal.MustParse("-120")},
			{Description: "more", Category: "Travel", Net: decimal.MustParse("-1")}},
	}})
	if err != nil {
		t.Fatal(err)
	}

	got := v.get("/expenses/export.csv?company=" + a.CodatID)
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Disposition"), `attachment; filename="expenses-`) {
		t.Fatalf("%d %v", got.status, got.header)
	}
	text, marked := strings.CutPrefix(got.body, "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !marked || len(rows) != 5 {
		t.Fatalf("%d rows, marked %t, error %v:\n%s", len(rows), marked, err, got.body)
	}
	want := []string{"Northwind", "'=cmd|' /C calc'!A0", "2026-02-28", "'+49 Taxi", "'-5 degrees", "Meals", "JPY", "-1201", "-120", "-1321", "", "Not pushed", "", "", "", "two\nlines, \"quoted\"", "UTC"}
	since := rows[1][12]
	rows[1][12] = ""
	if strings.Join(rows[1], "|") != strings.Join(want, "|") {
		t.Errorf("exported\n%q, want\n%q", rows[1], want)
	}
	if at, err := time.Parse(time.RFC3339, since); err != nil || time.Since(at) > time.Hour {
		t.Errorf("status since %q", since)
	}
	if rows[4][1] != "Northwind-1" || rows[4][9] != "10.00" {
		t.Errorf("last row %q", rows[4])
	}

	got = v.get("/expenses/export.xlsx?q=northwind-2")
	z, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := io.ReadAll(f)
	if err != nil || strings.Count(string(sheet), "<row>") != 2 {
		t.Errorf("sheet of %d bytes, error %v", len(sheet), err)
	}
	mustContain(t, string(sheet), `<v>46024</v>`, `<v>10.00</v>`, `Northwind-2`, `Not pushed`)
	mustContain(t, s.log.String(), "expenses exported", "kind=csv", "expenses=4", "by=viewer@example.com")
}

func TestExportsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	for range exportsAtOnce {
		s.handlers.exports.begin(v.user.ID)
	}
	if a := v.get("/expenses/export.csv"); a.status != http.StatusTooManyRequests || a.header.Get("Content-Disposition") != "" {
		t.Errorf("a third export: %d", a.status)
	} else {
		mustContain(t, a.body, "Two exports of yours are running already")
	}
	s.handlers.exports.end(v.user.ID)
	if a := v.get("/expenses/export.csv"); a.status != http.StatusOK {
		t.Errorf("a second one: %d", a.status)
	}
}

// A file whose reading broke off must not look whole: not by an end of its own, nor by an answer that ends as it should.
func TestADownloadThatBreaksOffDoesNotLookWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	gone, end := context.WithCancel(t.Context())
	end()
	for _, kind := range []exportKind{exportCSV, exportXLSX} {
		var out bytes.Buffer
		if _, err := writeExport(gone, s.store, store.ExpenseFilter{}, kind, time.UTC, &out); err == nil || out.Len() > 0 {
			t.Errorf("%s: %d bytes were written, error %v", kind.extension, out.Len(), err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.handlers.download(w, csvType, "x.csv", func(out io.Writer) error {
			if r.URL.Path == "/begun" {
				io.WriteString(out, "reference\r\n")
			}
			return io.ErrClosedPipe
		})
		if err == nil || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("not begun: error %v, %v", err, w.Header())
		}
	}))
	defer server.Close()
	for _, path := range []string{"/begun", "/"} {
		resp, err := http.Get(server.URL + path)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if begun := path == "/begun"; begun != (err != nil) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

var csvLink = regexp.MustCompile(`href="(/expenses/export\.csv[^"]*)"`)

// TestExportBroken has a reader go away in the middle of a file.
func TestExportBroken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 16)
	storetest.DB(t, s.dsn).MustExec(`UPDATE expenses SET note = repeat('long ', 200000)`) // 16 MB, which no buffer on the way holds
	link := csvLink.FindStringSubmatch(v.page("/expenses?status=not_pushed"))
	if link == nil {
		t.Fatal("the list has no link to its export")
	}
	routes, err := s.handlers.Routes()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan any, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			how := recover()
			ended <- how
			panic(http.ErrAbortHandler)
		}()
		routes.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	resp, err := v.client.Get(server.URL + html.UnescapeString(link[1]))
	if err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, 100)
	if _, err := io.ReadFull(resp.Body, begun); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%d, error %v", resp.StatusCode, err)
	}
	mustContain(t, string(begun), "company,reference,date")
	resp.Body.Close()
	if how := <-ended; how != http.ErrAbortHandler {
		t.Errorf("it ended with %v", how)
	}
	mustContain(t, s.log.String(), "download ended early")
	mustNotContain(t, s.log.String(), "expenses exported")
	for range exportsAtOnce {
		if !s.handlers.exports.begin(v.user.ID) {
			t.Error("the export that broke counts as running still")
		}
	}
}
