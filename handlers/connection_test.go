package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tallylight/store"
	"tallylight/store/storetest"
)

// news applies news of a company's connection, as Codat tells it or as it was read.
func (s *site) news(c store.Company, change func(n *store.ConnectionNews)) {
	s.t.Helper()
	n := connectionNews(c.Name, "Linked")
	change(&n)
	err := s.store.InTx(s.t.Context(), func(tx *store.Tx) error {
		_, _, err := tx.SaveConnection(s.t.Context(), c.ID, n)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// connection is that of a company, whatever its state.
func (s *site) connection(c store.Company) store.Connection {
	s.t.Helper()
	cn, err := s.store.AccountingConnection(s.t.Context(), c.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return cn
}

func (s *site) exec(statement string) {
	s.t.Helper()
	if _, err := storetest.DB(s.t, s.dsn).Exec(statement); err != nil {
		s.t.Fatal(err)
	}
}

// cards are the connections on a page, by their company's name, in order.
func cards(page string) (companies []string) {
	for _, m := range strings.Split(page, `<li id="connection-connection-`)[1:] {
		name, _, _ := strings.Cut(m, `"`)
		companies = append(companies, name)
	}
	return companies
}

// card is the card of a company's connection on a page.
func card(t *testing.T, page, company string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<li id="connection-connection-`+company+`"`)
	if !ok {
		t.Fatalf("no card of %s", company)
	}
	text, _, _ := strings.Cut(rest, "</li>")
	return text
}

func TestConnectionFilters(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	for name, status := range map[string]string{"Linked": "Linked", "Quiet": "Linked", "Lost": "Deauthorized", "Cut": "Unlinked", "Odd": "Hibernating", "Begun": "PendingAuth"} {
		s.company(name, "", status)
	}
	once := s.company("Once", "", "Linked")
	s.news(once, func(n *store.ConnectionNews) {
		at := time.Now()
		n.PlatformKey, n.PlatformName, n.Status, n.LastSyncAt = "pqsw", "QuickBooks Desktop", "Deauthorized", &at
	})
	s.exec(`UPDATE connections SET changed_at = clock() - interval '25 h' WHERE codat_id = 'connection-Quiet'`)
	for address, want := range map[string][]string{
		"/connections":              {"Begun", "Cut", "Lost", "Odd", "Once", "Linked", "Quiet"},
		"/connections?show=broken":  {"Cut", "Lost", "Odd"},
		"/connections?show=stale":   {"Quiet"},
		"/connections?show=pending": {"Begun"},
		"/connections?show=nothing": {"Begun", "Cut", "Lost", "Odd", "Once", "Linked", "Quiet"},
	} {
		page := v.page(address)
		if got := cards(page); !slices.Equal(got, want) {
			t.Errorf("%s shows %v, want %v", address, got, want)
		}
		mustContain(t, page, `<data value="7">7</data>`, `<data value="3">3</data>`, `href="/connections?show=stale"`)
	}
	page := v.page("/connections")
	mustContain(t, card(t, page, "Once"), "Read once", `data-tone="idle"`, "Nothing is wrong")
	mustNotContain(t, card(t, page, "Once"), "Access lost")
	mustContain(t, card(t, page, "Quiet"), "nothing has gone through it for a day", `data-tone="good"`)
	mustContain(t, page, `<b data-count="down">4<`) // the one that read once is no alarm
	s.exec(`UPDATE connections SET wrote_at = clock() WHERE codat_id = 'connection-Once'`)
	mustContain(t, card(t, v.page("/connections"), "Once"), "Access lost", `data-tone="bad"`) // it used to write
	s.exec(`UPDATE connections SET wrote_at = NULL, created_at = clock() - interval '2 days' WHERE codat_id = 'connection-Once'`)
	mustContain(t, card(t, v.page("/connections"), "Once"), "Access lost") // it used to read

	s.exec(`UPDATE connections SET status = 'Linked', changed_at = clock()`)
	mustContain(t, v.page("/connections?show=broken"), "No connections here", "Every connection that was linked still is")
}

func TestConnectionsAreShownInPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	s.exec(`WITH co AS (INSERT INTO companies (codat_id, name) SELECT 'c' || n, 'Company ' || lpad(n::text, 3, '0') FROM generate_series(1, 230) n RETURNING id, name)
		INSERT INTO connections (company_id, codat_id, status, source_type) SELECT id, 'connection-' || name, 'Linked', 'Accounting' FROM co`)
	var seen []string
	address := "/connections"
	for range 3 {
		page := v.page(address)
		seen = append(seen, cards(page)...)
		_, rest, more := strings.Cut(page, `rel="next" href="`)
		if !more {
			break
		}
		address, _, _ = strings.Cut(rest, `"`)
	}
	if len(seen) != 230 || seen[0] != "Company 001" || seen[229] != "Company 230" || !strings.Contains(address, "after=") {
		t.Errorf("%d connections, last page %s", len(seen), address)
	}
}

func TestConnectionCard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "", "Linked")
	text := func() string { return card(t, v.page("/connections"), "Northwind") }
	mustContain(t, text(), "Never proven", "Check now", fmt.Sprintf(`href="/connections/%d"`, s.connection(c).ID))

	s.exec(`UPDATE connections SET proven_at = clock() - interval '3 h 5 min', wrote_at = clock() - interval '3 h 5 min'`)
	s.exec(`UPDATE connections SET wrote_at = proven_at`)
	mustContain(t, text(), "Last proven: wrote to Xero", ">3 h ago</time>", "data-ago")
	s.exec(`UPDATE connections SET proven_at = clock()`)
	mustContain(t, text(), "Last proven: read from Xero", ">just now</time>")

	s.exec(`UPDATE connections SET checked_at = clock() + interval '1 s', check_result = 'failed', check_said = 'Connector <b>offline</b>'`)
	mustContain(t, text(), "Codat could not read from Xero. Codat said: Connector &lt;b&gt;offline&lt;/b&gt;")
	s.exec(`UPDATE connections SET check_result = 'unanswered'`)
	mustContain(t, text(), "no answer within 10 min. Codat may still be reading from Xero")

	s.news(c, func(n *store.ConnectionNews) {
		n.Status, n.LinkURL = "Deauthorized", "https://link.example.com/connection/1"
		n.Errors = []byte(`[{"statusCode":"403","errorMessage":"User cancelled","status":"Resolved"},{"statusCode":"401","errorMessage":"The integration de-authorized access to the connection.","status":"Active"}]`)
	})
	mustContain(t, text(), "Access lost", "Xero does not accept Codat’s sign-in any more", "Codat said: The integration de-authorized access",
		`href="https://link.example.com/connection/1"`, "Open the reconnect link")
	mustNotContain(t, text(), "turned back")
	s.news(c, func(n *store.ConnectionNews) { n.Status = "PendingAuth" })
	mustContain(t, text(), `href="https://link.example.com/connection/1"`, "Open the link to finish")
	s.news(c, func(n *store.ConnectionNews) { n.Status = "Unlinked" })
	mustContain(t, text(), `href="https://link.example.com/company/Northwind"`)
}

func TestConnectionTroubles(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		`[{"statusCode":"403","statusText":"User cancelled linking","errorMessage":"User cancelled"}]`: "The customer turned back before the link was finished. Codat said: User cancelled",
		`[{"statusCode":"403","errorMessage":"No."}]`:                                                  "Xero does not allow it to the person who linked it. Codat said: No.",
		`[{"statusCode":"503","errorMessage":"Busy"}]`:                                                 "Xero had a trouble of its own, or Codat had. Codat said: Busy",
		`[{"statusCode":"429"}]`:                                                                       "Xero asked Codat to slow down.",
		`[{"statusText":"Strange"}]`:                                                                   "Codat said: Strange",
		`[{"errorMessage":"The connector has not been seen for 5 hours."}]`:                            "The connector on the customer’s computer cannot be reached. The computer may be off. Codat said: The connector has not been seen for 5 hours.",
		`[{"errorMessage":"Old","status":"Resolved"}]`:                                                 "",
		`[{"errorMessage":"A"},{"errorMessage":"B"},{"errorMessage":"B"}]`:                             "Codat said: B|Codat said: A",
		`null`:    "",
		`{"a":1}`: "",
	} {
		if got := strings.Join(connectionTroubles([]byte(said), "Xero"), "|"); got != want {
			t.Errorf("%s: %q, want %q", said, got, want)
		}
	}
}

