package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
)

// receipt is a file that the person of this history added to an expense. No two have the same name.
type receipt struct {
	id      int64
	expense *expense
	name    string
	removed bool
}

// file is what the accounting software keeps at a cost.
type file struct {
	name, content string
	id            string
}

// Codat -----------------------------------------------------------------------------------------------------------------------

// fileOf is the file that an upload brings.
var fileOf = regexp.MustCompile(`(?s)filename="([^"]+)"\r\nContent-Type: application/pdf\r\n\r\n(.*)\r\n--`)

// upload makes an operation of a file for a cost, or, in an older Codat, has it attached when it answers.
func (c *cloud) upload(cn *connection, to string, body []byte, f fault) answer {
	part := fileOf.FindSubmatch(body)
	if part == nil {
		c.wrong = append(c.wrong, "an upload without a file")
		return refusal(400, "An attachment must be sent as the part named file.")
	}
	if cn.cost(to) == nil {
		return refusal(404, "No direct cost was found with ID "+to)
	}
	c.attached++
	op := &operation{connection: cn, dataType: "directCosts", requested: c.now, to: to,
		file: &file{string(part[1]), string(part[2]), fmt.Sprintf("att-%d", c.attached)}}
	if !c.habits.attachesAtOnce {
		op.key = fmt.Sprintf("op-%d", len(c.ops)+1)
		return c.begin(op, f)
	}
	if !c.notice(cn) {
		return refusal(400, "The data connection is not linked")
	}
	c.attach(op)
	switch f {
	case brokenAfter:
		return refusal(500, "There is a problem with our server")
	case garbled:
		return answer{status: 200, body: []byte(`{"id": "att-`)}
	case moved:
		return answer{status: 302, body: nil, header: map[string]string{"Location": "https://elsewhere.example/"}}
	}
	return answer{status: 200}
}

// attach puts a file at its cost, and reports whether that is still there.
func (c *cloud) attach(op *operation) bool {
	r := op.connection.cost(op.to)
	if r == nil {
		return false
	}
	r.files = append(r.files, op.file)
	c.say("Codat: %s is at %s", op.file.name, r.id)
	return true
}

// cost is a cost that is in the books.
func (cn *connection) cost(id string) *record {
	for _, r := range cn.books.records {
		if r.id == id && r.dataType == "directCosts" && !r.gone {
			return r
		}
	}
	return nil
}

// files are those at a cost. Codat asks the accounting software for them.
func (c *cloud) files(cn *connection, of string) answer {
	if c.habits.hidesFiles {
		return refusal(404, "attachments of directCosts are not supported")
	}
	if !c.notice(cn) {
		return refusal(400, "The data connection is not linked")
	}
	r := cn.cost(of)
	if r == nil {
		return refusal(404, "No direct cost was found with ID "+of)
	}
	list := []any{}
	for _, f := range r.files {
		list = append(list, map[string]any{"id": f.id, "name": f.name, "contentType": "application/pdf", "fileSize": len(f.content)})
	}
	return jsonAnswer(map[string]any{"attachments": list})
}

func (c *cloud) operation(key *string) *operation {
	i := slices.IndexFunc(c.ops, func(op *operation) bool { return key != nil && op.key == *key })
	if i < 0 {
		return nil
	}
	return c.ops[i]
}

// copies is how often a receipt is in the ledger.
func (c *cloud) copies(r *receipt) (n int) {
	for _, e := range c.entries(r.expense) {
		for _, f := range e.files {
			if f.name == r.name {
				n++
			}
		}
	}
	return n
}

// The person ------------------------------------------------------------------------------------------------------------------

func (w *world) addReceipt() {
	if len(w.expenses) == 0 {
		return
	}
	e := pick(w.chance, w.expenses)
	for _, other := range w.expenses {
		if often(w.chance, 50) && w.status(other) == store.Complete {
			e = other
		}
	}
	if len(w.kept(e)) < 4 {
		w.addReceiptTo(e)
	}
}

func (w *world) addReceiptTo(e *expense) {
	n := len(w.receipts) + 1
	r := &receipt{expense: e, name: fmt.Sprintf("receipt-%d.pdf", n)}
	name, err := w.store.AddReceipt(w.ctx, w.by, e.id, store.NewReceipt{Name: r.name, Type: "application/pdf", Content: fmt.Appendf(nil, "%%PDF- %d %s", n, strings.Repeat("x", n%2))})
	if err != nil || name != r.name {
		w.fail("add %s: %s, %v", r.name, name, err)
		return
	}
	w.receipts = append(w.receipts, r)
	w.say("person: adds %s to %s", r.name, e.note)
	for _, kept := range w.kept(e) {
		if kept.Name == name {
			r.id = kept.ID
		}
	}
}

