package handlers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tallylight/store"
)

func TestTimesAreInThePersonsZone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", store.Linked)
	id := s.expenses(s.person(store.Finance).user, c, 1)[0]
	s.listen()
	v, other := s.person(store.Finance), s.person(store.Viewer)
	for _, unknown := range []string{"Local", "Mars/Olympus", "../etc/passwd", "right/UTC", "Asia//Tokyo"} {
		v.post("/login", "email", v.user.Email, "password", password, "zone", unknown)
		mustContain(t, v.page("/account"), "Times in UTC")
	}
	v.post("/login", "email", v.user.Email, "password", password, "zone", "Asia/Tokyo")
	v.post("/login", "email", v.user.Email, "password", password, "zone", "Europe/Berlin") // they have one
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}

	mine, older, theirs := v.watch("topics=connections"), v.watch("topics=connections&zone=UTC"), other.watch("topics=connections")
	s.turn(c, "Deauthorized")
	since := s.connection(c).ChangedAt
	there, here := " "+since.In(tokyo).Format("15:04"), " "+since.UTC().Format("15:04")
	for _, of := range []struct {
		events    <-chan event
		said, not string
	}{{mine, there, here}, {older, here, there}, {theirs, here, there}} {
		row := await(t, of.events, "the connection", func(e event) bool { return e.name == "connection" })
		mustContain(t, row.data, of.said)
		mustNotContain(t, row.data, of.not)
	}
	for _, path := range []string{"/expenses", expenseURL(id), "/connections", "/account"} {
		page := v.page(path)
		if n := strings.Count(page, "Times in "); n != 1 {
			t.Errorf("%s names its zone %d times", path, n)
		}
		mustContain(t, page, "Times in Asia/Tokyo", `data-zone="Asia/Tokyo"`)
		mustContain(t, other.page(path), "Times in UTC")
	}
	mustContain(t, v.page("/connections"), there)
	mustContain(t, v.page("/expenses"), "connection down since"+there, "1 Jan 2026")
	mustContain(t, other.page("/expenses"), "connection down since"+here)
	mustContain(t, v.get("/expenses/export.csv").body, "2026-01-01", "+09:00", ",Asia/Tokyo\r\n")
	plan := v.choose("handled", id)
	s.carryOut()
	v.post(plan+"/start", "reason", "Year end")
	mustContain(t, v.get(plan+"/receipt.csv").body, " +09:00, Asia/Tokyo")

	refused := v.post("/account/zone", "zone", "europe/berlin")
	mustContain(t, refused.body, "There is no zone &#34;europe/berlin&#34;", `value="europe/berlin"`, "Times in Asia/Tokyo")
	if a := v.post("/account/zone", "zone", " Europe/Berlin "); refused.status != http.StatusUnprocessableEntity || a.status != http.StatusSeeOther {
		t.Errorf("zones that are not and are: %d %d", refused.status, a.status)
	}
	mustContain(t, v.page("/account"), "Times are in Europe/Berlin now.", "Times in Europe/Berlin", `value="Europe/Berlin"`)
	v.post("/account/zone", "zone", "")
	mustContain(t, v.page("/account"), "Times in UTC")
}
