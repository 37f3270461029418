package views

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"tallylight/store"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatalf("render: %v", err)
	}
	return b.String()
}

// element is a start tag as a browser understands it, with the elements it stands in.
type element struct {
	html.Token
	path string // "html>body>main"
}

func (e element) attr(name string) string {
	for _, a := range e.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

var void = map[string]bool{"meta": true, "link": true, "input": true, "br": true, "img": true}

// written lists a page's elements as they are written, nested as their tags say.
func written(t *testing.T, page string) []element {
	t.Helper()
	var es []element
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatalf("tokenize: %v", z.Err())
			}
			if len(open) > 0 {
				t.Fatalf("never closed: %v", open)
			}
			return es
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			es = append(es, element{tok, strings.Join(open, ">")})
			if !void[tok.Data] {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			tok := z.Token()
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("</%s> closes %v", tok.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// understood lists them as the parser nests them: what it has to mend (a form in a form, a div in a p) ends up elsewhere.
func understood(t *testing.T, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	var es []string
	var walk func(n *html.Node, path string)
	walk = func(n *html.Node, path string) {
		if n.Type == html.ElementNode {
			es = append(es, strings.TrimPrefix(path+">"+n.Data, ">"))
			path = es[len(es)-1]
		}
		for c := range n.ChildNodes() {
			walk(c, path)
		}
	}
	walk(root, "")
	return es
}

func TestPagesAreValid(t *testing.T) {
	t.Parallel()
	for name, c := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := render(t, c)
			es := written(t, page)
			var paths []string
			for _, e := range es {
				paths = append(paths, strings.TrimPrefix(e.path+">"+e.Data, ">"))
			}
			if got := understood(t, page); !slices.Equal(got, paths) {
				for i := range min(len(got), len(paths)) {
					if got[i] != paths[i] {
						t.Fatalf("a browser mends the page: %s is understood as %s", paths[i], got[i])
					}
				}
				t.Fatalf("a browser sees %d elements, %d are written", len(got), len(paths))
			}

			ids, described, mains, h1s := map[string]bool{}, map[string]bool{}, 0, 0
			for _, e := range es {
				id := e.attr("id")
				if id != "" && ids[id] {
					t.Errorf("the id %q is used twice", id)
				}
				ids[id] = true
				if strings.HasPrefix(id, "expense-") && e.Data != "tr" {
					t.Errorf("%s has the id %q of a row", e.Data, id)
				}
				described[e.attr("aria-describedby")] = true
				switch e.Data {
				case "main":
					mains++
				case "h1":
					h1s++
				case "img", "style", "iframe":
					t.Errorf("there is a <%s>", e.Data)
				case "script":
					if !strings.HasPrefix(e.attr("src"), "/static/") {
						t.Errorf("a script without a source of ours: %v", e.Token)
					}
				case "a":
					if href := e.attr("href"); strings.HasPrefix(href, "javascript:") {
						t.Errorf("a link runs a script: %q", href)
					}
				}
				for _, a := range e.Attr {
					if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
						t.Errorf("<%s> has %s=%q", e.Data, a.Key, a.Val)
					}
				}
			}
			if mains != 1 || h1s != 1 {
				t.Errorf("%d main, %d h1; want one of each", mains, h1s)
			}
			for id := range described {
				if id != "" && !ids[id] {
					t.Errorf("aria-describedby names %q, which is not there", id)
				}
			}
			if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
				t.Error("what was typed became HTML")
			}
		})
	}
}

func find(es []element, tag, attr, value string) []element {
	return slices.DeleteFunc(slices.Clone(es), func(e element) bool { return e.Data != tag || e.attr(attr) != value })
}

func TestExpenseRow(t *testing.T) {
	t.Parallel()
	for _, r := range sampleRows() {
		row := render(t, ExpenseRow(r))
		if !strings.Contains(row, fmt.Sprintf(`<tr id="expense-%d"`, r.ID)) || !strings.Contains(row, fmt.Sprintf(`data-status="%s"`, r.Badge.Status)) {
			t.Errorf("row %d is not found by its id and status: %s", r.ID, row)
		}
		if want := map[string]string{"Push": "/push", "Retry": "/retry"}[r.Action]; want != "" && !strings.Contains(row, fmt.Sprintf(`action="/expenses/%d%s"`, r.ID, want)) {
			t.Errorf("row %d offers no %s: %s", r.ID, r.Action, row)
		}
		if strings.Contains(row, "<form") != (r.Action == "Push" || r.Action == "Retry") {
			t.Errorf("row %d with action %q: %s", r.ID, r.Action, row)
		}
		if !strings.Contains(render(t, Expenses(ExpensesPage{Rows: []Row{r}})), row) {
			t.Errorf("row %d is another on the page than on the wire", r.ID)
		}
	}
}

