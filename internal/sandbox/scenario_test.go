package sandbox_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

func TestScenarioEffects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scenario string
		answer   int // 0 is none
		status   string
		booked   int
		say      string // somewhere in the answer or the operation
	}{
		"fail":               {`{"effect":"fail"}`, 200, "Failed", 0, "Must match the ID of an existing account."},
		"fail with words":    {`{"effect":"fail","message":"The period is locked."}`, 200, "Failed", 0, "Message: The period is locked."},
		"fail with problems": {`{"effect":"fail","validation":[{"itemId":"Reference","message":"Must be unique."}]}`, 200, "Failed", 0, "Must be unique."},
		"refuse 400":         {`{"effect":"refuse","status":400,"validation":[{"itemId":"Reference","message":"Must be shorter."}]}`, 400, "", 0, "Must be shorter."},
		"refuse 401":         {`{"effect":"refuse","status":401}`, 401, "", 0, "Unauthorized"},
		"refuse 402":         {`{"effect":"refuse","status":402}`, 402, "", 0, `"statusCode":429`},
		"refuse 403":         {`{"effect":"refuse","status":403}`, 403, "", 0, "outdated API key"},
		"refuse 404":         {`{"effect":"refuse","status":404,"message":"Gone."}`, 404, "", 0, "Gone."},
		"refuse 429":         {`{"effect":"refuse","status":429,"retryAfter":3}`, 429, "", 0, "too many requests"},
		"refuse 503":         {`{"effect":"refuse","status":503}`, 503, "", 0, `"statusCode":500`},
		"accept then 500":    {`{"effect":"acceptThen"}`, 500, "Success", 1, ""},
		"accept then 503":    {`{"effect":"acceptThen","status":503}`, 503, "Success", 1, ""},
		"accept then drop":   {`{"effect":"acceptThen","then":"drop"}`, 0, "Success", 1, ""},
		"drop":               {`{"effect":"drop"}`, 0, "", 0, ""},
		"timeout":            {`{"effect":"timeout"}`, 200, "TimedOut", 0, ""},
		"timeout booked":     {`{"effect":"timeoutBooked"}`, 200, "TimedOut", 1, ""},
		"final":              {`{"effect":"final"}`, 200, "Success", 1, `"status":"Success"`},
		"warning":            {`{"warning":"Tracking was ignored."}`, 200, "Success", 1, "Tracking was ignored."},
		"delay":              {`{"delay":"30ms"}`, 200, "Success", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, sandbox.Config{})
			c := b.company("gbol", "")
			b.scenario(tc.scenario)
			r := c.push("directCosts", c.cost("A"))
			if r.status != tc.answer || (tc.answer == 0) != (r.err != nil) {
				t.Fatalf("answer: %d %s %v", r.status, r.body, r.err)
			}
			said := string(r.body)
			history := results(b.get("/companies/" + c.id + "/push"))
			if (len(history) == 1) != (tc.status != "") {
				t.Fatalf("history: %v", history)
			}
			if tc.status != "" {
				key := history[0]["pushOperationKey"].(string)
				if o := c.follow(key, "Pending"); o["status"] != tc.status {
					t.Errorf("operation: %v", o)
				}
				said += string(b.do("GET", "/companies/"+c.id+"/push/"+key, nil, "").body)
			}
			if !strings.Contains(said, tc.say) {
				t.Errorf("%q is not in %s", tc.say, said)
			}
			if n := len(c.ledger("directCosts")); n != tc.booked {
				t.Errorf("booked %d times, want %d", n, tc.booked)
			}
			if o := c.landed("directCosts", c.cost("next")); o["status"] != "Success" {
				t.Errorf("the next one: %v", o)
			}
		})
	}
}

func TestTimeoutThenLand(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	b.scenario(`{"effect":"timeoutThenLand","late":"50ms"}`)
	o := c.landed("directCosts", c.cost("A"))
	if o["status"] != "TimedOut" {
		t.Fatalf("%v", o)
	}
	if o = c.follow(o["pushOperationKey"].(string), "TimedOut"); o["status"] != "Success" || recordID(o) != c.ledger("directCosts")[0]["id"] {
		t.Errorf("%v", o)
	}
}

