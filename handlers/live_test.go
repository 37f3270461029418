package handlers

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallylight/store"
)

type event struct{ name, id, data string }

// watch opens a live stream and returns its events.
func (v *visitor) watch(query string) <-chan event {
	v.t.Helper()
	ctx, stop := context.WithCancel(v.t.Context())
	v.t.Cleanup(stop)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+"/live?"+query, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		v.t.Fatalf("live: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	events := make(chan event, 1000)
	go func() {
		defer close(events)
		var e event
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case lines.Text() == "":
				if e.name != "" {
					events <- e
				}
				e = event{}
			case name == "event":
				e.name = value
			case name == "id":
				e.id = value
			case name == "data":
				e.data += value + "\n"
			}
		}
	}()
	return events
}

// await reads events until one fits.
func await(t *testing.T, events <-chan event, what string, fits func(event) bool) event {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended before %s came", what)
			}
			if e.id == "" {
				t.Errorf("%s has no id", e.name)
			}
			if fits(e) {
				return e
			}
		case <-late:
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestChangesReachOpenPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", store.Linked)
	s.listen()
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	id := s.expenses(v.user, c, 1)[0]
	shown := strconv.FormatInt(id, 10)
	events := viewer.watch("topics=expenses&show=" + shown)
	elsewhere := viewer.watch("topics=expenses&show=0")

	v.post(expenseURL(id) + "/push")
	row := await(t, events, "the pushed row", func(e event) bool {
		return e.name == "expense" && strings.Contains(e.data, `data-status="in_progress"`)
	})
	mustContain(t, row.data, `<tr id="expense-`+shown+`"`, "Push in progress", "waiting to be sent")
	mustNotContain(t, row.data, "finance@example.com")
	await(t, events, "counts", func(e event) bool { return e.name == "counts" && strings.Contains(e.data, `data-count="in_progress"`) })

	added := s.named(v.user, c, "New", 1)[0]
	await(t, elsewhere, "the new row", func(e event) bool {
		if strings.Contains(e.data, `data-status="in_progress"`) && e.name == "expense" {
			t.Error("a page got a row that it does not show")
		}
		return e.name == "expense" && strings.Contains(e.data, `<tr id="expense-`+strconv.FormatInt(added, 10)+`"`)
	})
	await(t, events, "the new row", func(e event) bool { return e.name == "expense" && strings.Contains(e.data, "New-1") })
}

func TestATurnedConnectionReachesOpenPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", store.Linked)
	s.listen()
	v := s.person(store.Finance)
	all, expenses := v.watch(""), v.watch("topics=expenses&show=0")
	s.turn(c, "Deauthorized")
	row := await(t, all, "the connection", func(e event) bool { return e.name == "connection" })
	mustContain(t, row.data, `id="connection-connection-Northwind"`, `data-status="Deauthorized"`, "Access lost")
	await(t, expenses, "a resync", func(e event) bool { return e.name == "resync" })
	mustContain(t, v.page("/connections"), `data-status="Deauthorized"`, "Never proven", "Open the reconnect link")
}

func TestManyChangesAreOneResync(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.listen()
	v := s.person(store.Finance)
	events := v.watch("topics=expenses&show=0")
	s.expenses(v.user, s.company("Northwind", "GBP", ""), mostAtOnce+1)
	await(t, events, "a resync", func(e event) bool { return e.name == "resync" })
}

func TestDeliveriesAreForAdministrators(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", "") // before anybody listens: a company that changes makes pages read themselves
	s.listen()
	admin, v := s.person(store.Admin), s.person(store.Finance)
	seen, unseen := admin.watch("topics=deliveries"), v.watch("")
	s.deliver(strings.NewReader(success))
	_, err := s.store.ApplyDeliveries(t.Context(), 10, func(_ *store.Tx, ds []*store.Delivery) error {
		for _, d := range ds {
			d.Verdict = store.VerdictIgnored
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	row := await(t, seen, "the delivery", func(e event) bool { return e.name == "delivery" })
	mustContain(t, row.data, `id="delivery-1"`, "Ignored", "directCosts.write.successful")
	s.expenses(v.user, c, 1)
	await(t, unseen, "the expense", func(e event) bool {
		if e.name == "delivery" {
			t.Error("finance staff got a delivery")
		}
		return e.name == "expense"
	})
}

func TestSignedOutPagesGetNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	v.post("/logout")
	if got := v.get("/live"); got.status != http.StatusUnauthorized {
		t.Errorf("live after sign-out: %d, want 401", got.status)
	}
}

// From the announcement of a change to the browser is meant to take a few milliseconds: no timer is in the way.
func TestALoneChangeDoesNotWait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", "") // before anybody listens: a company that changes makes pages read themselves
	s.listen()
	v := s.person(store.Finance)
	events := v.watch("topics=expenses")
	for n := range 20 { // a busy machine may be slow now and then; one that waits is late every time
		name := "New" + strconv.Itoa(n)
		began := time.Now()
		s.named(v.user, c, name, 1)
		await(t, events, "the row", func(e event) bool { return e.name == "expense" && strings.Contains(e.data, name) })
		if time.Since(began) < countsPause {
			return
		}
	}
	t.Error("every row is as late as the counts: it waits for something")
}