func TestOnlyTheNextPageIsAfter(t *testing.T) {
	t.Parallel()
	p := sampleFiltered()
	page := render(t, Expenses(p))
	if n := strings.Count(page, "after="); n != 1 {
		t.Errorf("%d links with after=, want the next page's", n)
	}
	if n := strings.Count(page, "before="); n != 1 {
		t.Errorf("%d links with before=, want the previous page's", n)
	}
	p.Next = ""
	if strings.Contains(render(t, Expenses(p)), "after=") {
		t.Error("the last page has a link with after=")
	}
}

func TestNewRowsAreAnnouncedWhereTheyWouldStand(t *testing.T) {
	t.Parallel()
	p := sampleExpenses()
	p.Status, p.CompanyID = "failed", 7
	list := find(written(t, render(t, Expenses(p))), "div", "data-first", "expense")
	if len(list) != 1 || list[0].attr("data-only-status") != "failed" || list[0].attr("data-only-company") != "7" {
		t.Errorf("a first page does not say what belongs on it: %v", list)
	}
	if list := find(written(t, render(t, Expenses(sampleFiltered()))), "div", "data-first", "expense"); len(list) != 0 {
		t.Error("a searched list would announce rows that need not belong on it")
	}
}

func TestWhatAPersonMayNotDoIsNotOffered(t *testing.T) {
	t.Parallel()
	p := sampleExpense()
	p.May = Rights{}
	page := render(t, Expense(p))
	for _, not := range []string{"/retry", "may-enter", `href="/deliveries"`} {
		if strings.Contains(page, not) {
			t.Errorf("a viewer's page holds %q", not)
		}
	}
}

func TestEmptyLists(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"none":       {"No expenses yet", `href="/expenses/import"`, `href="/expenses/new"`},
		"matchless":  {"No expense matches", "Drop filters to see more", `href="/expenses?company=7&amp;from=2026-01-01"`, "Clear all"},
		"one filter": {"No expense matches", "Drop this one, and there are expenses", `href="/expenses?company=7&amp;from=2026-01-01"`},
		"done":       {"No push has failed"},
		"past":       {"last page", `href="/expenses"`},
		"not loaded": {"could not be loaded", "does not mean that there are no expenses", `href="/expenses?q=taxi"`},
	} {
		page := render(t, Expenses(empties()[name]))
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s: %q is missing", name, w)
			}
		}
	}
}

func TestCountsCarryTheNamesOfThePage(t *testing.T) {
	t.Parallel()
	names := func(html string) []string {
		found := map[string]bool{}
		for _, m := range regexp.MustCompile(`data-count="(\w+)"`).FindAllStringSubmatch(html, -1) {
			found[m[1]] = true
		}
		return slices.Sorted(maps.Keys(found))
	}
	p := sampleExpenses()
	wire, page := names(render(t, Counts(p.Tabs, 43, 1))), names(render(t, Expenses(p)))
	if !slices.Equal(wire, page) || len(wire) != 9 {
		t.Errorf("counts %v on the wire, %v on the page", wire, page)
	}
	p.OwnCounts = true
	if got := names(render(t, Expenses(p))); !slices.Equal(got, []string{"attention", "down"}) {
		t.Errorf("one company's page takes everybody's counts: %v", got)
	}
	if html := render(t, Counts(nil, 0, 12345)); !strings.Contains(html, `data-count="attention" hidden`) || !strings.Contains(html, "12,345") {
		t.Errorf("none is shown, or many unreadable: %s", html)
	}
}

func TestConnectionRow(t *testing.T) {
	t.Parallel()
	for _, c := range sampleConnections() {
		row := find(written(t, render(t, ConnectionRowView(c))), "li", "id", "connection-"+c.CodatID)
		if len(row) != 1 || row[0].attr("data-status") != c.Status {
			t.Errorf("connection %s is not found by its id and status: %v", c.CodatID, row)
		}
	}
}

