package csvfile

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tallylight/store"
)

const headerLine = "company,reference,date,supplier,description,category,currency,net,tax,paid_from\n"

func companies() []store.Company {
	gbp, eur, jpy := "GBP", "EUR", "JPY"
	return []store.Company{
		{ID: 1, CodatID: "8a210b68-6988-11ed-a1eb-0242ac120002", Name: "Northwind Ltd", BaseCurrency: &gbp},
		{ID: 2, CodatID: "c2", Name: "Fabrikam", BaseCurrency: &eur},
		{ID: 3, CodatID: "c3", Name: "Twin", BaseCurrency: &gbp},
		{ID: 4, CodatID: "c4", Name: "twin", BaseCurrency: &gbp},
		{ID: 5, CodatID: "c5", Name: "Tailspin, Tours", BaseCurrency: &jpy},
		{ID: 6, CodatID: "c6", Name: "Unread"},
	}
}

func TestReadExpenses(t *testing.T) {
	t.Parallel()
	file := "\ufeffReference,COMPANY,date,supplier,description,category,currency,net,tax,paid_from,tax_rate,rate,note\r\n" +
		"EXP-1,northwind ltd,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Business Account,INPUT2,,\r\n" +
		"EXP-2,\"Tailspin, Tours\",2026-02-28,JR,\"Tickets\r\nto \"\"Osaka\"\"\",Travel,JPY,12400,,,,,\r\n" +
		",,,,,,,,,,,,\r\n" +
		"'\tEXP-1,8A210B68-6988-11ED-A1EB-0242AC120002,2026-01-31,Pret,Coffee,420,GBP,-0.01,0,Business Account,,,\r\n" +
		"EXP-1,Fabrikam,2026-01-31,Pret,Lunch,420,GBP,99999999999.99,0,Bank,,1.17,see EXP-1\r\n" +
		"EXP-4,Unread,2026-03-29,,x,Travel,KWD,1.125,,,,,\r\n"
	expenses, problems := Read(strings.NewReader(file), companies())
	if len(problems) != 0 {
		t.Fatalf("problems: %+v", problems)
	}
	if len(expenses) != 4 {
		t.Fatalf("%d expenses, want 4: %+v", len(expenses), expenses)
	}
	first := expenses[0]
	if first.CompanyID != 1 || first.Reference != "EXP-1" || first.Source != "csv" || first.PaidFrom != "Business Account" || len(first.Lines) != 2 ||
		!first.IssueDate.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)) || first.Rate.Valid {
		t.Errorf("first = %+v", first)
	}
	if l := first.Lines[1]; l.Description != "Coffee" || l.Net.String() != "-0.01" || !l.Tax.IsZero() || l.TaxRate != "" {
		t.Errorf("its second line = %+v", l)
	}
	if l := expenses[1].Lines[0]; l.Description != "Tickets\nto \"Osaka\"" || l.Net.String() != "12400" {
		t.Errorf("second's line = %+v", l)
	}
	if e := expenses[2]; e.CompanyID != 2 || e.Lines[0].Net.String() != "99999999999.99" || e.Rate.Decimal.String() != "1.17" || e.Note != "see EXP-1" {
		t.Errorf("third = %+v", e)
	}
	if e := expenses[3]; e.Lines[0].Net.String() != "1.125" {
		t.Errorf("fourth = %+v", e)
	}
}

func TestReadSemicolons(t *testing.T) {
	t.Parallel()
	file := strings.ReplaceAll(headerLine, ",", ";") + "Northwind Ltd;EXP-1;2026-01-31;Pret, Soho;Lunch;420;GBP;10.00;2.00;\n"
	expenses, problems := Read(strings.NewReader(file), companies())
	if len(problems) != 0 || len(expenses) != 1 || expenses[0].Supplier != "Pret, Soho" {
		t.Errorf("expenses = %+v, problems = %+v", expenses, problems)
	}
}

