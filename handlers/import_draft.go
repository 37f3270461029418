package handlers

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tallylight/internal/csvfile"
	"tallylight/store"
	"tallylight/views"
)

// draftPage says what reading an uploaded file found.
func draftPage(page *views.ImportPage, f csvfile.Format, p csvfile.Preview, fixes []store.ImportFix, companies []store.Company) {
	switch {
	case p.Problems > 0 && p.Unread:
		page.Verdict, page.Bad = "The file cannot be read yet", true
	case p.Problems > 0:
		page.Verdict, page.Bad, page.Download = mistakes(p.Groups), true, true
		page.Notes = append(page.Notes, "Nothing is imported until each mistake is mended or left out.")
	case p.Expenses == 0 && p.Here > 0:
		page.Verdict = fmt.Sprintf("%s here already", all(p.Here))
		page.Notes = append(page.Notes, "They have the same content. There is nothing to import.")
	case p.Expenses == 0:
		page.Verdict = "There is nothing to import"
	default:
		page.Verdict, page.Fit, page.Button = capital(expenses(p.Expenses))+" in "+lines(p.Lines)+", ready to be imported", true, "Import "+expenses(p.Expenses)
	}
	if p.Expenses > 0 && p.Here > 0 {
		page.Notes = append(page.Notes, capital(expenses(p.Here))+" more of the file "+are(p.Here)+" here already, with the same content, and will be left as they are.")
	}
	if p.Alike > 0 {
		page.Notes = append(page.Notes, lookAlike(p))
	}
	if len(p.Repeats) > 0 {
		page.Notes = append(page.Notes, "The same line is there twice in "+and(p.Repeats)+". Look that none of them is there by mistake.")
	}
	if p.LeftOut > 0 {
		page.Notes = append(page.Notes, capital(expenses(p.LeftOut))+" "+are(p.LeftOut)+" left out.")
	}
	if read := readAs(f, p); read != "" && !p.Unread {
		page.Notes = append(page.Notes, read)
	}
	if len(p.Unused) > 0 {
		page.Notes = append(page.Notes, "Columns not used: "+clipped(and(p.Unused), 300)+".")
	}
	more := p.Problems
	for _, g := range p.Groups {
		page.Faults = append(page.Faults, fault(g, companies))
		more -= len(g.Lines)
	}
	if more > 0 && len(p.Groups) == csvfile.MostGroups {
		page.More = "There are more. They show when these are mended."
		if page.Download {
			page.More = "There are more. They show when these are mended; the download has them all."
		}
	}
	for _, x := range fixes {
		page.Fixes = append(page.Fixes, views.ImportFix{ID: x.ID, Text: fixText(x), By: "by " + x.MadeBy})
	}
	for _, s := range p.Sums {
		page.Sums = append(page.Sums, views.ImportSum{Company: s.Company, Expenses: number(s.Expenses), Total: store.FormatAmount(s.Total, s.Currency)})
	}
	for _, s := range p.First {
		page.First = append(page.First, importSample(s))
	}
	page.Comes = "Totals"
	if p.Problems > 0 {
		page.Comes += ", as far as the file can be read"
	}
	page.Shown = "The first " + number(len(p.First)) + " of " + number(p.Expenses) + ", as they would be entered"
	if len(p.First) == p.Expenses {
		page.Shown = "As they would be entered"
	}
	ways(page, f, p, companies)
}

// lookAlike is a warning of expenses that may be there twice.
func lookAlike(p csvfile.Preview) string {
	said := number(p.Alike) + " of them look like others"
	if p.Alike == 1 {
		said = "One of them looks like another"
	}
	said += ", with the same company, supplier, date and amount: "
	var words []string
	for _, a := range p.Pairs {
		where := ", also in the file"
		if a.Here {
			where = ", which is here"
		}
		words = append(words, clipped(a.Reference, 40)+" is like "+clipped(a.Other, 40)+where)
	}
	said += strings.Join(words, "; ")
	if p.Alike > len(p.Pairs) {
		said += "; and more"
	}
	return said + ". Look that none of them is one that was entered before."
}

func importSample(s csvfile.Sample) views.ImportSample {
	out := views.ImportSample{Reference: s.Reference, Supplier: s.Supplier, Description: s.Description, Company: s.Company, Category: s.Category,
		Total: store.FormatAmount(s.Total, s.Currency)}
	if s.Untotalled {
		out.Total = "cannot be read"
	}
	if t := readDate(s.Date); !t.IsZero() {
		out.Date = day(t)
	}
	if s.Lines > 1 {
		out.Lines = lines(s.Lines)
	}
	return out
}