// kept are the receipts of an expense, as our side has them.
func (w *world) kept(e *expense) []store.Receipt {
	rs, err := w.store.Receipts(w.ctx, e.id)
	w.must(err)
	return rs
}

// beginBooked has all expenses booked without trouble, so that what follows is about their receipts.
func (w *world) beginBooked() {
	w.cloud.calm, w.straight = true, true
	var ids []int64
	for _, e := range w.expenses {
		ids = append(ids, e.id)
	}
	w.pressed(push.PressAnyway(w.ctx, w.store, w.by, push.Push, ids))
	for range 8 {
		w.settle(w.processes[0])
		w.pass(w.nextDue())
	}
	w.cloud.calm, w.straight = false, false
	for range 3 {
		w.addReceipt()
	}
}

// decideReceipts does what the page offers for receipts that did not reach the ledger, or may not have.
func (w *world) decideReceipts() {
	for _, r := range w.receipts {
		if often(w.chance, 70) {
			w.decideReceipt(r)
		}
	}
}

func (w *world) decideReceipt(r *receipt) {
	for _, kept := range w.kept(r.expense) {
		if kept.ID != r.id {
			continue
		}
		err := error(nil)
		switch {
		case kept.State == store.StepFailed:
			w.say("person: uploads %s again", r.name)
			err = w.store.RetryReceipt(w.ctx, w.by, r.expense.id, r.id)
		case kept.State != store.StepNeedsChecking:
		case w.cloud.copies(r) > 0:
			w.say("person: finds %s in the ledger", r.name)
			err = w.store.ReceiptFound(w.ctx, w.by, r.expense.id, r.id)
		case !w.mayArrive(r):
			w.say("person: does not find %s in the ledger", r.name)
			err = w.store.ReceiptAbsent(w.ctx, w.by, r.expense.id, r.id, store.Failure{Fact: json.RawMessage(`{}`), Cause: "not_in_ledger"})
		}
		if !errors.Is(err, store.ErrReceiptSettled) {
			w.must(err)
		}
	}
}

// mayArrive reports whether a receipt may still come into the ledger. A person who is in a hurry does not wait for it.
func (w *world) mayArrive(r *receipt) bool {
	if w.hasty {
		return false
	}
	for _, op := range w.cloud.ops {
		if op.file != nil && op.file.name == r.name && (op.open || op.status == "Pending") {
			return true
		}
	}
	for _, o := range w.routines {
		if strings.Contains(o.sends, `"`+r.name+`"`) && w.cloud.now.Sub(o.since) < patience {
			return true
		}
	}
	for _, sent := range w.cloud.travels {
		if strings.Contains(sent, `"`+r.name+`"`) {
			return true
		}
	}
	return false
}

func (w *world) removeReceipt() {
	if len(w.receipts) == 0 {
		return
	}
	r := pick(w.chance, w.receipts)
	err := w.store.RemoveReceipt(w.ctx, w.by, r.expense.id, r.id)
	if r.removed || errors.Is(err, store.ErrReceiptSent) {
		return
	}
	w.must(err)
	r.removed = true
	w.say("person: removes %s", r.name)
}

// What must hold --------------------------------------------------------------------------------------------------------------

// attached is how our side says that a receipt stands.
type attached struct {
	ID      int64
	Name    string
	Badge   store.ExpenseStatus
	Takes   bool             // its push is complete, by Codat's word, and its package takes receipts
	State   *store.StepState // of its newest upload
	Doubt   bool
	Sent    bool
	Op      *string
	Link    string
	Record  *string // of its expense
	Notices int
}

func (w *world) lookAtReceipts() []attached {
	w.tellTime()
	var all []attached
	w.must(w.statement(`
		SELECT r.id, r.name, e.status AS badge, coalesce(p.takes_receipts AND p.state = 'complete' AND c.told_by <> 'person', false) AS takes, s.state,
			coalesce(s.doubt, false) AS doubt,
			s.first_sent_at IS NOT NULL AS sent, s.operation_key AS op, coalesce(cn.codat_id, '') AS link, c.record_id AS record,
			(SELECT count(*) FROM notices n WHERE n.kind = 'may_be_made_twice' AND n.detail->>'label' = r.name) AS notices
		FROM receipts r JOIN expenses e ON e.id = r.expense_id LEFT JOIN pushes p ON p.id = e.push_id LEFT JOIN push_steps c ON c.id = p.cost_step_id
			LEFT JOIN push_steps s ON s.id = r.step_id LEFT JOIN connections cn ON cn.id = s.connection_id ORDER BY r.id`).Select(&all))
	return all
}

