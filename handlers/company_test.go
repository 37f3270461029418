package handlers

import (
	"fmt"
	"html"
	"image"
	"image/color"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	go_qr "github.com/piglig/go-qr"

	"tallylight/internal/codat"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

// answerWith has h answer in Codat's place from now on.
func (s *site) answerWith(h http.HandlerFunc) {
	handler := http.Handler(h)
	s.codat.Store(&handler)
}

// sandbox answers in Codat's place, and is returned.
func (s *site) sandbox() *sandbox.Sandbox {
	s.t.Helper()
	box, err := sandbox.New(sandbox.Config{APIKey: codatKey, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { box.Close() })
	s.answerWith(box.ServeHTTP)
	return box
}

// refuses answers every request so.
func (s *site) refuses(status int, message string) {
	s.answerWith(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q}`, message)
	})
}

var formID = regexp.MustCompile(`name="form" value="([^"]+)"`)

// formOf is which form a page is.
func formOf(t *testing.T, page string) string {
	t.Helper()
	m := formID.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form on %s", page)
	}
	return m[1]
}

func TestWhoMayEndAndMakeCompanies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", store.Linked)
	viewer, finance, admin := s.person(store.Viewer), s.person(store.Finance), s.person(store.Admin)
	for _, path := range []string{"/companies/new", "/companies/1/delete", "/companies/1/connections/1/unlink"} {
		post := strings.TrimSuffix(path, "/new")
		for _, who := range []*visitor{viewer, finance} {
			if got := who.get(path); got.status != http.StatusForbidden {
				t.Errorf("%s gets %s: %d", who.user.Role, path, got.status)
			}
			if got := who.post(post, "name", c.Name); got.status != http.StatusForbidden {
				t.Errorf("%s posts %s: %d", who.user.Role, post, got.status)
			}
		}
		mustContain(t, admin.page(path), `action="`+post+`"`)
	}
	mustNotContain(t, finance.page("/companies/1"), "/delete", "/unlink")
	mustNotContain(t, finance.page("/companies"), "/companies/new")
	mustContain(t, admin.page("/companies/1"), `href="/companies/1/delete"`, `href="/companies/1/connections/1/unlink"`)
	mustContain(t, admin.page("/companies"), "/companies/new")
}

func TestCompanyIsChecked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked := false
	s.answerWith(func(http.ResponseWriter, *http.Request) { asked = true })
	admin := s.person(store.Admin)
	eleven := ""
	for i := range 11 {
		eleven += fmt.Sprintf("t%d: v\r\n", i)
	}
	for name, test := range map[string]struct{ name, description, tags, want string }{
		"no name":         {"  ", "", "", "A company needs a name."},
		"a sign":          {"Müller & Co", "", "", "Codat does not take the sign “ü” in a name. Write it without."},
		"signs":           {"Fish (Chips) Ltd", "", "", "Codat does not take the signs “(” and “)” in a name. Write it without them."},
		"an unseen sign":  {"Fish\u200b Ltd", "", "", "the sign “U+200B”"},
		"the apostrophe":  {"Fred’s", "", "", "the sign “’”"},
		"long":            {strings.Repeat("a", 201), "", "", "A name has at most 200 characters."},
		"long about":      {"Fish", strings.Repeat("ü", 1001), "", "A description has at most 1,000 characters."},
		"no value":        {"Fish", "", "region", "“region” is no tag: write a name, a colon and a value, like region: UK."},
		"twice":           {"Fish", "", "region: UK\r\nregion: US", "The tag region is there twice."},
		"a long value":    {"Fish", "", "region: " + strings.Repeat("ü", 101), "The value of the tag region has 101 characters; Codat takes at most 100."},
		"many":            {"Fish", "", eleven, "There are 11 tags; Codat takes at most 10."},
		"all at once":     {"", "", "region", "2 things to mend"},
		"typed text kept": {"Fish (Ltd", "Some <b>fish</b>", "a: b", "Some &lt;b&gt;fish&lt;/b&gt;</textarea>"},
	} {
		form := "5b6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41"
		got := admin.post("/companies", "form", form, "name", test.name, "description", test.description, "tags", test.tags)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(html.UnescapeString(got.body), html.UnescapeString(test.want)) {
			t.Errorf("%s: %d without %q\n%s", name, got.status, test.want, clipped(got.body, 3000))
		}
		if formOf(t, got.body) != form {
			t.Errorf("%s: another form", name)
		}
		mustContain(t, got.body, `value="`+html.EscapeString(test.name)+`"`)
	}
	if asked {
		t.Error("Codat was asked")
	}
}