func TestCheckNow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "", "Linked")
	path := connectionURL(s.connection(c).ID)
	if a := v.postFrom("/connections?show=stale", path+"/check"); a.status != http.StatusSeeOther || a.location != "/connections?show=stale" {
		t.Errorf("%d %s", a.status, a.location)
	}
	if cn := s.connection(c); cn.CheckingSince == nil || cn.CheckReason != store.CheckForPerson {
		t.Errorf("connection %+v", cn)
	}
	page := v.page("/connections")
	mustContain(t, page, "Northwind, Xero, is being checked.", "Being checked since "+time.Now().UTC().Format("15:"))
	mustNotContain(t, card(t, page, "Northwind"), "Check now")
	v.post(path + "/check")
	mustContain(t, v.page(path), "is being checked already")
	s.news(c, func(n *store.ConnectionNews) { n.Status, n.Deleted = "", true })
	v.post(path + "/check")
	page = v.page(path)
	mustContain(t, page, "cannot be checked: Codat does not have it", "Deleted at Codat")
	mustNotContain(t, page, "Check now")
	if a := v.post("/connections/999999/check"); a.status != http.StatusNotFound {
		t.Errorf("nobody's connection: %d", a.status)
	}
	as, err := s.store.ActivityOf(t.Context(), "connection", s.idOf(c))
	if err != nil || !slices.ContainsFunc(as, func(a store.Activity) bool { return a.Verb == "had a connection checked" && a.Actor == v.user.Email }) {
		t.Errorf("activity %+v, %v", as, err)
	}
}