func (w *world) receipt(id int64) *receipt {
	for _, r := range w.receipts {
		if r.id == id {
			return r
		}
	}
	panic("no such receipt")
}

// checkReceipts compares what is said of receipts with the books. It holds at any moment.
func (w *world) checkReceipts() {
	if len(w.receipts) == 0 {
		return
	}
	for _, a := range w.lookAtReceipts() {
		r := w.receipt(a.ID)
		n := w.cloud.copies(r)
		state := store.StepState("not on its way")
		if a.State != nil {
			state = *a.State
		}
		switch state {
		case store.StepSuccess:
			if n == 0 && !w.cloud.removed(r.expense) {
				w.fail("%s is uploaded and not in the ledger", r.name)
			}
		case store.StepFailed, "not on its way", store.StepWaiting:
			if n > 0 && a.Notices == 0 && !w.hasty {
				w.fail("%s is %s and in the ledger", r.name, state)
			}
		case store.StepReady:
			if n > 0 && !a.Doubt && a.Notices == 0 && !w.hasty {
				w.fail("%s is to be sent and in the ledger", r.name)
			}
		}
	}
	for _, r := range w.receipts {
		for _, e := range w.expenses {
			for _, entry := range w.cloud.entries(e) {
				for _, f := range entry.files {
					if f.name == r.name && e != r.expense {
						w.fail("%s of %s is at %s", r.name, r.expense.note, e.note)
					}
				}
			}
		}
	}
}

// checkReceiptsEnd is what must hold, besides, when everything has come to rest.
func (w *world) checkReceiptsEnd() {
	if len(w.receipts) == 0 {
		return
	}
	noticed := map[string]bool{}
	for _, name := range w.strings(`SELECT detail->>'label' FROM notices WHERE kind = 'may_be_made_twice'`) {
		noticed[name] = true
	}
	for _, r := range w.receipts {
		if n := w.cloud.copies(r); n > 1 && !noticed[r.name] && !(w.hasty && w.unknown(r)) {
			w.fail("%s is in the ledger %d times, and nobody is told", r.name, n)
		}
	}
	for _, a := range w.lookAtReceipts() {
		if a.State == nil {
			if a.Takes && a.Badge == store.Complete {
				w.fail("%s is not on its way, and its expense is booked", a.Name)
			}
			continue
		}
		switch *a.State {
		case store.StepReady, store.StepWaiting:
			if cn := w.cloud.link(a.Link); cn.usable() || cn.deleted && !cn.company.deleted || cn.company.accounting().usable() {
				w.fail("%s is %s, and %s will never be what it waits for", a.Name, *a.State, a.Link)
			}
		case store.StepPending:
			if op := w.cloud.operation(a.Op); op == nil || op.status != "Pending" {
				w.fail("%s is pending and Codat has nothing under way for it", a.Name)
			}
		case store.StepSending, store.StepLooking:
			if cn := w.cloud.link(a.Link); !cn.company.deleted {
				w.fail("%s is still %s", a.Name, *a.State)
			}
		}
	}
}

// unknown reports whether Codat took a receipt, and we never heard of it: when a person says that it is not there, nobody learns better.
func (w *world) unknown(r *receipt) bool {
	known := w.strings(`SELECT operation_key FROM push_steps WHERE operation_key IS NOT NULL`)
	return w.cloud.habits.attachesAtOnce || slices.ContainsFunc(w.cloud.ops, func(op *operation) bool {
		return op.file != nil && op.file.name == r.name && !slices.Contains(known, op.key)
	})
}

// checkReceiptsDone is what must hold, besides, when a person has done all that the page offers.
func (w *world) checkReceiptsDone() {
	for _, a := range w.lookAtReceipts() {
		r := w.receipt(a.ID)
		cn := w.cloud.link(a.Link)
		if !a.Takes || a.Badge != store.Complete || cn == nil || !cn.usable() || cn.cost(deref(a.Record)) == nil || *a.State == store.StepPending || w.mayArrive(r) {
			continue
		}
		if n := w.cloud.copies(r); *a.State != store.StepSuccess || n != 1 && a.Notices == 0 {
			w.fail("%s is %s in the end, and %d times in the ledger", r.name, *a.State, n)
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
