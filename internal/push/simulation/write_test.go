package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// fault is how one push goes wrong, or not.
type fault string

const (
	fine        fault = "fine"
	final       fault = "is final in the reply"
	invalid     fault = "400 with validation"
	refused     fault = "is refused"
	broken      fault = "500 before it is accepted"
	brokenAfter fault = "500 after it is accepted"
	timeout     fault = "504, and it is accepted a little later"
	busy        fault = "429"
	cut         fault = "is cut off before it arrives"
	cutAfter    fault = "is cut off after it is accepted"
	late        fault = "arrives after we gave up"
	slow        fault = "is worked on for longer than we wait"
	garbled     fault = "is accepted, and the reply cannot be read"
	moved       fault = "is accepted, and the reply leads elsewhere"
	unreachable fault = "cannot be sent"
	strange     fault = "is accepted with a status nobody knows"
)

var pushFaults = weighted[fault]{{fine, 60}, {final, 8}, {invalid, 3}, {broken, 3}, {brokenAfter, 4}, {timeout, 2}, {busy, 3}, {cut, 4}, {cutAfter, 6}, {late, 3}, {slow, 4},
	{garbled, 2}, {moved, 1}, {unreachable, 2}, {strange, 2}}

var readFaults = weighted[fault]{{fine, 88}, {broken, 3}, {busy, 1}, {cut, 4}, {garbled, 2}, {unreachable, 2}}

// weighted are choices, each with how likely it is.
type weighted[T any] []struct {
	what T
	n    int
}

func (w weighted[T]) pick(chance *rand.Rand) T {
	sum := 0
	for _, c := range w {
		sum += c.n
	}
	n := chance.IntN(sum)
	for _, c := range w {
		if n -= c.n; n < 0 {
			return c.what
		}
	}
	panic("unreachable")
}

// fault is what will happen to a request.
func (c *cloud) fault(req *http.Request) fault {
	push := req.Method == http.MethodPost && strings.Contains(req.URL.Path, "/push/")
	if push && len(c.faults) > 0 {
		f := c.faults[0]
		c.faults = c.faults[1:]
		return f
	}
	switch {
	case c.calm:
		return fine
	case push:
		return pushFaults.pick(c.chance)
	}
	return readFaults.pick(c.chance)
}

// plan is what becomes of an accepted write.
type plan struct {
	after  time.Duration // until Codat says how it ended
	ends   string        // Success, Failed, TimedOut; "" for never
	lands  time.Duration // of one that timed out: until it is written after all; 0 for never
	silent bool          // then Codat goes on saying TimedOut
}

func (c *cloud) plan() plan {
	if len(c.plans) > 0 {
		p := c.plans[0]
		c.plans = c.plans[1:]
		return p
	}
	if c.calm {
		return plan{after: between(c.chance, time.Second, time.Minute), ends: "Success"}
	}
	p := plan{ends: weighted[string]{{"Success", 84}, {"Failed", 6}, {"TimedOut", 9}, {"", 1}}.pick(c.chance)}
	switch {
	case often(c.chance, 70):
		p.after = between(c.chance, 100*time.Millisecond, 90*time.Second)
	case often(c.chance, 80):
		p.after = between(c.chance, time.Minute, 40*time.Minute)
	default:
		p.after = between(c.chance, 30*time.Minute, 8*time.Hour)
	}
	if p.ends == "TimedOut" && often(c.chance, 60) {
		p.lands, p.silent = between(c.chance, time.Second, 3*time.Hour), often(c.chance, 30)
	}
	return p
}

const replayed = 90 * time.Minute // how long Codat answers a key with its first reply

