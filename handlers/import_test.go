package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tallylight/internal/csvfile"
	"tallylight/store"
)

// upload sends a file as a browser does, and returns where that leads.
func (v *visitor) uploadCSV(name, content string) answer {
	v.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	file, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = file.Write([]byte(content))
	}
	if err := errors.Join(err, form.Close()); err != nil {
		v.t.Fatal(err)
	}
	return v.request(http.MethodPost, "/expenses/import", &b, "Content-Type", form.FormDataContentType(), "Sec-Fetch-Site", "same-origin")
}

var (
	problemKey = regexp.MustCompile(`name="problem" value="(\w+)"`)
	fixID      = regexp.MustCompile(`name="fix" value="(\d+)"`)
)

func key(t *testing.T, page, of string, pattern *regexp.Regexp) string {
	t.Helper()
	_, after, found := strings.Cut(page, of)
	m := pattern.FindStringSubmatch(after)
	if !found || m == nil {
		t.Fatalf("nothing to act on after %q in\n%s", of, clipped(page, 6000))
	}
	return m[1]
}

const imported = "company,reference,date,supplier,description,category,currency,net,tax,paid_from\r\n"

// A file as another country's spreadsheet writes it is read as that, mended in place, and entered as a whole.
func TestImportIsMendedInPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "EUR", store.Linked)
	s.company("Fabrikam", "EUR", store.Linked)
	file := strings.ReplaceAll(imported, ",", ";") +
		"Nortwind;R-1;31.01.2026;Caf\xe9 M\xfcller;\"Kaffee;\r\nKuchen\";Meals;EUR;1.204,50;0;\r\n" +
		"Nortwind;R-1;31.01.2026;Caf\xe9 M\xfcller;Tee;Meals;EUR;10,00;;\r\n" +
		"Nortwind;R-2;01.02.2026;;Zug;Travel;EUR;12,5;1;\r\n" +
		"Fabrikam;R-2;31.02.2026;;=Bus;Travel;EUR;7,00;0;\r\n" +
		"Fabrikam;R-3;03.02.2026;;Taxi;Travel;EUR;0;0;\r\n"
	a := v.uploadCSV(`C:\files\january.csv`, file)
	if a.status != http.StatusSeeOther {
		t.Fatalf("upload: %d %s\n%s", a.status, a.body, s.log)
	}
	at := a.location
	page := v.page(at)
	mustContain(t, page, "january.csv", "There is no company &#34;Nortwind&#34;.", "In 3 lines: 2, 4 and 5", "Café Müller", "31.01.2026 is 31 Jan 2026",
		"1.204,50 is 1,204.50", "&#34;31.02.2026&#34; is not a date: write it like 31.01.2026.", "there is nothing to book", "3 mistakes in 5 lines", "It is read like this: 31.01.2026 is 31 Jan 2026; 1.204,50 is 1,204.50; the letters are those of Windows (Café Müller).")
	mustNotContain(t, page, "/start")

	if a := v.get(at + "/problems.csv"); a.status != http.StatusOK || !strings.HasPrefix(a.body, "\ufeffcompany;") {
		t.Errorf("download: %d %s", a.status, a.body)
	} else {
		mustContain(t, a.body, ";problem\r\n", `"company: There is no company ""Nortwind""."`, "Café Müller", "'=Bus")
	}

	v.post(at+"/fix", "problem", key(t, page, "no company", problemKey), "value", fmt.Sprint(c.ID), "line", "3")
	mustContain(t, v.page(at), "That has been mended already", "In 3 lines: 2, 4 and 5") // line 3 has no such mistake, and the others were not asked for
	v.post(at+"/fix", "problem", key(t, page, "no company", problemKey), "value", fmt.Sprint(c.ID))
	v.post(at+"/fix", "problem", key(t, page, "is not a date", problemKey), "value", "28.02.2026")
	v.post(at+"/fix", "problem", key(t, page, "nothing to book", problemKey), "leave", "1")
	page = v.page(at)
	mustContain(t, page, "3 expenses in 4 lines, ready to be imported", "1 expense is left out", "company in 3 lines: Nortwind → Northwind", "EUR 1,228.00", "28 Feb 2026", ">=Bus<")
	v.post(at+"/undo", "fix", key(t, page, "Left out", fixID))
	mustContain(t, v.page(at), "One mistake in 1 line")
	if a := v.post(at + "/start"); a.location != at || countOf(t, s) != 0 {
		t.Error("a file with problems was imported")
	}
	v.post(at+"/fix", "problem", key(t, v.page(at), "nothing to book", problemKey), "leave", "1")

	v.post(at + "/start")
	mustContain(t, v.page(at), "Being imported", `data-page-row="import-`)
	if err := s.handlers.Imports.EnterDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustContain(t, v.page(at), "3 expenses were imported by finance@example.com")
	mustContain(t, v.page("/expenses"), "Café Müller", "EUR 1,214.50")
	if n := countOf(t, s); n != 3 {
		t.Errorf("%d expenses", n)
	}
	for _, act := range []string{"/discard", "/fix", ""} {
		if a := v.post(at + act); a.location != at {
			t.Errorf("what is imported was changed by %q: %d to %q", act, a.status, a.location)
		}
	}

	// Again, as it is right now: nothing is added, and it says so.
	again := v.uploadCSV("again.csv", imported+"Northwind,R-1,2026-01-31,Café Müller,\"Kaffee;\nKuchen\",Meals,EUR,1204.50,0,\nNorthwind,R-1,2026-01-31,Café Müller,Tee,Meals,EUR,10.00,0,\n").location
	mustContain(t, v.page(again), "The one expense is here already", "There is nothing to import")
	other := v.uploadCSV("other.csv", imported+"Northwind,R-1,2026-01-30,Café Müller,Kaffee,Meals,EUR,1204.50,0,\n").location
	mustContain(t, v.page(other), "R-1 is in Northwind already, with another content: date 2026-01-31 there, 2026-01-30 in the file")
	v.post(other + "/discard")
	if a := v.get(other); a.status != http.StatusNotFound {
		t.Errorf("a discarded file: %d", a.status)
	}
	mustContain(t, v.page("/expenses/import"), "again.csv", "january.csv", "3 expenses")

	// What may be there twice is said before it is entered.
	twice := v.uploadCSV("twice.csv", imported+"Northwind,R-7,2026-01-31,CAFÉ Müller,Lunch,Meals,EUR,1214.5,0,\nNorthwind,R-8,2026-02-01,Taxi,Ride,Travel,EUR,9,0,\n"+
		"Northwind,R-9,2026-02-01,taxi,Ride,Travel,EUR,9.00,0,\nNorthwind,R-10,2026-02-01,Taxi,Ride,Travel,EUR,9.01,0,\n").location
	mustContain(t, v.page(twice), "2 of them look like others, with the same company, supplier, date and amount: R-7 is like R-1, which is here; R-9 is like R-8, also in the file.")
	const line = "Northwind,R-11,2026-02-02,Cab,Ride,Travel,EUR,4,0,\r"
	repeated := v.uploadCSV("repeated.csv", strings.TrimSuffix(imported, "\n")+line+line+strings.ReplaceAll(line, "R-11", "R-12")).location
	mustContain(t, v.page(repeated), "2 expenses in 3 lines, ready to be imported", "The same line is there twice in R-11.", "EUR 8.00")

	// What was mended goes with the download, in a column of its own where the file has none.
	rate := v.uploadCSV("rate.csv", imported+"Northwind,R-13,2026-02-02,Cab,Ride,Travel,USD,4,0,\n"+
		"Northwind,R-14,2026-02-02,Cab,Ride,Travel,EUR,4,0,,more\n").location
	v.post(rate+"/fix", "problem", key(t, v.page(rate), "The rate is missing", problemKey), "value", "0.9")
	mustContain(t, v.get(rate+"/problems.csv").body, "paid_from,rate,problem\r\n", "USD,4,0,,0.9,\r\n", "EUR,4,0,,more,The line has 11 fields")
}