// idOf is the connection of a company, deleted or not.
func (s *site) idOf(c store.Company) (id int64) {
	s.t.Helper()
	if err := storetest.DB(s.t, s.dsn).Get(&id, `SELECT id FROM connections WHERE company_id = $1`, c.ID); err != nil {
		s.t.Fatal(err)
	}
	return id
}

func TestConnectionPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, admin := s.person(store.Viewer), s.person(store.Admin)
	c := s.company("Northwind", "", "Linked")
	id := s.connection(c).ID
	s.exec(`INSERT INTO deliveries (headers, body, type, verdict) VALUES ('{}', '', 'connection.disconnected', 'applied')`)
	delivery := int64(1)
	s.news(c, func(n *store.ConnectionNews) {
		n.Status, n.Event, n.DeliveryID, n.At = "Deauthorized", "connection.disconnected", &delivery, time.Now().Add(time.Second)
		n.Errors = []byte(`[{"errorMessage":"Access <b>withdrawn</b>","status":"Active"}]`)
	})
	s.news(c, func(n *store.ConnectionNews) {
		n.Status, n.Event, n.At = "Linked", "connection.reconnected", time.Now().Add(-time.Hour)
	})
	s.news(c, func(n *store.ConnectionNews) {
		n.Status, n.Read, n.Source, n.Actor, n.At = "Linked", true, store.FromSync, "Tallylight", time.Now().Add(2*time.Second)
	})

	page := v.page(connectionURL(id))
	mustContain(t, page, "Northwind · Xero", `id="connection-connection-Northwind"`, "Access &lt;b&gt;withdrawn&lt;/b&gt;", "Codat told it: connection.disconnected.", "A check found it.",
		"Newer news was known by then, so it changed nothing.", "Codat’s id", companyURL(c.ID))
	mustNotContain(t, page, "/deliveries/1")
	mustContain(t, admin.page(connectionURL(id)), `href="/deliveries/1"`, "Message 1")
	if lost, late := strings.Index(page, "connection.disconnected"), strings.Index(page, "connection.reconnected"); lost > late {
		t.Error("what happened last is not first")
	}
	if a := v.get("/connections/999999"); a.status != http.StatusNotFound {
		t.Errorf("nobody's connection: %d", a.status)
	}

	s.exec(fmt.Sprintf(`INSERT INTO connection_history (company_id, connection_id, status, said_at, source)
		SELECT %d, %d, 'Status ' || n, clock() - interval '1 day' * n, 'webhook' FROM generate_series(1, 60) n`, c.ID, id))
	page = v.page(connectionURL(id))
	if n := strings.Count(page, "<time class=\"small\""); n != momentsShown {
		t.Errorf("%d moments on a page", n)
	}
	_, rest, _ := strings.Cut(page, `rel="next" href="`)
	next, _, _ := strings.Cut(rest, `"`)
	page = v.page(strings.ReplaceAll(next, "&amp;", "&"))
	mustContain(t, page, "Status 60", `href="`+connectionURL(id)+`">Newest</a>`)
	mustNotContain(t, page, `rel="next"`)
	v.page(connectionURL(id) + "?after=9223372036854775807")
}

// A connection that Codat has deleted is in no list any more, but its company leads to it.
func TestDeletedConnectionsOfACompany(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	c := s.company("Northwind", "", "Linked")
	former := s.connection(c).ID
	mustNotContain(t, v.page(companyURL(c.ID)), "Deleted connections")
	s.news(c, func(n *store.ConnectionNews) { n.Deleted, n.At = true, time.Now().Add(time.Second) })
	page := v.page(companyURL(c.ID))
	mustContain(t, page, "Deleted connections (1)", `href="`+connectionURL(former)+`"><bdi>Xero</bdi></a>`, "deleted ", "Not connected yet")
	mustContain(t, v.page(connectionURL(former)), "Codat no longer has this connection.")
}