// fault is one mistake, with what can be done about it here.
func fault(g csvfile.Group, companies []store.Company) views.Fault {
	n := len(g.Lines)
	v := views.Fault{Key: g.Key, Column: g.Column, Text: g.Text, Value: g.Value, Change: g.Fixable(), Where: "Line " + number(int(g.Lines[0]))}
	in := "in line " + number(int(g.Lines[0]))
	if n > 1 {
		in = "in " + lines(n)
		v.Where = "In " + lines(n) + ": " + someLines(g.Lines)
		v.Lines = []views.Option{{Text: "in all " + lines(n)}}
		if n == 2 {
			v.Lines[0].Text = "in both lines"
		}
		for _, l := range g.Lines[:min(n, 20)] {
			v.Lines = append(v.Lines, views.Option{Value: strconv.Itoa(int(l)), Text: "only in line " + number(int(l))})
		}
	}
	v.Label = g.Column + " " + in
	if g.Leave {
		v.Leave = "Leave out"
	}
	if g.Column == "company" && v.Change {
		v.Choose = append([]views.Option{{Text: "Choose a company"}}, companyOptions(companies, 0)...)
	}
	return v
}

// someLines is "2, 3, 4 and more".
func someLines(ls []int32) string {
	var words []string
	for _, l := range ls[:min(len(ls), 5)] {
		words = append(words, number(int(l)))
	}
	if len(ls) > len(words) {
		return strings.Join(words, ", ") + " and more"
	}
	return and(words)
}

func fixText(x store.ImportFix) string {
	in := "line " + number(int(x.Lines[0]))
	if len(x.Lines) > 1 {
		in = lines(len(x.Lines))
	}
	if x.Becomes == nil {
		return "Left out: the expenses of " + in
	}
	return fmt.Sprintf("%s in %s: %s → %s", x.Cell, in, cmp.Or(clipped(x.Was, 60), "nothing"), cmp.Or(clipped(*x.Becomes, 60), "nothing"))
}

// ways are how a file can be read, each with what it makes of cells of the file.
func ways(page *views.ImportPage, f csvfile.Format, p csvfile.Preview, companies []store.Company) {
	for _, o := range []struct {
		order csvfile.Dates
		text  string
	}{{csvfile.YearFirst, "Year first"}, {csvfile.DayFirst, "Day first"}, {csvfile.MonthFirst, "Month first"}} {
		page.Dates = append(page.Dates, views.Choice{Option: views.Option{Value: string(o.order), Text: o.text, Chosen: f.Dates == o.order},
			Sample: sampled(p.Dates, func(text string) string {
				t, ok := csvfile.ReadDate(text, o.order)
				if !ok {
					return "no date"
				}
				return day(t)
			})})
	}
	for _, o := range []struct{ mark, text string }{{".", "Decimal point"}, {",", "Decimal comma"}} {
		page.Decimals = append(page.Decimals, views.Choice{Option: views.Option{Value: o.mark, Text: o.text, Chosen: f.Decimal == o.mark},
			Sample: sampled(p.Amounts, func(text string) string {
				n, ok := csvfile.ReadNumber(text, o.mark, true)
				if !ok {
					return "no amount"
				}
				return readable(n)
			})})
	}
	if len(p.Letters) > 0 {
		for _, o := range []struct {
			encoding csvfile.Encoding
			text     string
		}{{csvfile.UTF8, "UTF-8"}, {csvfile.Windows1252, "Windows-1252"}} {
			page.Letters = append(page.Letters, views.Choice{Option: views.Option{Value: string(o.encoding), Text: o.text, Chosen: f.Encoding == o.encoding},
				Sample: plain(csvfile.Decode(p.Letters, o.encoding))})
		}
	}
	for _, o := range []views.Option{{Text: "As the first line has it"}, {Value: ",", Text: "Commas"}, {Value: ";", Text: "Semicolons"}, {Value: "\t", Text: "Tabs"}} {
		o.Chosen = f.Separator == o.Value
		page.Separate = append(page.Separate, o)
	}
	for _, name := range csvfile.Columns {
		c := columnChoice(name, f, p.Columns)
		page.Missing = page.Missing || c.Missing
		page.Columns = append(page.Columns, c)
	}
	page.Whose = append([]views.Option{{Text: "A column says so"}}, companyOptions(companies, f.CompanyID)...)
}