// push takes a write, once for each key.
func (c *cloud) push(cn *connection, path, key string, body []byte, f fault) answer {
	if key == "" {
		c.wrong = append(c.wrong, "a push came without a key")
	}
	if r := c.requests[key]; r != nil && c.now.Before(r.answered.Add(replayed)) {
		switch {
		case r.body != path+string(body):
			c.wrong = append(c.wrong, "a key came with two bodies")
			return refusal(422, "The key was used with another body")
		case c.now.Before(r.running):
			return refusal(409, "A request with this key is being processed")
		}
		c.say("Codat: replays its reply %d", r.answer.status)
		return r.answer
	} else if r != nil {
		c.say("Codat: has forgotten the key")
	}
	r := &request{body: path + string(body), answered: c.now}
	switch f {
	case busy:
		return answer{status: 429, body: []byte(`{}`), header: map[string]string{"Retry-After": fmt.Sprint(c.chance.IntN(90))}}
	case refused:
		r.answer = refusal(c.refusing, "not now")
	case invalid:
		r.answer = refusal(400, "Validation failed: the note is too long")
	case broken:
		r.answer = refusal(500, "There is a problem with our server")
	case timeout:
		c.takeUp(between(c.chance, time.Second, 50*time.Second), body, func() { c.accept(cn, path, body, f) })
		r.answer = refusal(504, "")
	case slow:
		r.running = c.now.Add(between(c.chance, 31*time.Second, 4*time.Minute))
		c.takeUp(r.running.Sub(c.now), body, func() { r.answer, r.answered = c.accept(cn, path, body, f), c.now })
		r.answered = r.running
	default:
		r.answer = c.accept(cn, path, body, f)
	}
	c.requests[key] = r
	return r.answer
}

var pathTypes = map[string]string{"accounts": "chartOfAccounts", "suppliers": "suppliers", "directCosts": "directCosts"}

// accept makes an operation of a write.
func (c *cloud) accept(cn *connection, path string, body []byte, f fault) answer {
	if cn.deleted || cn.company.deleted {
		return refusal(404, "Data connection "+cn.id+" not found")
	}
	if cn.status != "Linked" {
		return refusal(400, "The data connection is not linked")
	}
	if to, upload := strings.CutSuffix(path, "/attachment"); upload {
		return c.upload(cn, strings.TrimPrefix(to, "directCosts/"), body, f)
	}
	op := &operation{key: fmt.Sprintf("op-%d", len(c.ops)+1), connection: cn, dataType: pathTypes[path], requested: c.now}
	op.read(body)
	return c.begin(op, f)
}

// begin works on an operation.
func (c *cloud) begin(op *operation, f fault) answer {
	op.status = "Pending"
	c.ops = append(c.ops, op)
	p := c.plan()
	of := op.content.name + op.content.note
	if op.file != nil {
		of = op.file.name
	}
	c.say("Codat: accepts %s of %s %s; %s after %s", op.key, op.dataType, of, p.ends, p.after.Round(time.Second))
	op.open = p.ends != ""
	switch {
	case f == final || p.after == 0:
		c.end(op, p)
	case op.open:
		if often(c.chance, 20) {
			c.tellWrite(op, "Pending")
		}
		if !c.calm && often(c.chance, 2) {
			c.tellWrite(op, "Failed") // it does not agree with itself
		}
		c.later(p.after, func() { c.end(op, p) })
	}
	j := c.opJSON(op)
	switch f {
	case brokenAfter:
		return refusal(500, "There is a problem with our server")
	case garbled:
		return answer{status: 200, body: []byte(`{"pushOperationKey": "op-`)}
	case moved:
		return answer{status: 302, body: nil, header: map[string]string{"Location": "https://elsewhere.example/"}}
	case strange:
		j["status"] = "Queued"
	}
	return jsonAnswer(j)
}

var whichExpense = regexp.MustCompile(`"((expense-\d+)\.\d+)`)

// read takes out of a body what a ledger looks at.
func (op *operation) read(body []byte) {
	var b struct {
		Name, NominalCode, SupplierName                string
		Reference, Note, IssueDate, Currency, SubTotal any
		TotalAmount                                    json.Number
		PaymentAllocations                             []struct {
			Payment struct{ TotalAmount json.Number }
		}
		ContactRef struct{ ID string }
		LineItems  []struct{ AccountRef struct{ ID string } }
	}
	if err := json.Unmarshal(body, &b); err != nil {
		panic(err)
	}
	text := func(v any) string { s, _ := v.(string); return s }
	op.content = record{dataType: op.dataType, name: b.Name + b.SupplierName, code: b.NominalCode, reference: text(b.Reference), note: text(b.Note),
		date: text(b.IssueDate), currency: text(b.Currency), total: b.TotalAmount, op: op}
	if of := whichExpense.FindSubmatch(body); of != nil { // in the reference, or in the note where there is none
		op.content.reference, op.content.note = string(of[1]), string(of[2])
	}
	if op.content.total == "" && len(b.PaymentAllocations) > 0 {
		op.content.total = b.PaymentAllocations[0].Payment.TotalAmount
	}
	op.supplier = b.ContactRef.ID
	for _, l := range b.LineItems {
		op.accounts = append(op.accounts, l.AccountRef.ID)
	}
}

