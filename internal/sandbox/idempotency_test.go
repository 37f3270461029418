package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func TestIdempotency(t *testing.T) {
	t.Parallel()
	now := newClock()
	b := start(t, sandbox.Config{Now: now.now})
	c := b.company("gbol", "")
	path := c.path("push/directCosts")
	for name, tc := range map[string]struct {
		scenario string
		body     any
		status   int // of the first answer
		again    int // of the same request once more
		booked   int // of both together
	}{
		"accepted":                {"", c.cost("accepted"), 200, 200, 1},
		"malformed":               {"", c.cost("malformed", "currency", gone{}), 400, 400, 0},
		"refused by the ledger":   {"", c.cost("unbooked", "contactRef", gone{}), 200, 200, 0},
		"400":                     {`{"reference":"400","effect":"refuse","status":400}`, c.cost("400"), 400, 400, 0},
		"402":                     {`{"reference":"402","effect":"refuse","status":402}`, c.cost("402"), 402, 402, 0},
		"409":                     {`{"reference":"409","effect":"refuse","status":409}`, c.cost("409"), 409, 409, 0},
		"422":                     {`{"reference":"422","effect":"refuse","status":422}`, c.cost("422"), 422, 422, 0},
		"500":                     {`{"reference":"500","effect":"refuse","status":500}`, c.cost("500"), 500, 500, 0},
		"503":                     {`{"reference":"503","effect":"refuse","status":503}`, c.cost("503"), 503, 503, 0},
		"500 after accepting":     {`{"reference":"then500","effect":"acceptThen"}`, c.cost("then500"), 500, 500, 1},
		"429 is never kept":       {`{"reference":"429","effect":"refuse","status":429,"retryAfter":7}`, c.cost("429"), 429, 200, 1},
		"dropped before":          {`{"reference":"drop","effect":"drop"}`, c.cost("drop"), 0, 200, 1},
		"dropped after accepting": {`{"reference":"thenDrop","effect":"acceptThen","then":"drop"}`, c.cost("thenDrop"), 0, 200, 1},
	} {
		if tc.scenario != "" {
			b.scenario(tc.scenario)
		}
		key := uuid.NewString()
		body, _ := json.Marshal(tc.body)
		first := b.do("POST", path, body, key)
		if first.status != tc.status {
			t.Errorf("%s: first %d %s, want %d", name, first.status, first.body, tc.status)
		}
		if tc.status == 429 && first.header.Get("Retry-After") != "7" {
			t.Errorf("%s: Retry-After %q", name, first.header.Get("Retry-After"))
		}
		again := b.do("POST", path, body, key)
		if again.status != tc.again || tc.status == tc.again && !bytes.Equal(first.body, again.body) {
			t.Errorf("%s: again %d %s", name, again.status, again.body)
		}
		other, _ := json.Marshal(c.cost("other"))
		if r := b.do("POST", path, other, key); r.status != 422 {
			t.Errorf("%s: another body %d", name, r.status)
		}
		if r := b.do("POST", path, body, key); r.status != tc.again {
			t.Errorf("%s: after a 422 %d", name, r.status)
		}
		now.pass(91 * time.Minute)
		for _, o := range results(b.get("/companies/" + c.id + "/push")) {
			c.follow(o["pushOperationKey"].(string), "Pending")
		}
		if r := b.do("POST", path, c.cost("fresh", "contactRef", gone{}), key); r.status != 200 {
			t.Errorf("%s: after 90 minutes %d", name, r.status)
		}
		booked := 0
		for _, e := range c.ledger("directCosts") {
			if e["reference"] == tc.body.(map[string]any)["reference"] {
				booked++
			}
		}
		if booked != tc.booked {
			t.Errorf("%s: booked %d times, want %d", name, booked, tc.booked)
		}
	}
	for _, e := range c.ledger("directCosts") {
		if e["reference"] == "other" {
			t.Error("a 422 was booked")
		}
	}
}