func countOf(t *testing.T, s *site) int {
	t.Helper()
	counts, err := s.store.StatusCounts(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return counts[store.NotPushed]
}

func TestImportSaysNoAmountWhereNoneCanBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	s.company("Northwind", "EUR", store.Linked)
	a := v.uploadCSV("january.csv", imported+"Northwind,R-1,2026-01-31,,Tea,Meals,EUR,twelve,0,\n")
	page := v.page(a.location)
	mustContain(t, page, "&#34;twelve&#34; is not an amount", ">cannot be read<")
	mustNotContain(t, page, "EUR 0.00")
}

// What was fit when a person saw it may not be so when its turn comes: then nothing is entered, and it says why.
func TestImportThatIsForestalled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	at := v.uploadCSV("x.csv", imported+"Northwind,Northwind-1,2026-01-31,,Lunch,Meals,GBP,99,,\nNorthwind,R-2,2026-01-31,,Lunch,Meals,GBP,1,,\n").location
	mustContain(t, v.page(at), "2 expenses in 2 lines, ready to be imported")
	v.post(at + "/start")
	s.expenses(v.user, c, 1)
	if err := s.handlers.Imports.EnterDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustContain(t, v.page(at), "have changed since: see what is to be mended now. Nothing was imported.", "Northwind-1 is in Northwind already, with another content", "Leave out")
	if n := countOf(t, s); n != 1 {
		t.Errorf("%d expenses", n)
	}
	v.post(at+"/fix", "problem", key(t, v.page(at), "another content", problemKey), "leave", "1")
	v.post(at + "/start")
	if err := s.handlers.Imports.EnterDue(t.Context()); err != nil || countOf(t, s) != 2 {
		t.Errorf("%d expenses, error %v", countOf(t, s), err)
	}
}

