package handlers

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"tallylight/store"
	"tallylight/store/storetest"
	"tallylight/views"
)

// BenchmarkList asks for lists of 1,000 expenses, then of 10,000 and of 1,000,000 (of 50,000 with -short): the first page, and a deep
// one. cpu-µs/op is what a page costs this process and PostgreSQL together, x-bare how many times that of a bare page from the same depth
// on, and x-cpu and x-time how many times that of the same page among 1,000. Of so few not every list is deep: then of the first.
func BenchmarkList(b *testing.B) {
	sizes := []int{1000, 10_000, 1_000_000}
	if testing.Short() {
		sizes[2] = 50_000
	}
	w := newListBench(b)
	small := map[string]cost{}
	for _, size := range sizes {
		if _, err := w.store.Seed(b.Context(), size); err != nil {
			b.Fatal(err)
		}
		complete := map[string]string{"first": "/expenses?status=complete", "deep": w.turned("/expenses?status=complete", size/100)}
		bare := map[string]cost{}
		for depth, path := range complete {
			b.Run(fmt.Sprintf("%d/bare/%s", size, depth), func(b *testing.B) {
				bare[depth] = w.measure(b, func() { w.barePage(path) })
			})
		}
		for _, list := range w.lists() {
			first := "/expenses?" + list.query
			for depth, path := range map[string]string{"first": first, "deep": w.turned(first, size/100)} {
				if path == "" {
					continue
				}
				name := list.name + "/" + depth
				b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
					c := w.measure(b, func() { w.get(path) })
					b.ReportMetric(c.cpu/bare[depth].cpu, "x-bare")
					if size == sizes[0] {
						small[name] = c
					} else if s := cmp.Or(small[name], small[list.name+"/first"]); s.cpu > 0 {
						b.ReportMetric(c.cpu/s.cpu, "x-cpu")
						b.ReportMetric(c.time/s.time, "x-time")
					}
				})
			}
		}
	}
}

type listBench struct {
	*site
	b       *testing.B
	routes  http.Handler
	cookies []*http.Cookie
	db      *sqlx.DB
	bare    *sqlx.Stmt
	user    store.User
}

func newListBench(b *testing.B) *listBench {
	w := &listBench{site: newSite(b), b: b}
	v := w.person(store.Finance)
	var err error
	if w.routes, err = w.handlers.Routes(); err != nil {
		b.Fatal(err)
	}
	own, err := url.Parse(w.url)
	if err != nil {
		b.Fatal(err)
	}
	w.cookies = v.client.Jar.Cookies(own)
	w.db = storetest.DB(b, w.dsn)
	w.db.SetMaxOpenConns(1)
	w.user = v.user
	w.bare, err = w.db.Preparex(`
		SELECT e.id, e.company_id, co.name AS company, e.reference, e.issue_date, e.supplier, e.description, e.currency, e.total, e.status, e.status_at,
			cn.platform_name AS platform, cn.status AS connection_status, cn.proven_at
		FROM expenses e JOIN companies co ON co.id = e.company_id JOIN connections cn ON cn.company_id = e.company_id
		WHERE e.status = 'complete' AND (e.issue_date, e.id) < ($1::date, $2::bigint) ORDER BY e.issue_date DESC, e.id DESC LIMIT 51`)
	if err != nil {
		b.Fatal(err)
	}
	return w
}

func (w *listBench) lists() []struct{ name, query string } {
	var company int64
	if err := w.db.Get(&company, `SELECT min(company_id) FROM expenses`); err != nil {
		w.b.Fatal(err)
	}
	to := time.Now().UTC().AddDate(-1, 0, 0)
	return []struct{ name, query string }{
		{"none", ""},
		{"complete", "status=complete"},
		{"not pushed", "status=not_pushed"},
		{"failed", "status=failed"},
		{"company", fmt.Sprintf("company=%d", company)},
		{"date", "from=" + to.AddDate(0, -1, 0).Format(time.DateOnly) + "&to=" + to.Format(time.DateOnly)},
		{"amount", "sort=-amount"},
		{"last change", "sort=-changed"},
		{"text", "q=trade+fair"},
		{"text once", "q=EX-0000777"},
		{"text nowhere", "q=nothing+like+it"},
		{"two letters", "q=EX"},
		{"two letters nowhere", "q=qz"},
		{"cause", "cause=period_closed"},
		{"supplier", "supplier=Proseware"},
		{"currency", "currency=JPY"},
	}
}

// get asks for a page as a browser does.
func (w *listBench) get(path string) string {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range w.cookies {
		r.AddCookie(c)
	}
	answer := httptest.NewRecorder()
	w.routes.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		w.b.Fatalf("%s: %d\n%s", path, answer.Code, w.log)
	}
	return answer.Body.String()
}

var nextLink = regexp.MustCompile(`href="([^"]*after=[^"]*)"`)

// turned is the address of a page at most so many pages on, "" where there is only one.
func (w *listBench) turned(path string, pages int) (deep string) {
	for range min(100, pages) {
		next := nextLink.FindStringSubmatch(w.get(cmp.Or(deep, path)))
		if next == nil {
			break
		}
		deep = strings.ReplaceAll(next[1], "&amp;", "&")
	}
	return deep
}

// barePage reads the rows of a page by one query, and renders them with nothing around and nothing to be known of them.
func (w *listBench) barePage(path string) {
	u, err := url.Parse(path)
	if err != nil {
		w.b.Fatal(err)
	}
	date, id, _ := strings.Cut(cmp.Or(u.Query().Get("after"), "9999-12-31_0"), "_")
	var es []store.ExpenseItem
	err = w.bare.Select(&es, date, id)
	if err != nil || len(es) <= store.PageSize {
		w.b.Fatalf("a bare page of %d: %v", len(es), err)
	}
	page := views.ExpensesPage{Frame: views.Frame{Title: "Expenses", Email: w.user.Email}}
	for _, i := range es[:store.PageSize] {
		page.Rows = append(page.Rows, expenseRow(i, time.UTC))
	}
	if err := views.Expenses(page).Render(w.b.Context(), io.Discard); err != nil {
		w.b.Fatal(err)
	}
}

type cost struct{ cpu, time float64 } // in µs

func (w *listBench) measure(b *testing.B, do func()) cost {
	for range 10 { // until every statement has the plan that it keeps
		do()
	}
	before := w.cpu()
	for b.Loop() {
		do()
	}
	c := cost{float64((w.cpu() - before).Microseconds()) / float64(b.N), float64(b.Elapsed().Microseconds()) / float64(b.N)}
	b.ReportMetric(c.cpu, "cpu-µs/op")
	return c
}

// cpu is what this process and its PostgreSQL connections have used.
func (w *listBench) cpu() time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		w.b.Fatal(err)
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	var pids []int
	if err := w.db.Select(&pids, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`); err != nil {
		w.b.Fatal(err)
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err != nil {
			continue // it has just ended
		}
		var ns time.Duration
		fmt.Sscan(string(stat), &ns)
		sum += ns
	}
	return sum
}