func TestReadProblems(t *testing.T) {
	t.Parallel()
	const good = "Northwind Ltd,EXP-1,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n"
	long := strings.Repeat("é", 4001)
	tests := map[string]struct {
		file string
		want []string // line/column: a part of the text
	}{
		"empty file":        {"", []string{"1/: empty"}},
		"header alone":      {headerLine, []string{"1/: no expense"}},
		"no header":         {good, []string{"1/: no column called \"northwind ltd\"", "1/company: missing"}},
		"column missing":    {strings.Replace(headerLine, ",currency", "", 1), []string{"1/currency: missing"}},
		"column unknown":    {strings.Replace(headerLine, "paid_from", "paid_from,vat", 1), []string{`1/: no column called "vat"`}},
		"column twice":      {strings.Replace(headerLine, "paid_from", "paid_from,Date", 1), []string{"1/date: twice"}},
		"utf-16":            {"\xff\xfec\x00o\x00", []string{"1/: UTF-16"}},
		"too few fields":    {headerLine + "Northwind Ltd,EXP-1\n" + good, []string{"2/: 2 fields"}},
		"too many fields":   {headerLine + strings.Replace(good, "\n", ",more\n", 1), []string{"2/: 11 fields"}},
		"stray quote":       {headerLine + strings.Replace(good, "Pret", `6" pipe`, 1) + strings.Replace(good, "GBP", "", 1), []string{"2/: quotation marks", "3/currency: The currency is missing"}},
		"open quote":        {headerLine + good + strings.Replace(good, "Pret", `"Pret`, 1), []string{"3/: quotation marks"}},
		"latin-1":           {headerLine + strings.Replace(good, "Pret", "Caf\xe9", 1), []string{"2/supplier: UTF-8"}},
		"nul":               {headerLine + strings.Replace(good, "Pret", "Pr\x00et", 1), []string{"2/supplier: NUL"}},
		"an image":          {"\x89PNG\r\n\x1a\n", []string{"1/: not text"}},
		"a workbook":        {"PK\x03\x04", []string{"1/: Excel workbook"}},
		"one long line":     {strings.Repeat("x,", 40_000), []string{"1/: longer than 64 KB"}},
		"many columns":      {strings.Repeat("x,", 1000) + "\n", []string{"1/: 1001 columns"}},
		"returns alone":     {strings.ReplaceAll(headerLine+good+"x\n", "\n", "\r"), []string{"3/: 1 fields"}},
		"other space":       {headerLine + strings.Replace(good, "Northwind Ltd", "Northwind\u00a0 Ltd", 1) + "x\n", []string{"3/: 1 fields"}},
		"company missing":   {headerLine + strings.Replace(good, "Northwind Ltd", " ", 1), []string{"2/company: missing"}},
		"company unknown":   {headerLine + strings.Replace(good, "Northwind", "Nowhere", 1), []string{`2/company: no company "Nowhere Ltd"`}},
		"company ambiguous": {headerLine + strings.Replace(good, "Northwind Ltd", "TWIN", 1), []string{"2/company: 2 companies"}},
		"reference missing": {headerLine + strings.Replace(good, "EXP-1", "", 1), []string{"2/reference: missing"}},
		"date missing":      {headerLine + strings.Replace(good, "2026-01-31", "", 1), []string{"2/date: missing"}},
		"date spelled":      {headerLine + strings.Replace(good, "2026-01-31", "31/01/2026", 1), []string{`2/date: "31/01/2026" is not a date`}},
		"date impossible":   {headerLine + strings.Replace(good, "2026-01-31", "2026-02-29", 1), []string{"2/date: not a date"}},
		"date far":          {headerLine + strings.Replace(good, "2026-01-31", "0206-01-31", 1), []string{"2/date: between 1990 and 2100"}},
		"currency unknown":  {headerLine + strings.Replace(good, "GBP,10.00", "POUND,10.001", 1), []string{`2/currency: "POUND" is not a currency`}},
		"net missing":       {headerLine + strings.Replace(good, "10.00", "", 1), []string{"2/net: The amount is missing."}},
		"net spelled":       {headerLine + strings.Replace(good, "10.00,2.00", `"10,00",two`, 1), []string{`2/net: "10,00" is not an amount`, `2/tax: "two" is not an amount`}},
		"net too fine":      {headerLine + strings.Replace(good, "10.00", "10.001", 1), []string{"2/net: GBP has 2"}},
		"yen and sen":       {headerLine + strings.Replace(good, "GBP,10.00,2.00", "JPY,10.5,0", 1), []string{"2/net: JPY has 0", "2/rate: The rate is missing"}},
		"net too large":     {headerLine + strings.Replace(good, "10.00", "10000000000000.00", 1), []string{"2/net: too large"}},
		"signs":             {headerLine + strings.Replace(good, "2.00", "-2.00", 1), []string{"2/tax: different signs"}},
		"nothing":           {headerLine + strings.Replace(good, "10.00,2.00", "0,0", 1), []string{"2/: nothing to book"}},
		"category missing":  {headerLine + strings.Replace(good, ",420,", ",,", 1), []string{"2/category: missing"}},
		"description long":  {headerLine + good + strings.Replace(good, "Lunch", long, 1), []string{"3/description: longer than 4000"}},
		"rate spelled": {"rate," + headerLine + "fast," + strings.Replace(good, "GBP", "EUR", 1), []string{
			`2/rate: "fast" is not a rate`}},
		"rate not needed": {"rate," + headerLine + "1.2," + good, []string{"2/rate: No rate is needed"}},
		"lines disagree": {headerLine + good + strings.NewReplacer("2026-01-31", "2026-01-30", "Pret", "Itsu", "Bank", "Card").Replace(good), []string{
			`3/date: "2026-01-30" here and "2026-01-31" on line 2`, `3/supplier: on line 2`, "3/paid_from: on line 2"}},
		"every bad line": {
			headerLine + strings.Replace(good, "GBP", "XX", 1) + good + strings.Replace(good, "Northwind", "South", 1) + "x\n",
			[]string{`2/currency: "XX"`, `3/currency: "GBP" here and "XX" on line 2`, "4/company: South", "5/: 1 fields"},
		},
		"without references they stay apart": {
			headerLine + strings.Replace(good, "EXP-1", "", 1) + strings.NewReplacer("EXP-1", "", "Pret", "Itsu").Replace(good),
			[]string{"2/reference: missing", "3/reference: missing"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Read(strings.NewReader(tt.file), companies())
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%d/%s: %s", p.Line, p.Column, p.Text))
			}
			for _, want := range tt.want {
				at, text, _ := strings.Cut(want, ": ")
				if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, at+": ") && strings.Contains(g, text) }) {
					t.Errorf("nothing says %q in\n%s", want, strings.Join(got, "\n"))
				}
			}
			if name != "no header" && len(got) != len(tt.want) {
				t.Errorf("%d problems, want %d:\n%s", len(got), len(tt.want), strings.Join(got, "\n"))
			}
		})
	}
}