func TestDeliveryRow(t *testing.T) {
	t.Parallel()
	p := sampleDeliveries()
	page := render(t, Deliveries(p))
	for _, r := range p.Rows {
		row := render(t, DeliveryRowView(r))
		if !strings.Contains(row, fmt.Sprintf(`<tr id="delivery-%d"`, r.ID)) || !strings.Contains(row, fmt.Sprintf(`data-status="%s"`, r.Verdict)) {
			t.Errorf("row %d is not found by its id and verdict: %s", r.ID, row)
		}
		if !strings.Contains(page, row) {
			t.Errorf("row %d is another on the page than on the wire", r.ID)
		}
	}
	p.Verdict, p.CompanyID = "applied", 7
	list := find(written(t, render(t, Deliveries(p))), "div", "data-first", "delivery")
	if len(list) != 1 || list[0].attr("data-only-status") != "applied" || list[0].attr("data-only-company") != "7" {
		t.Errorf("a first page does not say what belongs on it: %v", list)
	}
	if list := find(written(t, render(t, Deliveries(sampleDeliveriesFiltered()))), "div", "data-first", "delivery"); len(list) != 0 {
		t.Error("a searched list would announce rows that need not belong on it")
	}
}

func TestAFilterKeepsTheOthers(t *testing.T) {
	t.Parallel()
	es := written(t, render(t, Deliveries(sampleDeliveriesFiltered())))
	for name, want := range map[string]string{"verdict": "applied", "connection": "3", "expense": "2040", "type": hostile, "q": hostile, "from": "2026-01-01"} {
		if in := find(es, "input", "name", name); len(in) != 1 || in[0].attr("value") != want {
			t.Errorf("%s: %v, want the value %q", name, in, want)
		}
	}
}

func TestSettingsSayWhatIsSet(t *testing.T) {
	t.Parallel()
	for want, in := range map[string]bool{"Authorization": true, "belongs into": true, "Never used": true, "cannot reach": false, "are accepted by": true, "It has arrived": false} {
		if strings.Contains(render(t, Settings(sampleSettings())), want) != in {
			t.Errorf("%q is shown: %t, want %t", want, !in, in)
		}
	}
	for want, in := range map[string]bool{"A custom header": false, "cannot reach": true, "are refused": true, "It has arrived": true, `id="delivery-15"`: true} {
		if strings.Contains(render(t, Settings(sampleSettingsTested())), want) != in {
			t.Errorf("after a test %q is shown: %t, want %t", want, !in, in)
		}
	}
}

func TestFormKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	p := sampleFormRefused()
	es := written(t, render(t, ExpenseNew(p)))
	for id, want := range map[string]string{"supplier": hostile, "reference": "EXP-2042", "lines-1-description": "Taxi to Heathrow", "lines-2-net": "12,3x"} {
		if in := find(es, "input", "id", id); len(in) != 1 || in[0].attr("value") != want {
			t.Errorf("%s: %v, want the value %q", id, in, want)
		}
	}
	for name := range p.Problems {
		if in := find(es, "input", "id", fieldID(name)); len(in) != 1 || in[0].attr("aria-describedby") != fieldID(name)+"-problem" {
			t.Errorf("the problem of %s is not tied to it: %v", name, in)
		}
	}
	for name, n := range map[string]int{"line_description": 2, "line_category": 2, "line_tax_rate": 2, "line_net": 2, "line_tax": 2, "date": 1, "currency": 1, "rate": 1, "paid_from": 1} {
		if got := len(find(es, "input", "name", name)); got != n {
			t.Errorf("%d fields %s, want %d", got, name, n)
		}
	}
	first := slices.IndexFunc(es, func(e element) bool { return e.Data == "button" && e.attr("name") == "more" })
	save := slices.IndexFunc(es, func(e element) bool { return e.attr("type") == "submit" })
	if save < 0 || first < save {
		t.Error("the Enter key would add a line instead of saving")
	}
}

func TestEveryIconIsThere(t *testing.T) {
	t.Parallel()
	sprite, err := os.ReadFile("../static/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range samples() {
		for _, m := range regexp.MustCompile(`<use href="/static/icons\.[0-9a-f]+\.svg#([^"]*)"`).FindAllStringSubmatch(render(t, c), -1) {
			if !bytes.Contains(sprite, []byte(`id="`+m[1]+`"`)) {
				t.Errorf("%s shows the icon %q, which does not exist", name, m[1])
			}
		}
	}
	for _, s := range store.Statuses {
		if !bytes.Contains(sprite, []byte(`id="`+string(s)+`"`)) {
			t.Errorf("the status %s has no icon", s)
		}
	}
}

func TestErrorsHaveAHeading(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{404: "There is nothing here", 403: "This is not open to you", 503: "Not just now", 422: "That did not work", 500: "Something went wrong"} {
		if got := errorTitle(status); got != want {
			t.Errorf("errorTitle(%d) = %q, want %q", status, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1300: "1,300", 1234567: "1,234,567", -1300: "-1,300"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}