// Columns with other names are chosen, and a file of one company needs none for it.
func TestImportColumnsAreChosen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	at := v.uploadCSV("x.csv", "Ref,Date,Currency,Category,Amount,Cost centre\nR-1,2026-01-31,GBP,Meals,10.00,7\n").location
	page := v.page(at)
	mustContain(t, page, "The column reference is missing", "The column net is missing", "The file cannot be read yet", "Columns not used: Ref, Amount and Cost centre", "<details class=\"card\" open>")
	columns := []string{"whose", fmt.Sprint(c.ID), "column_company", "none", "column_reference", "0", "column_date", "1", "column_currency", "2",
		"column_category", "3", "column_net", "4", "column_tax", "none", "column_supplier", "none", "column_description", "none", "column_paid_from", "none"}
	v.post(at, append(columns, "dates", "ymd", "decimal", ".")...)
	mustContain(t, v.page(at), "1 expense in 1 line, ready to be imported", "GBP 10.00", "Columns not used: Cost centre")

	// How a column is written shows when it is known to be one; what a person says of it holds.
	german := "Beleg;Datum;Waehrung;Konto;Betrag\nR-2;03.02.2026;GBP;Meals;1.204,50\n"
	at = v.uploadCSV("x.csv", german).location
	v.post(at, append(columns, "dates", "ymd", "decimal", ".")...)
	mustContain(t, v.page(at), "1 expense in 1 line, ready to be imported", "GBP 1,204.50", "3 Feb 2026")
	v.post(at, append(columns, "dates", "mdy", "decimal", ",")...)
	mustContain(t, v.page(at), "2 Mar 2026")
	v.post(at, append(columns, "dates", "ymd", "decimal", ",")...)
	mustContain(t, v.page(at), "&#34;03.02.2026&#34; is not a date")
}