func TestKeysExpireAfterNinetyMinutes(t *testing.T) {
	t.Parallel()
	now := newClock()
	b := start(t, sandbox.Config{Now: now.now})
	c := b.company("gbol", "")
	key := uuid.NewString()
	first := b.do("POST", c.path("push/directCosts"), c.cost("A"), key).json(t)["pushOperationKey"]
	now.pass(90*time.Minute - time.Second)
	if r := b.do("POST", c.path("push/directCosts"), c.cost("A"), key).json(t); r["pushOperationKey"] != first {
		t.Error("forgotten before 90 minutes")
	}
	now.pass(2 * time.Second)
	if r := b.do("POST", c.path("push/directCosts"), c.cost("A"), key).json(t); r["pushOperationKey"] == first {
		t.Error("kept after 90 minutes")
	}
}

func TestKeyIsBusyWhileTheFirstRuns(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	b.scenario(`{"effect":"hang"}`)
	key := uuid.NewString()
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	var first sync.WaitGroup
	first.Go(func() {
		if r := b.doContext(ctx, "POST", c.path("push/directCosts"), c.cost("A"), key); r.err == nil {
			t.Errorf("answered %d", r.status)
		}
	})
	until(t, func() bool { return len(scenarios(b)) == 0 })
	if r := b.do("POST", c.path("push/directCosts"), c.cost("A"), key); r.status != 409 {
		t.Errorf("while the first runs: %d", r.status)
	}
	giveUp()
	first.Wait()
	var r response
	until(t, func() bool { r = b.do("POST", c.path("push/directCosts"), c.cost("A"), key); return r.status != 409 })
	if r.status != 200 {
		t.Errorf("afterwards: %d", r.status)
	}
	c.follow(r.json(t)["pushOperationKey"].(string), "Pending")
	if n := len(c.ledger("directCosts")); n != 1 {
		t.Errorf("booked %d times", n)
	}
}

func TestManyAtOnceWithOneKeyBookOnce(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{File: t.TempDir() + "/journal"})
	c := b.company("gbol", "")
	key := uuid.NewString()
	var all sync.WaitGroup
	var accepted atomic.Int64
	for range 50 {
		all.Go(func() {
			switch r := b.do("POST", c.path("push/directCosts"), c.cost("A"), key); r.status {
			case 200:
				accepted.Add(1)
			case 409:
			default:
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	all.Wait()
	if accepted.Load() == 0 {
		t.Error("none was accepted")
	}
	history := results(b.get("/companies/" + c.id + "/push"))
	if len(history) != 1 {
		t.Fatalf("%d operations", len(history))
	}
	c.follow(history[0]["pushOperationKey"].(string), "Pending")
	if n := len(c.ledger("directCosts")); n != 1 {
		t.Errorf("booked %d times", n)
	}
}

func TestOtherPostsAndPatchesHaveKeysToo(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	key := uuid.NewString()
	first := b.do("POST", "/companies", `{"name":"Firm"}`, key)
	if again := b.do("POST", "/companies", `{"name":"Firm"}`, key); !bytes.Equal(first.body, again.body) {
		t.Errorf("%s and %s", first.body, again.body)
	}
	if n := len(results(b.get("/companies"))); n != 1 {
		t.Errorf("%d companies", n)
	}
	path := "/companies/" + first.json(t)["id"].(string)
	if r := b.do("PUT", path, `{"name":"Other"}`, key); r.status != 200 {
		t.Errorf("PUT takes no key: %d", r.status)
	}
	if r := b.do("PATCH", path, `{"name":"Other"}`, key); r.status != 422 {
		t.Errorf("PATCH: %d", r.status)
	}
}

// until asks over HTTP again and again.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it never happened")
		}
	}
}

func scenarios(b *box) []any { return b.get("/_sandbox/scenarios")["scenarios"].([]any) }