func TestTheNoticeLeadsToWhereItIsMended(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", "Linked")
	ids := s.expenses(v.user, c, 2)
	s.news(c, func(n *store.ConnectionNews) {
		n.Status, n.LinkURL = "Deauthorized", "https://link.example.com/connection/7"
	})
	v.post("/expenses/push", "id", fmt.Sprint(ids[0]), "id", fmt.Sprint(ids[1]))
	page := v.page("/expenses")
	_, rest, _ := strings.Cut(page, `id="notices"`)
	notice, _, _ := strings.Cut(rest, "</div></div>")
	mustContain(t, notice, "Northwind’s Xero connection has been down since", "2 expenses, GBP 20.00, wait for it.", `href="https://link.example.com/connection/7"`, "Open the reconnect link")
	s.news(c, func(n *store.ConnectionNews) { n.Status, n.Deleted = "", true })
	mustContain(t, v.page("/expenses"), "has been gone since", "Open the company")
}

func TestABulkPushAsksFirstWhetherTheConnectionWorks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", "Linked")
	s.exec(`UPDATE connections SET changed_at = clock() - interval '25 h'`)
	var form []string
	for _, id := range s.expenses(v.user, c, 5) {
		form = append(form, "id", fmt.Sprint(id))
	}
	v.post("/expenses/push", form[:2]...)
	if s.connection(c).CheckingSince != nil {
		t.Error("one expense has it checked")
	}
	v.post("/expenses/push", form[2:]...)
	if cn := s.connection(c); cn.CheckingSince == nil || cn.CheckReason != store.CheckForBulk {
		t.Errorf("connection %+v", cn)
	}
	if _, statuses := rows(v.page("/expenses")); !slices.Equal(statuses, slices.Repeat([]string{"in_progress"}, 5)) {
		t.Errorf("expenses are %v", statuses)
	}
	const first = "first checking that Xero can be reached"
	if n := strings.Count(v.page("/expenses"), first); n != 5 {
		t.Errorf("%d of 5 rows say what they wait for", n)
	}
	cn := s.connection(c)
	if err := s.store.EndCheck(t.Context(), store.Check{ConnectionID: cn.ID, Since: *cn.CheckingSince}, store.CheckProven, ""); err != nil {
		t.Fatal(err)
	}
	mustNotContain(t, v.page("/expenses"), first)
}

// Read once is only what was lost right after it was read, and what nothing waits for.
func TestReadOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	once := s.company("Once", "GBP", "Linked")
	at := time.Now()
	lost := func(n *store.ConnectionNews) {
		n.PlatformKey, n.PlatformName, n.Status, n.LastSyncAt = "pqsw", "QuickBooks Desktop", "Deauthorized", &at
	}
	s.news(once, lost)
	mustContain(t, card(t, admin.page("/connections"), "Once"), "Read once")
	s.exec(`UPDATE connections SET last_sync_at = status_at - interval '16 min'`)
	mustContain(t, card(t, admin.page("/connections"), "Once"), "Access lost")
	s.exec(`UPDATE connections SET last_sync_at = status_at - interval '14 min'`)
	mustContain(t, card(t, admin.page("/connections"), "Once"), "Read once")
	id := s.expenses(admin.user, once, 1)[0]
	admin.post(expenseURL(id) + "/push")
	if got := s.status(id); got != store.OnHold {
		t.Fatalf("the expense is %s", got)
	}
	page := admin.page("/connections")
	mustContain(t, card(t, page, "Once"), "Access lost")
	mustContain(t, page, `<b data-count="down">1<`)
	page = admin.page("/expenses")
	mustContain(t, page, "QuickBooks Desktop connection has been down since")
	mustNotContain(t, page, "signed off by itself")
}

func TestCheckThatCouldNotBeAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	s.company("Northwind", "GBP", "Linked")
	s.exec(`UPDATE connections SET platform_key = 'pqsw', proven_at = NULL, checked_at = clock(), check_result = 'unasked', check_said = 'Out of order.'`)
	mustContain(t, card(t, admin.page("/connections"), "Northwind"), "Codat could not be asked within 10 min. Codat said: Out of order.")
	s.exec(`UPDATE connections SET check_said = ''`)
	page := card(t, admin.page("/connections"), "Northwind")
	mustContain(t, page, "Codat could not be asked within 10 min: it could not be reached")
	mustNotContain(t, page, "computer may be off")
}
