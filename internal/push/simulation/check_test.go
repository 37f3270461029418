package simulation

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/govalues/decimal"

	"tallylight/store"
)

// shown is what our side says of an expense.
type shown struct {
	ID        int64
	Status    store.ExpenseStatus
	PushState *store.PushState `db:"push_state"`
	Snapshot  json.RawMessage
	StepState *store.StepState `db:"step_state"`
	Operation *string          // of the cost
	Record    *string
	NeededOps []byte `db:"needed_ops"` // of the accounts and suppliers it waits for, as a JSON array
	Company   string
	Link      string // Codat's connection id
	Notices   int
}

// look reads what our side says.
func (w *world) look() []shown {
	w.tellTime()
	var all []shown
	err := w.statement(`
		SELECT e.id, e.status, p.state AS push_state, coalesce(p.snapshot, '{}') AS snapshot, s.state AS step_state, s.operation_key AS operation, s.record_id AS record,
			(SELECT coalesce(jsonb_agg(w.operation_key), '[]') FROM push_needs n JOIN push_steps w ON w.id = n.step_id
				WHERE n.push_id = p.id AND w.kind <> 'directCost' AND w.state <> 'success') AS needed_ops,
			co.codat_id AS company, coalesce(cn.codat_id, '') AS link,
			(SELECT count(*) FROM notices n WHERE n.expense_id = e.id) AS notices
		FROM expenses e JOIN companies co ON co.id = e.company_id LEFT JOIN pushes p ON p.id = e.push_id LEFT JOIN push_steps s ON s.id = p.cost_step_id
			LEFT JOIN connections cn ON cn.id = p.connection_id ORDER BY e.id`).Select(&all)
	w.must(err)
	return all
}

var pushOf = map[store.ExpenseStatus][]store.PushState{
	store.InProgress: {store.PushOpen}, store.OnHold: {store.PushOpen}, store.Complete: {store.PushComplete}, store.Failed: {store.PushFailed},
	store.NeedsChecking: {store.PushNeedsChecking}, store.NotPushed: {store.PushWithdrawn},
}

// checkBadges compares every badge with the books. It holds at any moment.
func (w *world) checkBadges() {
	for i, s := range w.look() {
		e := w.expenses[i]
		entries := w.cloud.entries(e)
		if len(entries) > 1 {
			w.fail("%s is %s and booked %d times", e.note, s.Status, len(entries))
		}
		if s.PushState != nil && !slices.Contains(pushOf[s.Status], *s.PushState) {
			w.fail("%s is %s and its push %s", e.note, s.Status, *s.PushState)
		}
		switch s.Status {
		case store.Complete:
			if len(entries) == 0 && !w.cloud.removed(e) {
				w.fail("%s is complete and not in the ledger", e.note)
			}
			if len(entries) == 1 {
				w.checkEntry(e, s, entries[0])
			}
		case store.Failed, store.NotPushed, store.OnHold:
			if len(entries) > 0 && s.Notices == 0 {
				w.fail("%s is %s and in the ledger", e.note, s.Status)
			}
		}
	}
	w.checkReceipts()
}

// removed reports whether the accounting software had an expense and has it no more.
func (c *cloud) removed(e *expense) bool {
	return slices.ContainsFunc(c.ops, func(op *operation) bool { return op.made != nil && op.made.note == e.note && op.made.gone })
}

// checkEntry compares a record of the ledger with what was pushed.
func (w *world) checkEntry(e *expense, s shown, r *record) {
	var pushed struct {
		Reference string
		Total     json.Number
	}
	w.must(json.Unmarshal(s.Snapshot, &pushed))
	total, err := decimal.Parse(pushed.Total.String())
	w.must(err)
	booked, err := decimal.Parse(r.total.String())
	w.must(err)
	if pushed.Reference != r.reference || total.CmpAbs(booked) != 0 {
		w.fail("%s is in the ledger as %s, %s, and was pushed as %s, %s", e.note, r.reference, r.total, pushed.Reference, pushed.Total)
	}
	if s.Record != nil && *s.Record != r.id {
		w.fail("%s is record %s, and we say %s", e.note, r.id, *s.Record)
	}
}

// checkEnd is what must hold, besides, when everything has come to rest.
func (w *world) checkEnd() {
	all := w.look()
	for i, s := range all {
		e := w.expenses[i]
		switch s.Status {
		case store.OnHold:
			if cn := w.cloud.link(s.Link); cn != nil && cn.usable() {
				w.fail("%s is on hold and %s is up", e.note, s.Link)
			}
		case store.InProgress:
			if w.cloud.pending(s) == nil {
				w.fail("%s is in progress (%s) and Codat has nothing under way for it", e.note, *s.StepState)
			}
		}
	}
	claimed := map[string]bool{}
	for _, key := range w.strings(`SELECT operation_key FROM push_steps WHERE operation_key IS NOT NULL`) {
		claimed[key] = true
	}
	for _, op := range w.cloud.ops {
		i := slices.IndexFunc(w.expenses, func(e *expense) bool { return e.note == op.content.note })
		if i >= 0 && op.made != nil && !claimed[op.key] && !op.connection.company.deleted && all[i].Status != store.NeedsChecking &&
			(all[i].Record == nil || *all[i].Record != op.made.id) {
			w.fail("%s is in the ledger by %s, which nobody claims, and is %s", w.expenses[i].note, op.key, all[i].Status)
		}
	}
	w.checkMadeOnce()
	w.checkReceiptsEnd()
	for _, d := range w.strings(`SELECT type || ' ' || verdict || ' ' || error FROM deliveries WHERE verdict IN ('new', 'set_aside')`) {
		w.fail("a delivery was not applied: %s", d)
	}
	for _, s := range w.strings(`SELECT kind || ' ' || label FROM push_steps WHERE state = 'sending'`) {
		w.fail("a step is still being sent: %s", s)
	}
	for _, s := range w.cloud.wrong {
		w.fail("%s", s)
	}
}

// checkMadeOnce looks for accounts and suppliers that were made although they were there.
func (w *world) checkMadeOnce() {
	noticed := len(w.strings(`SELECT kind FROM notices WHERE kind = 'may_be_made_twice'`)) > 0
	for _, co := range w.cloud.companies {
		for _, cn := range co.connections {
			made := map[string]int{}
			for _, op := range w.cloud.ops {
				if op.connection == cn && op.made != nil && !op.made.gone && op.dataType != "directCosts" {
					made[op.dataType+" "+strings.ToLower(op.made.name)]++
				}
			}
			for what, n := range made {
				if n > 1 && !noticed {
					w.fail("%s was made %d times through %s", what, n, cn.id)
				}
			}
		}
	}
}

func (c *cloud) link(id string) *connection {
	for _, co := range c.companies {
		for _, cn := range co.connections {
			if cn.id == id {
				return cn
			}
		}
	}
	return nil
}

// pending is an operation of an expense that Codat says it works on, nil when there is none.
func (c *cloud) pending(s shown) *operation {
	var keys []*string
	if err := json.Unmarshal(s.NeededOps, &keys); err != nil {
		panic(err)
	}
	keys = append(keys, s.Operation)
	for _, op := range c.ops {
		if op.status == "Pending" && slices.ContainsFunc(keys, func(key *string) bool { return key != nil && *key == op.key }) {
			return op
		}
	}
	return nil
}

func (w *world) strings(query string) []string {
	var list []string
	w.must(w.statement(query).Select(&list))
	return list
}
