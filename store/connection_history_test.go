package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallylight/store"
)

// told is news of northwind's connection that a webhook brings.
func (w *world) told(event, status string, at time.Time, errors string) (delivery int64, applied bool) {
	w.t.Helper()
	w.record(store.Delivery{Type: "connection." + event, Company: "northwind", Connection: "northwind-link", Headers: []byte(`{}`), Body: []byte(`{}`), Verdict: store.VerdictNew})
	if err := w.sql().Get(&delivery, `SELECT max(id) FROM deliveries`); err != nil {
		w.t.Fatal(err)
	}
	n := store.ConnectionNews{CodatID: "northwind-link", Status: status, At: at, Deleted: event == "deleted", Actor: "Codat", Event: "connection." + event, DeliveryID: &delivery}
	if n.Deleted {
		n.Status = ""
	}
	if errors != "" {
		n.Errors = []byte(errors)
	}
	_, applied = w.news(w.company, n)
	return delivery, applied
}

// history is the history of northwind's connection, oldest first, in short.
func (w *world) history() string {
	w.t.Helper()
	ms, err := w.ConnectionHistory(w.t.Context(), w.connection, 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, m := range ms {
		line := m.Status + " by " + string(m.Source)
		if m.Deleted {
			line = "deleted, " + line
		}
		if m.Late {
			line += ", late"
		}
		if m.Cause != "" {
			line += ": " + m.Cause
		}
		lines = append([]string{line}, lines...)
	}
	return strings.Join(lines, "\n")
}

func TestConnectionHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.now()
	lost := `[{"statusText":"Unauthorized","errorMessage":"Old trouble","status":"Resolved"},{"statusText":"Unauthorized","errorMessage":"Access was withdrawn.","status":"Active"}]`

	delivery, _ := w.told("disconnected", "Deauthorized", now.Add(-20*time.Minute), lost)
	if _, applied := w.told("reconnected", "Linked", now.Add(-40*time.Minute), ""); applied {
		t.Error("old news is applied")
	}
	w.told("reconnected", "Linked", now.Add(-40*time.Minute), "") // told again
	w.told("reconnected", "Linked", now.Add(-10*time.Minute), lost)
	w.told("reconnected", "Linked", now.Add(-10*time.Minute), "") // the other generation: nothing new
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Linked", At: now, Read: true, Actor: "Tallylight"})
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Unlinked", At: now.Add(time.Minute), Read: true, Actor: "ann@example.com", Source: store.FromSync})
	w.told("deleted", "Linked", now.Add(2*time.Minute), "")
	w.told("connected", "Linked", now.Add(3*time.Minute), "")

	want := strings.Join([]string{"Linked by webhook", "Linked by webhook, late", "Deauthorized by webhook: Access was withdrawn.", "Linked by webhook",
		"Unlinked by sync", "deleted, Unlinked by webhook", "Linked by webhook, late"}, "\n")
	if got := w.history(); got != want {
		t.Errorf("history:\n%s\nwant:\n%s", got, want)
	}
	ms, err := w.ConnectionHistory(t.Context(), w.connection, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	m := ms[4]
	if m.Event != "connection.disconnected" || m.DeliveryID == nil || *m.DeliveryID != delivery || m.SaidAt == nil || !m.SaidAt.Equal(now.Add(-20*time.Minute)) || m.Actor != "Codat" {
		t.Errorf("moment %+v", m)
	}
	if ms[2].SaidAt != nil || ms[2].Actor != "ann@example.com" {
		t.Errorf("a reading says since when: %+v", ms[2])
	}
	if c, err := w.ConnectionItems(t.Context(), []int64{w.connection}); err != nil || c[0].DeletedAt == nil {
		t.Errorf("deleted does not win: %+v, %v", c, err)
	}
	// A message that is removed leaves the moment.
	if _, err := w.sql().Exec(`DELETE FROM deliveries`); err != nil {
		t.Error(err)
	}
	if got := w.history(); got != want {
		t.Errorf("history without messages:\n%s", got)
	}
}

// A customer who turns back does not change the status; why is told once.
func TestHistoryOfALinkThatIsNotFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.told("created", "PendingAuth", w.now(), "")
	cancelled := `[{"statusCode":"403","errorMessage":"User cancelled","status":"Active"}]`
	w.told("failed", "PendingAuth", w.now(), cancelled)
	w.told("failed", "PendingAuth", w.now(), cancelled)
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "PendingAuth", At: w.now(), Read: true, Errors: []byte(cancelled)})
	if got := w.history(); got != "Linked by webhook\nPendingAuth by webhook\nPendingAuth by webhook: User cancelled" {
		t.Errorf("history:\n%s", got)
	}
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same := w.now().Add(-30 * time.Minute)
	for i := range 60 {
		w.told("reconnected", fmt.Sprintf("Status %d", i), same, "")
	}
	var seen []string
	before, pages := int64(0), 0
	for {
		ms, err := w.ConnectionHistory(t.Context(), w.connection, before, 25)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ms {
			seen = append(seen, m.Status)
		}
		if len(ms) < 25 {
			break
		}
		before = ms[24].ID
		pages++
	}
	if len(seen) != 61 || pages != 2 || seen[0] != "Status 59" || seen[59] != "Status 0" || seen[60] != "Linked" {
		t.Errorf("%d in %d pages: %v", len(seen), pages, seen)
	}
	if ms, err := w.ConnectionHistory(t.Context(), w.connection, 1<<40, 25); err != nil || len(ms) != 0 {
		t.Errorf("before what is not there: %v, %v", ms, err)
	}
}

func TestHistoryOfADeletedCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check()
	w.in(func(tx *store.Tx) error { return tx.CompanyDeleted(t.Context(), "northwind", *failure("company_gone")) })
	if got := w.history(); got != "Linked by webhook\ndeleted, Linked by reading" {
		t.Errorf("history:\n%s", got)
	}
	if c := w.standing(); c.CheckingSince != nil || c.CheckResult != store.CheckDown {
		t.Errorf("the check goes on: %+v", c)
	}
}

// News of a connection of a company that nobody knows is applied once somebody adds the company.
func TestNewsOfAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(store.Delivery{Type: "connection.connected", Company: "stranger", Connection: "theirs", Headers: []byte(`{}`), Body: []byte(`{}`), Verdict: store.VerdictNew})
	w.record(store.Delivery{Type: "company.deleted", Company: "stranger", Headers: []byte(`{}`), Body: []byte(`{}`), Verdict: store.VerdictNew})
	apply := func() int {
		n, err := w.ApplyDeliveries(t.Context(), 10, func(tx *store.Tx, ds []*store.Delivery) error {
			for _, d := range ds {
				_, err := tx.CompanyOfNews(t.Context(), d.Company)
				if d.Verdict = store.VerdictApplied; err != nil {
					d.Verdict = store.VerdictNotOurs
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := apply(); n != 2 || apply() != 0 {
		t.Errorf("%d were applied", n)
	}
	w.addCompany("another")
	if n := apply(); n != 0 {
		t.Errorf("%d are applied that are about somebody else", n)
	}
	w.addCompany("stranger")
	if n := apply(); n != 1 {
		t.Errorf("%d are applied once the company is known, want the connection's alone", n)
	}
	if v := w.verdicts(); v[store.VerdictApplied] != 1 || v[store.VerdictNotOurs] != 1 {
		t.Errorf("verdicts %v", v)
	}
}

// A company that is read again wakes nothing: only one that is new does.
func TestNewsOfAKnownCompanyIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(store.Delivery{Type: "connection.connected", Company: "northwind", Connection: "theirs", Headers: []byte(`{}`), Body: []byte(`{}`), Verdict: store.VerdictNotOurs})
	w.in(func(tx *store.Tx) error {
		_, err := tx.SaveCompany(t.Context(), "northwind", "Northwind", "")
		return err
	})
	if v := w.verdicts(); v[store.VerdictNotOurs] != 1 {
		t.Errorf("verdicts %v", v)
	}
}