func TestCompanyIsMade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.sandbox()
	admin := s.person(store.Admin)
	fields := []string{"form", formOf(t, admin.page("/companies/new")), "name", " Toft   Bikes, Ltd ", "description", "Bikes\r\nin York", "tags", "region: UK\r\nplan: gold: 2\r\n"}
	got := admin.post("/companies", fields...)
	if got.status != http.StatusSeeOther || got.location != "/companies/1" {
		t.Fatalf("%d to %q\n%s", got.status, got.location, got.body)
	}
	page := admin.page(got.location)
	mustContain(t, page, "Toft Bikes, Ltd is created in Codat. Send its link to the customer.", "Bikes\nin York", "region: UK", "plan: gold: 2",
		"Ask the customer to connect their accounting software", "What your customer will see", "/company/")
	if again := admin.post("/companies", fields...); again.location != "/companies/1" { // a double click
		t.Errorf("the same form leads to %q", again.location)
	}
	fields[3] = "Toft Bikes Two"
	if other := admin.post("/companies", fields...); other.location != "/companies/2" {
		t.Errorf("the form with another name leads to %q", other.location)
	}
	as, err := s.store.ActivityOf(t.Context(), "company", 1)
	if err != nil || len(as) != 1 || as[0].Actor != "admin@example.com" || as[0].Verb != "created" || as[0].UserID == nil {
		t.Errorf("the record says %+v, error %v", as, err)
	}
}

func TestCompanyIsNotMade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	fields := []string{"form", formOf(t, admin.page("/companies/new")), "name", "Toft", "description", "Bikes", "tags", "region: UK"}
	for status, want := range map[int]string{
		http.StatusBadRequest:          "Codat refused: “That is taken”. No company was created.",
		http.StatusUnauthorized:        "Codat refused our API key.",
		http.StatusPaymentRequired:     "your Codat account has as many companies as its plan allows",
		http.StatusForbidden:           "Codat does not allow that.",
		http.StatusTooManyRequests:     "Codat asked us to slow down. Try again in a minute. No company was created.",
		http.StatusInternalServerError: "Codat did not say whether it created Toft.", // the list cannot be read either
	} {
		s.refuses(status, "That is taken.")
		got := admin.post("/companies", fields...)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%d: %d to %q", status, got.status, got.location)
		}
		mustContain(t, got.body, want, `value="Toft"`, ">Bikes</textarea>", ">region: UK</textarea>")
		// A refusal is kept by Codat under the form's key, and what may have been made must be asked for under it.
		if same := formOf(t, got.body) == fields[1]; same != (status == http.StatusInternalServerError) {
			t.Errorf("%d: the form is the same: %t", status, same)
		}
	}

	s.answerWith(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, `{"results":[],"pageNumber":1,"pageSize":1000,"totalResults":0}`)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	mustContain(t, admin.post("/companies", fields...).body, "Codat has trouble of its own, and Toft is not among its companies.")
	if cs, err := s.store.Companies(t.Context()); err != nil || len(cs) != 0 {
		t.Errorf("here are %+v, error %v", cs, err)
	}
}

// TestInviteWithQR reads the code as a camera would.
func TestInviteWithQR(t *testing.T) {
	t.Parallel()
	link := "https://link.codat.io/company/8a210b68-6988-11ed-a1eb-0242ac120002?otp=12345"
	i := invite(link, false)
	if !i.Once || invite(strings.TrimSuffix(link, "?otp=12345"), false).Once {
		t.Error("links that work once are taken for others")
	}
	const scale = 8
	img := image.NewGray(image.Rect(0, 0, i.QR.Size*scale, i.QR.Size*scale))
	for p := range img.Pix {
		img.Pix[p] = 255
	}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(i.QR.Path, -1)
	for _, r := range runs {
		x, y, n := atoi(r[1]), atoi(r[2]), atoi(r[3])
		if r[3] != r[4] || x < quiet || y < quiet || x+n > i.QR.Size-quiet || y >= i.QR.Size-quiet {
			t.Fatalf("run %s of %d", r[0], i.QR.Size)
		}
		for dy := range scale {
			for dx := range n * scale {
				img.SetGray(x*scale+dx, y*scale+dy, color.Gray{})
			}
		}
	}
	if got, err := go_qr.Decode(img); err != nil || got != link {
		t.Errorf("the code says %q, error %v", got, err)
	}
	if got := qr(strings.Repeat("a", 5000)); got.Size != 0 {
		t.Errorf("a code of %d modules for what is too long", got.Size)
	}
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func TestInviteOnTheCompanysPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	fresh, linked, down := s.company("Fresh", "GBP", ""), s.company("Linked", "GBP", store.Linked), s.company("Down", "GBP", "Deauthorized")
	page := v.page(companyURL(fresh.ID))
	mustContain(t, page, "Ask the customer to connect their accounting software", `href="https://link.example.com/company/Fresh"`,
		`data-copy="https://link.example.com/company/Fresh"`, `<svg class="qr"`, "Not connected yet")
	mustNotContain(t, page, `<details id="invite"`, "It works once", "/mapping")
	page = v.page(companyURL(linked.ID))
	mustContain(t, page, `<details id="invite"`, `<svg class="qr"`, `href="`+companyURL(linked.ID)+`/mapping"`)
	mustNotContain(t, page, "Ask the customer")
	page = v.page(companyURL(down.ID))
	mustContain(t, page, "Ask the customer to connect again")
	mustNotContain(t, page, `<details id="invite"`)

	err := s.store.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.CompanyDeleted(t.Context(), linked.CodatID, store.Failure{Cause: "company_gone"})
	})
	if err != nil {
		t.Fatal(err)
	}
	page = v.page(companyURL(linked.ID))
	mustContain(t, page, "Deleted in Codat", "stay here, with their history")
	mustNotContain(t, page, "link.example.com", "Pause sending", "/mapping")
}

