package main

import (
	"fmt"
	"net/http"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

const (
	northwind = "Northwind Ltd"
	travel    = "Travel - National" // an account of its books

	// takes is how long Codat works on a push here: long enough for the page to show it.
	takes = time.Second
)

func TestJourney(t *testing.T) {
	t.Parallel()
	for _, generation := range []sandbox.Generations{sandbox.Current, sandbox.Legacy, sandbox.Both} {
		t.Run(string(generation), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, takes, generation)
			w.do("", "migrate")
			w.addUser("fay@example.com", store.Finance)
			p := w.serve()
			w.enter([2]string{"J-1", travel}, [2]string{"J-2", travel}, [2]string{"J-3", travel})
			v := p.visit("fay@example.com", password)
			live := v.live("topics=expenses,connections")

			first := v.id("J-1")
			v.receipt(first, "ticket.pdf", "%PDF-1.7 a ticket")
			v.push("J-1")
			live.awaitExpense(first, "in_progress")
			mustContain(t, live.awaitExpense(first, "complete").data, "Push complete")

			second := v.id("J-2")
			w.scenario(`{"effect":"fail","reference":"J-2","message":"The document date cannot be before the period lock date."}`)
			v.push("J-2")
			live.awaitExpense(second, "failed")
			mustContain(t, v.page("/expenses/"+second), "Push failed", "closed for this date", "What Codat said", "The document date cannot be before the period lock date.")
			v.retry("J-2")
			live.awaitExpense(second, "complete")

			connection := "connection-" + w.connection(northwind).CodatID
			w.unlink(northwind)
			live.await(connection, "Unlinked")
			third := v.id("J-3")
			v.push("J-3")
			live.awaitExpense(third, "on_hold")
			w.relink(northwind)
			live.await(connection, "Linked")
			live.awaitExpense(third, "complete")

			w.bookedOnce("J-1", "J-2", "J-3")
			w.until("the receipt of J-1", func() bool { return strings.Contains(v.page("/expenses/"+first), "ticket.pdf is in the ledger") })
			mustContain(t, v.page("/expenses/"+first), "Push complete", "Uploaded")
			costs, _ := w.written(northwind)
			for _, c := range costs {
				if want := c.Reference == "J-1"; want != (len(c.Attachments) == 1 && c.Attachments[0].Name == "ticket.pdf") || !want && len(c.Attachments) > 0 {
					t.Errorf("%s has the files %v in the books", c.Reference, c.Attachments)
				}
			}
		})
	}
}

func TestNewsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Both)
	w.addUser("fay@example.com", store.Finance)
	v, live := w.open()
	w.enter([2]string{"E-1", travel}, [2]string{"E-2", travel})

	w.scenario(`{"webhooks":{"early":true,"copies":3},"reference":"E-1"}`)
	w.scenario(`{"effect":"fail","message":"Something else went wrong.","webhooks":{"early":true},"reference":"E-2"}`)
	first, second := v.id("E-1"), v.id("E-2")
	v.post("/expenses/push", "id", first, "id", second)
	live.awaitExpense(first, "complete")
	live.awaitExpense(second, "failed")
	w.bookedOnce("E-1")
}

// open starts the program and a page of it.
func (w *world) open() (*visitor, *stream) {
	w.t.Helper()
	v := w.serve().visit("fay@example.com", password)
	return v, v.live("topics=expenses,connections")
}

func TestAnAccountThatSeveralExpensesNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	v, live := w.open()
	references := []string{"A-1", "A-2", "A-3"}
	for _, r := range references {
		w.enter([2]string{r, "Travel"})
	}
	var ids, form []string
	for _, r := range references {
		id, _, row := v.row(r)
		mustContain(t, row, "will create account Travel in Xero")
		ids, form = append(ids, id), append(form, "id", id)
	}

	w.scenario(`{"effect":"fail","dataType":"chartOfAccounts","reference":"Travel","message":"Please enter a unique Name."}`)
	v.post("/expenses/push", form...)
	for _, id := range ids {
		live.awaitExpense(id, "failed")
	}
	for _, id := range ids {
		mustContain(t, v.page("/expenses/"+id), "Please enter a unique Name.", "Travel")
	}
	if costs, accounts := w.written(northwind); len(costs)+len(accounts) > 0 {
		t.Errorf("the books have %v and %v of pushes that failed", costs, accounts)
	}

	v.post("/expenses/retry", form...)
	for _, id := range ids {
		live.awaitExpense(id, "complete")
	}
	w.bookedOnce(references...)
	if _, accounts := w.written(northwind); len(accounts) != 1 || accounts[0].Name != "Travel" {
		t.Errorf("the books have the accounts %v, want one Travel", accounts)
	}
}

func TestPressedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	v, live := w.open()
	w.enter([2]string{"T-1", travel})
	id := v.id("T-1")
	var pressing sync.WaitGroup
	for range 8 {
		pressing.Go(func() { v.post("/expenses/" + id + "/push") })
	}
	pressing.Wait()
	live.awaitExpense(id, "complete")
	w.bookedOnce("T-1")
}

// TestTwoServers has two programs on one database: what one of them is told, the pages of the other show.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	one := w.serve()
	two := w.serve() // the webhooks go to this one
	w.enter([2]string{"S-1", travel}, [2]string{"S-2", travel}, [2]string{"S-3", travel})
	here, there := one.visit("fay@example.com", password), two.visit("fay@example.com", password)
	watched, other := here.live("topics=expenses"), there.live("topics=expenses")
	for _, reference := range []string{"S-1", "S-2"} {
		id := here.id(reference)
		here.push(reference)
		watched.awaitExpense(id, "complete")
		other.awaitExpense(id, "complete")
	}
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	there.push("S-3")
	other.awaitExpense(there.id("S-3"), "complete")
	w.bookedOnce("S-1", "S-2", "S-3")
}

// ours are the goroutines of the program, without the database and the sandbox that the tests start themselves.
var ours = regexp.MustCompile(`tallylight/(web|handlers|store|internal/(push|inbox|ledger|codat))\.`)

// TestStopAndStart is not parallel: it looks at all goroutines there are.
func TestStopAndStart(t *testing.T) {
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	w.enter([2]string{"R-1", travel}, [2]string{"R-2", travel}, [2]string{"R-3", travel})
	v := p.visit("fay@example.com", password)
	live := v.live("topics=expenses")
	done, pending := v.id("R-1"), v.id("R-2")
	v.push("R-1")
	live.awaitExpense(done, "complete")
	w.scenario(`{"delay":"1s","reference":"R-2"}`)
	v.push("R-2")
	w.until("the answer to R-2", func() bool {
		pushes, err := w.store.Pushes(t.Context(), w.expenseID(pending))
		if err != nil {
			t.Fatal(err)
		}
		return pushes[0].Steps[0].OperationKey != nil
	})

	began := time.Now()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped in %v with an open page", time.Since(began).Round(time.Millisecond))
	for range live.events { // the page's stream has ended too
	}
	var stacks strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(stacks.String(), "\n\n") {
		if ours.MatchString(stack) && !strings.Contains(stack, "testing.tRunner") {
			t.Errorf("left running:\n%s", stack)
		}
	}

	p = w.serve()
	again := p.visit("fay@example.com", password)
	live = again.live("topics=expenses")
	if _, status, _ := again.row("R-1"); status != "complete" {
		t.Errorf("R-1 is %s after the restart", status)
	}
	if _, status, _ := again.row("R-2"); status == "in_progress" {
		live.awaitExpense(pending, "complete")
	} else if status != "complete" {
		t.Errorf("R-2 is %s after the restart", status)
	}
	again.push("R-3")
	live.awaitExpense(again.id("R-3"), "complete")
	w.bookedOnce("R-1", "R-2", "R-3")

	v.url = p.url // the session of before
	mustContain(t, v.page("/expenses"), "R-1", "fay@example.com")
}

func (w *world) expenseID(text string) (id int64) {
	w.t.Helper()
	if _, err := fmt.Sscan(text, &id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestStrangersAreTurnedAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	for path, want := range map[string]int{"/live": http.StatusUnauthorized, "/healthz": http.StatusOK, "/readyz": http.StatusOK} {
		resp, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	resp, err := http.Post(p.url+"/webhooks/codat", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a webhook without a credential: %d", resp.StatusCode)
	}
}