func columnChoice(name string, f csvfile.Format, header []string) views.ColumnChoice {
	at, known := f.Columns[name]
	optional := name == "tax_rate" || name == "rate" || name == "note"
	c := views.ColumnChoice{Name: name, Meaning: views.ColumnMeaning(name), Missing: !known && !optional && (name != "company" || f.CompanyID == 0)}
	none := views.Option{Value: "none", Text: "Not in the file", Chosen: known && at == csvfile.Absent || !known && optional}
	switch {
	case c.Missing:
		c.Options = append(c.Options, views.Option{Text: "Choose one", Chosen: true})
		if !csvfile.Essential(name) {
			c.Options = append(c.Options, none)
		}
	case !csvfile.Essential(name) || name == "company":
		c.Options = append(c.Options, none)
	}
	for i, h := range header {
		c.Options = append(c.Options, views.Option{Value: strconv.Itoa(i), Text: fmt.Sprintf("%d: %s", i+1, cmp.Or(clipped(plain(h), 60), "no name")), Chosen: known && at == i})
	}
	return c
}

// readFormat reads the form that ways makes.
func readFormat(value func(string) string, columns int) csvfile.Format {
	f := csvfile.Format{Encoding: csvfile.UTF8, Dates: csvfile.YearFirst, Decimal: ".", Columns: map[string]int{}, CompanyID: readID(value("whose"))}
	if csvfile.Encoding(value("encoding")) == csvfile.Windows1252 {
		f.Encoding = csvfile.Windows1252
	}
	switch order := csvfile.Dates(value("dates")); order {
	case csvfile.DayFirst, csvfile.MonthFirst:
		f.Dates = order
	}
	if value("decimal") == "," {
		f.Decimal = ","
	}
	switch s := value("separator"); s {
	case ",", ";", "\t":
		f.Separator = s
	}
	for _, name := range csvfile.Columns {
		switch text := value("column_" + name); text {
		case "":
		case "none":
			f.Columns[name] = csvfile.Absent
		default:
			if i, err := strconv.Atoi(text); err == nil && i >= 0 && i < columns {
				f.Columns[name] = i
			}
		}
	}
	return f
}

// sampled is "31.01.2026 is 31 Jan 2026; 1.2.2026 is 1 Feb 2026".
func sampled(cells []string, read func(string) string) string {
	var words []string
	for _, c := range cells {
		c = plain(c)
		words = append(words, c+" is "+read(c))
	}
	return strings.Join(words, "; ")
}

// readable sets the thousands of a plain decimal apart.
func readable(n string) string {
	whole, rest, pointed := strings.Cut(strings.TrimPrefix(n, "-"), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if pointed {
		whole += "." + rest
	}
	if strings.HasPrefix(n, "-") {
		return "−" + whole
	}
	return whole
}

// lines is "1 line" or "1,300 lines".
func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return number(n) + " lines"
}

// mistakes is "2 mistakes in 5,000 lines".
func mistakes(gs []csvfile.Group) string {
	in := map[int32]bool{}
	for _, g := range gs {
		for _, l := range g.Lines {
			in[l] = true
		}
	}
	switch n := len(gs); {
	case n == 1:
		return "One mistake in " + lines(len(in))
	case n < csvfile.MostGroups:
		return number(n) + " mistakes in " + lines(len(in))
	}
	return number(csvfile.MostGroups) + " mistakes or more"
}

// readAs says what was made of cells that other countries write otherwise.
func readAs(f csvfile.Format, p csvfile.Preview) string {
	var words []string
	if len(p.Dates) > 0 {
		if t, ok := csvfile.ReadDate(p.Dates[0], f.Dates); ok && p.Dates[0] != t.Format(time.DateOnly) {
			words = append(words, plain(p.Dates[0])+" is "+day(t))
		}
	}
	if len(p.Amounts) > 0 && f.Decimal == "," {
		if n, ok := csvfile.ReadNumber(p.Amounts[0], f.Decimal, true); ok {
			words = append(words, plain(p.Amounts[0])+" is "+readable(n))
		}
	}
	if f.Encoding == csvfile.Windows1252 && len(p.Letters) > 0 {
		words = append(words, "the letters are those of Windows ("+plain(csvfile.Decode(p.Letters, f.Encoding))+")")
	}
	if len(words) == 0 {
		return ""
	}
	return "It is read like this: " + strings.Join(words, "; ") + ". You can change that under “How the file is read”."
}

func all(n int) string {
	if n == 1 {
		return "The one expense is"
	}
	return "All " + expenses(n) + " are"
}
