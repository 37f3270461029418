package simulation

import (
	"errors"
	"strings"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/push"
	"tallylight/store"
)

// acts are what the person does, and others at Codat and in the accounting software.
var acts = weighted[func(w *world)]{
	{(*world).press, 20}, {(*world).edit, 6}, {(*world).withdraw, 4}, {(*world).decide, 12}, {(*world).pause, 2}, {(*world).resume, 3}, {(*world).probe, 2},
	{(*world).enterAnother, 5}, {(*world).unlink, 2}, {(*world).relink, 5}, {(*world).sever, 2}, {(*world).replace, 2}, {(*world).removeConnection, 1},
	{(*world).removeCompany, 1}, {(*world).removeRecord, 1}, {(*world).refuse, 1}, {(*world).somebodyElse, 2},
	{(*world).addReceipt, 9}, {(*world).removeReceipt, 2}, {(*world).decideReceipts, 8},
}

func (w *world) some() []int64 {
	var ids []int64
	for _, e := range w.expenses {
		if often(w.chance, 50) {
			ids = append(ids, e.id)
		}
	}
	return ids
}

func (w *world) press() {
	ids := w.some()
	if len(ids) == 0 {
		return
	}
	button := push.Push
	if often(w.chance, 40) {
		button = push.Retry
	}
	for range 1 + w.chance.IntN(2) { // two clicks, now and then
		w.pressed(push.PressAnyway(w.ctx, w.store, w.by, button, ids)) // the books here take what the platforms would not
	}
}

func (w *world) pressed(p push.Pressed, err error) {
	w.must(err)
	if len(p.Started) > 0 {
		w.say("person: starts %v (held: %v)", p.Started, p.Held)
	}
}

func (w *world) edit() {
	if len(w.expenses) == 0 {
		return
	}
	e := pick(w.chance, w.expenses)
	n := w.newExpense(e, pick(w.chance, categories), pick(w.chance, supplierNames))
	seen, err := w.store.Expense(w.ctx, e.id)
	w.must(err)
	err = w.store.UpdateExpense(w.ctx, w.by, seen, n)
	if errors.Is(err, store.ErrLocked) {
		return
	}
	w.must(err)
	w.say("person: edits %s (%s, %s, %s)", e.note, n.Reference, n.Lines[0].Category, n.Supplier)
}

func (w *world) withdraw() {
	back, err := w.store.Withdraw(w.ctx, w.by, w.some())
	w.must(err)
	if len(back) > 0 {
		w.say("person: withdraws %v", back)
	}
}

func (w *world) enterAnother() {
	if len(w.expenses) < 9 {
		w.enter(pick(w.chance, w.cloud.companies), pick(w.chance, categories), pick(w.chance, supplierNames))
	}
}

// decide looks in the ledger for an expense that needs checking, and says what is there.
func (w *world) decide() {
	for _, e := range w.expenses {
		if w.status(e) != store.NeedsChecking || often(w.chance, 30) {
			continue
		}
		w.decideAbout(e)
	}
}

func (w *world) decideAbout(e *expense) {
	entries := w.cloud.entries(e)
	switch {
	case len(entries) > 0:
		w.say("person: finds %s in the ledger, as %s", e.note, entries[0].id)
		w.decided(w.store.FoundByPerson(w.ctx, w.by, e.id, entries[0].id))
	case w.mayLand(e):
		w.say("person: asks again about %s", e.note)
		w.decided(w.store.AskAgain(w.ctx, w.by, e.id))
	default:
		w.say("person: does not find %s in the ledger", e.note)
		p, err := push.NotThere(w.ctx, w.store, w.by, e.id)
		w.decided(err)
		w.pressed(p, nil)
	}
}

func (w *world) decided(err error) {
	if !errors.Is(err, store.ErrDecided) {
		w.must(err)
	}
}

// entries are the records of an expense in any books.
func (c *cloud) entries(e *expense) []*record {
	var found []*record
	seen := map[*books]bool{}
	for _, cn := range e.company.connections {
		if seen[cn.books] {
			continue
		}
		seen[cn.books] = true
		for _, r := range cn.books.records {
			if r.dataType == "directCosts" && r.note == e.note && !r.gone {
				found = append(found, r)
			}
		}
	}
	return found
}

// mayLand reports whether an expense may still come into the ledger: something of it is on its way, or not ended at Codat.
func (w *world) mayLand(e *expense) bool {
	for _, op := range w.cloud.ops {
		if op.content.note == e.note && (op.open || op.status == "Pending") {
			return true
		}
	}
	for _, r := range w.routines {
		if strings.Contains(r.sends, `"`+e.note+`.`) && w.cloud.now.Sub(r.since) < patience {
			return true
		}
	}
	for _, sent := range w.cloud.travels {
		if strings.Contains(sent, `"`+e.note+`.`) {
			return true
		}
	}
	return false
}