func TestProblemAsText(t *testing.T) {
	t.Parallel()
	_, problems := Read(strings.NewReader(headerLine+"x\nNowhere,EXP-1,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n"), companies())
	if text := fmt.Sprintln(problems); text != `[Line 2: The line has 1 fields and the header has 10. Line 3, company: There is no company "Nowhere".]`+"\n" {
		t.Error(text)
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	rows := func(n int) io.Reader {
		var b strings.Builder
		b.WriteString(headerLine)
		for i := range n {
			fmt.Fprintf(&b, "Northwind Ltd,EXP-%d,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n", i)
		}
		return strings.NewReader(b.String())
	}
	if expenses, problems := Read(rows(MaxRows), companies()); len(expenses) != MaxRows || len(problems) != 0 {
		t.Errorf("%d expenses, problems %+v", len(expenses), problems)
	}
	if _, problems := Read(rows(MaxRows+1), companies()); len(problems) != 1 || problems[0].Line != MaxRows+2 {
		t.Errorf("one row too many: %+v", problems)
	}
	endless := io.MultiReader(strings.NewReader(headerLine+`"`), iotest.HalfReader(spaces{}))
	if _, problems := Read(endless, companies()); len(problems) != 1 || !strings.Contains(problems[0].Text, "larger than 64 MB") {
		t.Errorf("an endless field: %+v", problems)
	}
	broken := io.MultiReader(strings.NewReader(headerLine), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, problems := Read(broken, companies()); len(problems) != 1 {
		t.Errorf("a broken upload: %+v", problems)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func FuzzRead(f *testing.F) {
	f.Add(headerLine + "Northwind Ltd,EXP-1,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n")
	f.Add("\ufeffcompany;reference\r\n\"a")
	f.Fuzz(func(t *testing.T, file string) {
		known := companies()
		expenses, problems := Read(strings.NewReader(file), known)
		if len(problems) > 0 {
			return
		}
		if len(expenses) == 0 {
			t.Error("neither expenses nor problems")
		}
		for _, e := range expenses {
			if ps := e.Problems(""); len(ps) > 0 && !e.Rate.Valid {
				t.Errorf("%+v has problems: %+v", e, ps)
			}
		}
	})
}

func TestATextMayBeginLikeAPicture(t *testing.T) {
	t.Parallel()
	for _, head := range []string{"BMD-Konto;Datum;Betrag\n", "OTTO-Nr;Datum\n", "ID3;Datum\n", "GIF89a;Datum\n"} {
		if said := otherKind([]byte(head)); said != "" {
			t.Errorf("%q: %s", head, said)
		}
	}
	for _, head := range []string{"%PDF-1.7\n", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PK\x03\x04", "BM\x36\x00\x00\x00"} {
		if said := otherKind([]byte(head)); said == "" {
			t.Errorf("%q passes for text", head)
		}
	}
}