func TestImportUploadsThatAreNone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	if a := v.uploadCSV("", ""); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no file: %d", a.status)
	} else {
		mustContain(t, a.body, "Choose a file first.")
	}
	if a := v.post("/expenses/import", "file", "x"); a.status != http.StatusBadRequest {
		t.Errorf("no upload: %d", a.status)
	}
	for content, want := range map[string]string{
		"": "The file is empty.", "\xff\xfea\x00": "The file is UTF-16.", imported: "no expense under the header", "\"": "quotation marks",
		"PK\x03\x04\x14\x00\x06": "This is an Excel workbook", "\x89PNG\r\n\x1a\n": "The file is not text",
		"a\x00b,c\n": "The file is not text",
		imported + "Nowhere,R\x001,2026-01-31,\x00,,Meals,GBP,1\x00,,\n": "This holds a NUL byte"} {
		at := v.uploadCSV("x.csv", content).location
		mustContain(t, v.page(at), want)
		if offered := strings.Contains(v.page(at), "/problems.csv"); offered != strings.HasPrefix(content, imported+"N") {
			t.Errorf("%q: a download with its problems is offered: %t", content, offered) // of what was not read it would lack the rest
		}
		if a := v.get(at + "/problems.csv"); a.status != http.StatusOK {
			t.Errorf("%q: its problems: %d", content, a.status)
		}
	}
	// Who says that letters are UTF-8 which are not is told where.
	at := v.uploadCSV("x.csv", imported+"Nowhere,R\xe91,2026-01-31,,,Meals,GBP,1,,\n").location
	v.post(at, "encoding", "utf-8", "dates", "ymd", "decimal", ".", "column_company", "0", "column_reference", "1", "column_date", "2", "column_category", "5",
		"column_currency", "6", "column_net", "7", "column_supplier", "3", "column_description", "4", "column_tax", "8", "column_paid_from", "9")
	mustContain(t, v.page(at), "This is not UTF-8 text")
	busy := s.person(store.Admin)
	for range store.DraftsMost {
		busy.uploadCSV("more.csv", imported)
	}
	if a := busy.uploadCSV("most.csv", imported); a.status != http.StatusConflict {
		t.Errorf("one file too many: %d to %q", a.status, a.location)
	} else {
		mustContain(t, a.body, "You have 20 files here that are not imported.")
		mustNotContain(t, a.body, "most.csv")
	}
	if a := v.uploadCSV("other.csv", imported); a.status != http.StatusSeeOther {
		t.Errorf("a file of another person: %d", a.status)
	}
	viewer := s.person(store.Viewer)
	if a := viewer.get("/expenses/import"); a.status != http.StatusForbidden {
		t.Errorf("a viewer: %d", a.status)
	}
	if a := v.get("/expenses/import/7/nowhere"); a.status != http.StatusNotFound {
		t.Errorf("nowhere: %d", a.status)
	}
}

// What was sent of a file before the connection broke is no file: its last line might say less than it should.
func TestAnUploadThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	s.company("Northwind", "GBP", store.Linked)
	body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"half.csv\"\r\n\r\n" + imported + "Northwind,R-1,2026-01-31,,Lunch,Meals,GBP,12"
	if a := v.request(http.MethodPost, "/expenses/import", strings.NewReader(body), "Content-Type", "multipart/form-data; boundary=b"); a.status != http.StatusBadRequest {
		t.Errorf("half a file: %d to %q\n%s", a.status, a.location, s.log)
	} else {
		mustContain(t, a.body, "The upload broke off. Nothing was kept of it.")
	}
	mustNotContain(t, v.page("/expenses/import"), "half.csv")
}

// A process that ends while it enters leaves nothing; the next one enters everything.
func TestImportThatIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	s.company("Northwind", "GBP", store.Linked)
	var b strings.Builder
	b.WriteString(imported)
	for n := range 6000 { // more than one step
		fmt.Fprintf(&b, "Northwind,R-%d,2026-01-31,,Lunch,Meals,GBP,1.00,,\n", n)
	}
	at := v.uploadCSV("many.csv", b.String()).location
	v.post(at + "/start")
	ctx, end := context.WithCancel(t.Context())
	_, err := s.store.EnterImport(ctx, func(e *store.Entering) (bool, error) {
		if err := e.Add(ctx, []store.NewExpense{{CompanyID: 1, Reference: "half", Currency: "GBP", Source: "csv"}}, 0); err == nil {
			end()
		}
		return true, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := countOf(t, s); n != 0 {
		t.Errorf("%d expenses of an import that was cut off", n)
	}
	other := &csvfile.Importer{Store: s.store, Log: s.handlers.Log}
	if err := errors.Join(other.EnterDue(t.Context()), s.handlers.Imports.EnterDue(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := countOf(t, s); n != 6000 {
		t.Errorf("%d expenses", n)
	}
	mustContain(t, v.page(at), "6,000 expenses were imported")
	im, err := s.store.Imports(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	entered, err := s.store.ExpensePage(t.Context(), store.ExpenseFilter{}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if first, err := s.store.Expense(t.Context(), entered.Items[0].ID); err != nil || !im[0].EndedAt.After(first.CreatedAt) {
		t.Errorf("an import that began at %v ended at %v, error %v", first.CreatedAt, im[0].EndedAt, err)
	}
}