func (w *world) pause() {
	id := int64(0)
	if often(w.chance, 50) {
		id = w.companyID(pick(w.chance, w.cloud.companies))
	}
	w.say("person: pauses sending (%d)", id)
	w.must(w.store.PauseByPerson(w.ctx, w.by, id))
}

func (w *world) resume() {
	w.must(w.store.ResumeByPerson(w.ctx, w.by, 0))
	for _, co := range w.cloud.companies {
		w.must(w.store.ResumeByPerson(w.ctx, w.by, w.companyID(co)))
	}
}

func (w *world) probe() { w.must(w.store.ProbeNow(w.ctx, w.by)) }

// What others do --------------------------------------------------------------------------------------------------------------

func (w *world) anyConnection(fits func(cn *connection) bool) *connection {
	var list []*connection
	for _, co := range w.cloud.companies {
		for _, cn := range co.connections {
			if !cn.deleted && !co.deleted && fits(cn) {
				list = append(list, cn)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(w.chance, list)
}

func (w *world) unlink() {
	if cn := w.anyConnection(func(cn *connection) bool { return cn.status == "Linked" }); cn != nil {
		w.cloud.turn(cn, "Unlinked")
	}
}

func (w *world) relink() {
	cn := w.anyConnection(func(cn *connection) bool {
		for _, other := range cn.company.connections {
			if other.usable() {
				return false // one at a time
			}
		}
		return true
	})
	if cn != nil {
		w.cloud.turn(cn, "Linked")
		w.cloud.later(between(w.chance, 0, time.Minute), func() {
			if cn.usable() {
				w.cloud.readAll(cn)
			}
		})
	}
}

func (w *world) sever() {
	if cn := w.anyConnection((*connection).usable); cn != nil {
		cn.severed = true
		w.say("customer: cuts %s off in the accounting software", cn.id)
	}
}

// replace links a company anew: to the same books, or to others.
func (w *world) replace() {
	cn := w.anyConnection(func(*connection) bool { return true })
	if cn == nil {
		return
	}
	for _, other := range cn.company.connections {
		if other.usable() {
			w.cloud.turn(other, "Unlinked")
		}
	}
	b := newBooks()
	if often(w.chance, 50) {
		b = cn.books
	}
	w.cloud.connect(cn.company, b)
}

func (w *world) removeConnection() {
	if cn := w.anyConnection(func(cn *connection) bool { return cn.status != "Linked" }); cn != nil {
		w.cloud.delete(cn)
	}
}

func (w *world) removeCompany() {
	if co := pick(w.chance, w.cloud.companies); !co.deleted && often(w.chance, 30) {
		w.cloud.deleteCompany(co)
	}
}

// removeRecord deletes an account or supplier in the accounting software.
func (w *world) removeRecord() {
	cn := w.anyConnection((*connection).usable)
	if cn == nil {
		return
	}
	for _, r := range cn.books.records {
		if (r.dataType == "chartOfAccounts" || r.dataType == "suppliers") && !r.gone && often(w.chance, 20) {
			r.gone = true
			w.say("customer: deletes %s %s (%s)", r.dataType, r.name, r.id)
			return
		}
	}
}

// refuse has Codat refuse everything for a while.
func (w *world) refuse() {
	w.cloud.refusing, w.cloud.until = pick(w.chance, []int{401, 402, 403}), w.cloud.now.Add(between(w.chance, time.Minute, 40*time.Minute))
	w.say("Codat: says %d to everything for %s", w.cloud.refusing, w.cloud.until.Sub(w.cloud.now).Round(time.Second))
}

// somebodyElse writes a cost through the same connection with another program.
func (w *world) somebodyElse() {
	cn := w.anyConnection((*connection).usable)
	if cn == nil {
		return
	}
	w.say("somebody else writes through %s", cn.id)
	w.cloud.accept(cn, "directCosts", marshal(map[string]any{"reference": "theirs", "note": "theirs", "issueDate": "2026-02-03T00:00:00", "currency": "GBP",
		"totalAmount": 10, "lineItems": []any{map[string]any{"accountRef": map[string]any{"id": "acc-travel"}}}}), fine)
}

// deliver brings a webhook as the intake's handler takes it.
func (w *world) deliver(m message) {
	e, err := codat.ParseEvent(m.body)
	w.must(err)
	d := store.Delivery{Headers: []byte(`{}`), Body: m.body, Verdict: store.VerdictNew, Generation: e.Generation, Type: e.Type, Company: e.CompanyID,
		Connection: e.ConnectionID, OperationKey: e.OperationKey}
	if m.id != "" {
		d.WebhookID = &m.id
	}
	if e.DedupeKey != "" {
		d.DedupeKey = &e.DedupeKey
	}
	w.say("webhook: %s", m.what)
	_, err = w.store.RecordDelivery(w.ctx, d)
	w.must(err)
}