// end is what Codat says in the end, or at first.
func (c *cloud) end(op *operation, p plan) {
	switch p.ends {
	case "Success":
		c.write(op, false)
	case "Failed":
		c.fail(op, "Note", "The platform did not like it")
	case "TimedOut":
		op.status, op.completed = "TimedOut", c.now
		op.open = p.lands > 0
		c.say("Codat: %s timed out", op.key)
		c.tellWrite(op, "TimedOut")
		if op.open {
			c.later(p.lands, func() { c.write(op, p.silent) })
		}
	}
}

func (c *cloud) fail(op *operation, field, message string) {
	op.status, op.completed, op.problem, op.open = "Failed", c.now, [2]string{field, message}, false
	c.say("Codat: %s failed: %s %s", op.key, field, message)
	c.tellWrite(op, "Failed")
}

// write puts the record in the books, unless they refuse it.
func (c *cloud) write(op *operation, silent bool) {
	cn := op.connection
	if cn.company.deleted {
		op.open = false
		return
	}
	if !c.notice(cn) {
		if often(c.chance, 50) && !silent {
			c.fail(op, "", "The connection is not linked any more")
		} else {
			op.open = false // and nobody will ever say anything
		}
		return
	}
	if field, message := c.objection(op); message != "" {
		if silent {
			op.open = false
			return
		}
		c.fail(op, field, message)
		return
	}
	op.open = false
	if op.file != nil {
		c.attach(op)
	} else {
		r := op.content
		r.id = fmt.Sprintf("rec-%d", len(cn.books.records)+1)
		cn.books.records = append(cn.books.records, &r)
		op.made = &r
		c.say("Codat: %s is in the books as %s", op.key, r.id)
	}
	if !silent {
		op.status, op.completed = "Success", c.now
		c.tellWrite(op, "Success")
	}
	if op.dataType != "directCosts" { // Codat reads what it wrote, if not told otherwise
		c.later(between(c.chance, time.Second, 30*time.Minute), func() {
			if c.notice(cn) {
				c.readNow(cn, op.dataType, cn.copyOf(op.dataType))
			}
		})
	}
}

// objection is what the accounting software says against a record.
func (c *cloud) objection(op *operation) (field, message string) {
	has := func(dataType, id string) bool {
		if c.habits.knowsOnlyRead {
			for _, r := range op.connection.read[dataType] {
				if r.id == id && !r.gone {
					return true
				}
			}
			return false
		}
		for _, r := range op.connection.books.records {
			if r.dataType == dataType && r.id == id && !r.gone {
				return true
			}
		}
		return false
	}
	if op.file != nil {
		if op.connection.cost(op.to) == nil {
			return "", "No direct cost was found with ID " + op.to
		}
		return "", ""
	}
	if op.dataType != "directCosts" {
		for _, r := range op.connection.books.records {
			switch {
			case r.gone || r.dataType != op.dataType || !c.habits.unique:
			case strings.EqualFold(r.name, op.content.name):
				return "Name", "Must be unique."
			case r.code != "" && r.code == op.content.code:
				return "NominalCode", "Must be unique."
			}
		}
		return "", ""
	}
	for i, id := range op.accounts {
		if !has("chartOfAccounts", id) {
			return fmt.Sprintf("LineItems[%d].AccountRef.Id", i), "Must match the ID of an existing account."
		}
	}
	if op.supplier != "" && !has("suppliers", op.supplier) {
		return "ContactRef.Id", "Must match the ID of an existing supplier."
	}
	return "", ""
}