func TestCompanyList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	for i := range 203 {
		s.company(fmt.Sprintf("Co %03d", i), "", "")
	}
	odd := s.company("100% odd_ <b>", "GBP", store.Linked)
	gone := s.company("Gone", "GBP", store.Linked)
	id := s.expenses(v.user, gone, 1)[0]
	err := s.store.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.CompanyDeleted(t.Context(), gone.CodatID, store.Failure{Cause: "company_gone"})
	})
	if err != nil {
		t.Fatal(err)
	}

	link := func(page, rel string) string {
		m := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"|href="([^"]+)" rel="` + rel + `"`).FindStringSubmatch(page)
		if m == nil {
			return ""
		}
		return html.UnescapeString(m[1] + m[2])
	}
	row := regexp.MustCompile(`<tr id="company-(\d+)"`)
	var seen []string
	path, pages := "/companies", 0
	var last string
	for ; path != "" && pages < 10; pages++ {
		last = v.page(path)
		for _, m := range row.FindAllStringSubmatch(last, -1) {
			seen = append(seen, m[1])
		}
		path = link(last, "next")
		if path != "" && !strings.Contains(path, "after=") {
			t.Errorf("the next page is %s", path)
		}
	}
	if pages != 3 || len(seen) != 204 || seen[0] != strconv.FormatInt(odd.ID, 10) {
		t.Errorf("%d companies on %d pages, the first is %s", len(seen), pages, seen[0])
	}
	if back := row.FindAllStringSubmatch(v.page(link(last, "prev")), -1); len(back) != 100 || back[0][1] != seen[100] || back[99][1] != seen[199] {
		t.Errorf("the page before the last begins with %v", back[0])
	}
	mustContain(t, last, "204</data>", "1</data>")
	mustNotContain(t, strings.Join(seen, " ")+" ", fmt.Sprint(gone.ID, " "))

	for q, want := range map[string]int{"co 00": 10, "CO 201": 1, "%": 1, "_": 1, "nothing": 0, odd.CodatID: 1, "\x00": 0, "gone": 0} {
		page := v.page("/companies?q=" + url.QueryEscape(q))
		if got := len(row.FindAllString(page, -1)); got != want {
			t.Errorf("%q finds %d, want %d", q, got, want)
		}
	}
	if got := row.FindAllString(v.page("/companies?after=nonsense"), -1); len(got) != 100 {
		t.Errorf("a cursor that cannot be read shows %d", len(got))
	}
	mustContain(t, v.page("/companies?q=nothing"), "No company matches", `value="nothing"`)

	page := v.page("/companies?status=deleted")
	if got := row.FindAllString(page, -1); len(got) != 1 {
		t.Errorf("%d are deleted", len(got))
	}
	mustContain(t, page, "Gone", `aria-current="page"`, `name="status" value="deleted"`, "Deleted</span>", `href="/expenses?status=not_pushed&amp;company=`+fmt.Sprint(gone.ID))
	mustContain(t, v.page("/companies?status=deleted&q=nothing"), "No company matches", `href="/companies?status=deleted"`)

	// Its history is found.
	if ids, _ := rows(v.page("/expenses?company=" + fmt.Sprint(gone.ID))); len(ids) != 1 || ids[0] != fmt.Sprint(id) {
		t.Errorf("its expenses are %v", ids)
	}
	mustContain(t, s.person(store.Admin).page("/deliveries?company="+gone.CodatID), "Gone")
	mustContain(t, v.page("/expenses?company=999999"), "Company")
}

// TestCompanyDeletion has expenses in every stage. What its page foretells is what happens.
func TestCompanyDeletion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	box := s.sandbox()
	admin := s.person(store.Admin)
	codatID, connectionID, err := box.AddCompany("Northwind", "gbol", "GBP")
	if err != nil {
		t.Fatal(err)
	}
	c := s.known("Northwind", codatID, connectionID)
	ids := s.expenses(admin.user, c, 7)
	press := func(ids ...int64) {
		for _, id := range ids {
			admin.post(expenseURL(id) + "/push")
		}
	}
	press(ids[0])
	s.settle(accepted("op-0", store.OutcomePending)) // sent
	press(ids[1])
	s.settle(accepted("op-1", store.OutcomeSuccess)) // complete
	press(ids[2])
	s.settle(store.Settlement{Failed: &store.Failure{Cause: "period_closed"}})
	press(ids[3])
	s.settle(store.Settlement{Unknown: &store.Failure{Cause: "company_gone"}})
	press(ids[4], ids[5]) // waiting

	path := companyURL(c.ID) + "/delete"
	page := admin.page(path)
	mustContain(t, page, "Codat deletes the company, its connection, and all that it holds", "To go on, type the company’s name: <bdi>Northwind</bdi>")
	for status, what := range map[string]string{"in_progress": "1 expense, GBP 10.00", "on_hold": "2 expenses, GBP 20.00", "needs_checking": "1 expense, GBP 10.00",
		"failed": "1 expense, GBP 10.00", "not_pushed": "1 expense, GBP 10.00", "complete": "1 expense, GBP 10.00"} {
		if !regexp.MustCompile(`(?s)<li><span class="badge" data-status="` + status + `">[^%]{0,200}?</span>\s*<b>` + what + `</b>`).MatchString(page) {
			t.Errorf("%s is not %s:\n%s", status, what, page)
		}
	}

	got := admin.post(path, "name", "Northwynd")
	if got.status != http.StatusUnprocessableEntity {
		t.Errorf("the wrong name: %d", got.status)
	}
	mustContain(t, got.body, "That is not the name of the company. Nothing was deleted.", `value="Northwynd"`)
	for status, want := range map[int]string{http.StatusForbidden: "Codat does not allow that. Whoever manages your Codat account can. Nothing was changed here.",
		http.StatusNotFound:   "Codat says that it does not have it any more.",
		http.StatusBadGateway: "Codat did not say whether it did that. It is being read from Codat again: this page shows what came of it."} {
		s.refuses(status, "No.")
		if got := admin.post(path, "name", "Northwind"); got.status != http.StatusSeeOther || got.location != companyURL(c.ID) {
			t.Errorf("%d: %d to %q", status, got.status, got.location)
		}
		mustContain(t, admin.page(companyURL(c.ID)), want)
	}
	if now, err := s.store.Company(t.Context(), c.ID); err != nil || now.DeletedAt != nil {
		t.Errorf("nothing was done, and it is %+v, error %v", now, err)
	}

	s.answerWith(box.ServeHTTP)
	if got := admin.post(path, "name", " Northwind "); got.status != http.StatusSeeOther || got.location != companyURL(c.ID) {
		t.Fatalf("%d to %q\n%s", got.status, got.location, got.body)
	}
	mustContain(t, admin.page(companyURL(c.ID)), "Northwind is deleted in Codat. Its expenses and their history stay here.", "by admin@example.com", "Ask Codat again")
	for i, want := range []store.ExpenseStatus{store.NeedsChecking, store.Complete, store.Failed, store.NeedsChecking, store.OnHold, store.OnHold, store.NotPushed} {
		if got := s.status(ids[i]); got != want {
			t.Errorf("expense %d is %s, want %s", i, got, want)
		}
	}
	if got := admin.get(path); got.location != companyURL(c.ID) {
		t.Errorf("deleted twice: %d to %q", got.status, got.location)
	}
	mustContain(t, admin.page(companyURL(c.ID)), "Northwind is deleted in Codat already.")
}

// known makes a company of Codat's known here, with its connection and what expenses name.
func (s *site) known(name, codatID, connectionID string) (c store.Company) {
	s.t.Helper()
	err := s.store.InTx(s.t.Context(), func(tx *store.Tx) error {
		var err error
		if c, err = tx.SaveCompany(s.t.Context(), codatID, name, ""); err != nil {
			return err
		}
		news := connectionNews(name, store.Linked)
		news.CodatID, news.At = connectionID, time.Now().Add(-time.Minute)
		_, _, err = tx.SaveConnection(s.t.Context(), c.ID, news)
		return err
	})
	if err == nil {
		err = s.books(c)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestUnlinking(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	box := s.sandbox()
	admin := s.person(store.Admin)
	codatID, connectionID, err := box.AddCompany("Northwind", "gbol", "GBP")
	if err != nil {
		t.Fatal(err)
	}
	c := s.known("Northwind", codatID, connectionID)
	other := s.company("Fabrikam", "GBP", store.Linked)
	ids := s.expenses(admin.user, c, 4)
	admin.post(expenseURL(ids[0]) + "/push")
	s.settle(accepted("op-0", store.OutcomePending))
	admin.post(expenseURL(ids[1]) + "/push")
	s.settle(store.Settlement{Again: time.Minute, Reason: "rate_limited"}) // refused: it waits, though it was sent once
	admin.post(expenseURL(ids[2]) + "/push")

	path := companyURL(c.ID) + "/connections/1/unlink"
	page := admin.page(path)
	mustContain(t, page, "Unlink Xero", "stops reading and writing the books of Northwind in Xero", "<b>1 expense, GBP 10.00</b>", "<b>2 expenses, GBP 20.00</b>",
		"followed to its end", "sent in order when the customer has connected Xero again")
	for _, wrong := range []string{companyURL(c.ID) + "/connections/2/unlink", companyURL(c.ID) + "/connections/99/unlink", companyURL(other.ID) + "/connections/x/unlink"} {
		if get, post := admin.get(wrong), admin.post(wrong); get.status != http.StatusNotFound || post.status != http.StatusNotFound {
			t.Errorf("%s: %d, %d", wrong, get.status, post.status)
		}
	}

	s.refuses(http.StatusBadRequest, "Data connection cannot be unlinked: its status is Deauthorized.")
	admin.post(path)
	mustContain(t, admin.page(companyURL(c.ID)), "Codat refused: “Data connection cannot be unlinked: its status is Deauthorized”. Nothing was changed here.", `data-status="Linked"`)
	s.answerWith(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	admin.post(path)
	mustContain(t, admin.page(companyURL(c.ID)), "Codat did not say whether it did that.", `data-status="Linked"`)

	s.answerWith(box.ServeHTTP)
	if got := admin.post(path); got.status != http.StatusSeeOther || got.location != companyURL(c.ID) {
		t.Fatalf("%d to %q\n%s", got.status, got.location, got.body)
	}
	page = admin.page(companyURL(c.ID))
	mustContain(t, page, "Xero is unlinked. Nothing is written until the customer connects it again.", `data-status="Unlinked"`)
	mustNotContain(t, page, path)
	for i, want := range []store.ExpenseStatus{store.InProgress, store.OnHold, store.OnHold, store.NotPushed} {
		if got := s.status(ids[i]); got != want {
			t.Errorf("expense %d is %s, want %s", i, got, want)
		}
	}
	for _, again := range []answer{admin.get(path), admin.post(path)} {
		if again.location != companyURL(c.ID) {
			t.Errorf("unlinked twice: %d to %q", again.status, again.location)
		}
	}
	mustContain(t, admin.page(companyURL(c.ID)), "The connection to Xero is not linked, so there is nothing to unlink.")
	client := codat.New(codat.Config{BaseURL: s.codatURL, APIKey: codatKey})
	if now, err := client.Connection(t.Context(), codatID, connectionID); err != nil || now.Status != codat.Unlinked {
		t.Errorf("at Codat it is %+v, error %v", now, err)
	}
}

// Examples are known here alone.
func TestExamplesAreNotEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.answerWith(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("Codat is asked for %s", r.URL) })
	c := s.company("Alder", "GBP", store.Linked)
	storetest.DB(t, s.dsn).MustExec(`UPDATE companies SET example = true`)
	admin := s.person(store.Admin)
	mustNotContain(t, admin.page(companyURL(c.ID)), "/delete", "/unlink", "Ask the customer", `id="invite"`)
	for _, path := range []string{"/delete", "/connections/1/unlink"} {
		if got := admin.post(companyURL(c.ID)+path, "name", "Alder"); got.location != companyURL(c.ID) {
			t.Errorf("%s: %d", path, got.status)
		}
		mustContain(t, admin.page(companyURL(c.ID)), "Alder is an example: Codat does not know it.")
	}
}