func TestHangAfterAccepting(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	b.scenario(`{"effect":"acceptThen","then":"hang"}`)
	key := uuid.NewString()
	ctx, giveUp := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		if r := b.doContext(ctx, "POST", c.path("push/directCosts"), c.cost("A"), key); r.err == nil {
			t.Errorf("answered %d", r.status)
		}
	})
	until(t, func() bool { return len(c.ledger("directCosts")) == 1 })
	var again response
	until(t, func() bool {
		again = b.do("POST", c.path("push/directCosts"), c.cost("A"), key)
		return again.status != 409
	})
	if again.json(t)["pushOperationKey"] != c.ledger("directCosts")[0]["operationKey"] {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	giveUp()
	first.Wait()
	if n := len(c.ledger("directCosts")); n != 1 {
		t.Errorf("booked %d times", n)
	}
}

func TestHangsEndAtShutdown(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	b.scenario(`{"effect":"hang","times":0}`)
	var pushes sync.WaitGroup
	for range 3 {
		pushes.Go(func() {
			if r := c.push("directCosts", c.cost("A")); r.err == nil {
				t.Errorf("answered %d", r.status)
			}
		})
	}
	b.stop()
	pushes.Wait()
}

func TestScenariosMatch(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c, other := b.company("gbol", ""), b.company("gbol", "")
	b.scenario(`[{"company":"` + c.id + `","dataType":"directCosts","reference":"A","times":2,"effect":"refuse","status":500},
		{"dataType":"chartOfAccounts","reference":"Travel","effect":"refuse","status":503}]`)
	account := map[string]any{"nominalCode": "1", "name": "Travel", "fullyQualifiedCategory": "Expense.Overhead"}
	for i, tc := range []struct {
		c    *company
		path string
		body any
		want int
	}{
		{other, "directCosts", other.cost("A"), 200},
		{c, "directCosts", c.cost("B"), 200},
		{c, "suppliers", map[string]any{"supplierName": "A"}, 200},
		{c, "directCosts", c.cost("A"), 500},
		{c, "accounts", account, 503},
		{c, "directCosts", c.cost("A"), 500},
		{c, "directCosts", c.cost("A"), 200},
		{c, "accounts", account, 200},
	} {
		if r := tc.c.push(tc.path, tc.body); r.status != tc.want {
			t.Errorf("%d: %d %s, want %d", i, r.status, r.body, tc.want)
		}
	}
	b.scenario(`{"times":0,"effect":"refuse","status":500}`)
	for range 3 {
		if r := c.push("directCosts", c.cost("C")); r.status != 500 {
			t.Errorf("until cleared: %d", r.status)
		}
	}
	if n := len(scenarios(b)); n != 1 {
		t.Errorf("%d left", n)
	}
	if r := b.do("DELETE", "/_sandbox/scenarios", nil, ""); r.status != 204 || len(scenarios(b)) != 0 {
		t.Errorf("cleared: %d", r.status)
	}
	if r := c.push("directCosts", c.cost("D")); r.status != 200 {
		t.Errorf("after clearing: %d", r.status)
	}
}

func TestScenariosAreRefusedWhole(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	for _, bad := range []string{`{"effect":"explode"}`, `{"efect":"fail"}`, `{"effect":"refuse"}`, `{"times":-1}`, `{"effect":"fail","then":"drop"}`,
		`{"delay":"soon"}`, `{"delay":"-1s"}`, `{"webhooks":{"generation":"old"}}`, `{"webhooks":{"copies":101}}`, `[{"effect":"fail"},{"effect":"x"}]`, `no`} {
		if r := b.do("POST", "/_sandbox/scenarios", bad, ""); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	if n := len(scenarios(b)); n != 0 {
		t.Errorf("%d kept", n)
	}
}
