package simulation

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"tallylight/store"
	"tallylight/store/storetest"
)

var (
	seed      = flag.Uint64("seed", 0, "tell this one history again")
	first     = flag.Uint64("first", 1, "the seed of the first history")
	histories = flag.Int("histories", 135, "how many histories to live through")
	tell      = flag.Bool("tell", false, "tell the history of -seed even if nothing is wrong with it")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(storetest.Main(m))
}

func TestHistories(t *testing.T) {
	t.Parallel()
	if *seed != 0 {
		if w := history(t.Context(), newStage(t), *seed); len(w.wrong) > 0 {
			t.Error(w.story())
		} else if *tell {
			t.Log(w.story())
		}
		return
	}
	liveThrough(t, *first, *histories)
}

// liveThrough lives through n histories, on a few stages at once.
func liveThrough(t *testing.T, first uint64, n int) {
	const stages, enough = 4, 3
	var next, failed atomic.Int64
	done := make(chan bool)
	for range stages {
		s := newStage(t)
		go func() {
			defer func() { done <- true }()
			for t.Context().Err() == nil && failed.Load() < enough {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				seed := first + uint64(i)
				if w := history(t.Context(), s, seed); len(w.wrong) > 0 {
					failed.Add(1)
					t.Errorf("seed %d:\n%s\n\nTell it again: go test ./internal/push/simulation -run TestHistories -seed=%d", seed, w.story(), seed)
				}
			}
		}()
	}
	for range stages {
		<-done
	}
}

// history lives through one history, and returns the world at its end.
func history(ctx context.Context, s *stage, seed uint64) *world {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // for one that would never end
	defer cancel()
	w := newWorld(ctx, s, rand.New(rand.NewPCG(seed, 0)))
	defer w.bury()
	w.begin(pick(w.chance, []int{1, 1, 1, 2}), 1+w.chance.IntN(4))
	if often(w.chance, 35) {
		w.beginBooked()
	}
	for range 30 + w.chance.IntN(120) {
		w.tellTime()
		moves.pick(w.chance)(w)
		if len(w.wrong) > 0 {
			return w
		}
		if often(w.chance, 8) {
			w.checkBadges()
		}
	}
	w.rest()
	if often(w.chance, 50) && len(w.wrong) == 0 { // the person looks after what is left
		w.say("the person looks after what is left")
		for range 3 {
			for _, e := range w.expenses {
				if w.status(e) == store.NeedsChecking {
					w.decideAbout(e)
				}
			}
			for _, r := range w.receipts {
				w.decideReceipt(r)
			}
			w.rest()
		}
		w.checkReceiptsDone()
	}
	return w
}

// moves are what can happen next.
var moves = weighted[func(w *world)]{
	{(*world).goOnWithSome, 34}, {(*world).send, 18}, {(*world).sweep, 8}, {(*world).apply, 9}, {(*world).readAsked, 4}, {(*world).bring, 16}, {(*world).act, 14},
	{(*world).wander, 16}, {(*world).killSome, 2}, {(*world).killProcess, 1},
}

const crowd = 8 // routines that wait at once

func (w *world) goOnWithSome() {
	if len(w.routines) > 0 {
		w.goOn(pick(w.chance, w.routines))
	}
}

func (w *world) routine(what string, do func(p *process)) {
	if len(w.routines) >= crowd {
		w.goOnWithSome()
		return
	}
	p := pick(w.chance, w.processes)
	w.start(p.name+" "+what, func() { do(p) })
}

func (w *world) send() { w.routine("sends", func(p *process) { p.worker.SendNext(w.ctx) }) }
func (w *world) sweep() {
	w.routine("sweeps", func(p *process) { w.must(p.sweeper.SweepDue(w.ctx, 1)) })
}
func (w *world) apply()     { w.routine("applies", func(p *process) { w.must(p.inbox.ApplyDue(w.ctx)) }) }
func (w *world) readAsked() { w.routine("reads", func(p *process) { p.reader.ReadAsked(w.ctx) }) }

// bring takes a webhook out of the bag, any of them, and delivers it, or loses it, or delivers it and keeps it.
func (w *world) bring() {
	if len(w.cloud.bag) == 0 {
		return
	}
	i := w.chance.IntN(len(w.cloud.bag))
	m := w.cloud.bag[i]
	if !often(w.chance, 15) {
		w.cloud.bag = append(w.cloud.bag[:i:i], w.cloud.bag[i+1:]...)
	}
	if often(w.chance, 15) {
		w.say("webhook lost: %s", m.what)
		return
	}
	w.deliver(m)
}

func (w *world) act() { acts.pick(w.chance)(w) }

var spans = weighted[[2]time.Duration]{
	{[2]time.Duration{0, 2 * time.Second}, 30}, {[2]time.Duration{2 * time.Second, 20 * time.Second}, 25}, {[2]time.Duration{20 * time.Second, 90 * time.Second}, 22},
	{[2]time.Duration{time.Minute, 10 * time.Minute}, 12}, {[2]time.Duration{10 * time.Minute, 80 * time.Minute}, 7}, {[2]time.Duration{time.Hour, 5 * time.Hour}, 3},
	{[2]time.Duration{20 * time.Hour, 30 * time.Hour}, 1},
}

func (w *world) wander() {
	s := spans.pick(w.chance)
	w.pass(between(w.chance, s[0], s[1]))
}

func (w *world) killSome() {
	if len(w.routines) > 0 {
		w.kill(pick(w.chance, w.routines))
	}
}

// killProcess kills a whole process; another one takes its place, and reads everything first.
func (w *world) killProcess() {
	i := w.chance.IntN(len(w.processes))
	name := w.processes[i].name
	for _, r := range append([]*routine(nil), w.routines...) {
		if r.what[:len(name)] == name {
			w.kill(r)
		}
	}
	p := newProcess(w, name+"'")
	w.processes[i] = p
	w.start(p.name+" reads everything", func() { p.reader.ReadAll(w.ctx) })
}

// rest lets everything come to rest, with no faults any more and no webhooks, and checks what must hold then.
func (w *world) rest() {
	w.say("from now on nothing goes wrong")
	w.cloud.calm, w.straight, w.cloud.refusing = true, true, 0
	for len(w.routines) > 0 {
		if r := w.routines[0]; often(w.chance, 50) {
			w.kill(r)
		} else {
			w.goOn(r)
		}
	}
	w.resume()
	const longest = 4 * 24 * time.Hour
	p := w.processes[0]
	read := time.Time{}
	for end := w.cloud.now.Add(longest); ; {
		w.cloud.bag = nil
		if w.cloud.now.Sub(read) >= 24*time.Hour {
			read = w.cloud.now
			w.run(p.name+" reads everything", func() { w.must(p.reader.ReadAll(w.ctx)) })
		}
		w.settle(p)
		w.checkBadges()
		if len(w.wrong) > 0 || w.atRest() || w.cloud.now.After(end) {
			break
		}
		w.pass(w.nextDue())
	}
	w.checkEnd()
}

// settle does all that is due now.
func (w *world) settle(p *process) {
	for again := true; again && len(w.wrong) == 0; {
		again = false
		w.run(p.name+" works", func() {
			w.must(p.inbox.ApplyDue(w.ctx))
			p.reader.ReadAsked(w.ctx)
			w.must(p.sweeper.SweepDue(w.ctx, 1))
			for p.worker.SendNext(w.ctx) {
				again = true
			}
		})
	}
}

// atRest reports whether nothing moves any more: what is in progress, Codat will never end.
func (w *world) atRest() bool {
	if len(w.cloud.travels) > 0 || len(w.strings(`SELECT kind FROM push_steps s JOIN companies c ON c.id = s.company_id
			JOIN connections cn ON cn.id = s.connection_id
		WHERE s.state = 'sending' OR s.state = 'ready' AND s.doubt OR
			c.deleted_at IS NULL AND (s.kind = 'attachment' AND s.state = 'looking' OR cn.status = 'Linked' AND (
				s.state <> 'pending' AND s.ask_at < clock() + interval '20 min' OR s.kind = 'attachment' AND s.state = 'ready' AND cn.deleted_at IS NULL))
		UNION ALL SELECT type FROM deliveries WHERE verdict = 'new'
		UNION ALL SELECT name FROM companies WHERE reading_until > clock() -- of a process that was killed`)) > 0 {
		return false
	}
	for _, s := range w.look() {
		if op := w.cloud.pending(s); s.Status == store.InProgress && (op == nil || op.open) {
			return false
		}
	}
	for _, a := range w.lookAtReceipts() {
		if a.State != nil && *a.State == store.StepPending {
			if op := w.cloud.operation(a.Op); op == nil || op.open || op.status != "Pending" {
				return false
			}
		}
	}
	return true
}

// nextDue is how long until something is due, here or at Codat.
func (w *world) nextDue() time.Duration {
	w.tellTime()
	var secs float64
	w.must(w.statement(`SELECT coalesce(extract(epoch FROM min(at) - clock()), 21600)::float8 FROM (
		SELECT next_try_at AS at FROM push_steps WHERE state = 'ready' UNION ALL SELECT lease_until FROM push_steps WHERE state = 'sending' UNION ALL
		SELECT ask_at FROM push_steps UNION ALL SELECT key_sent_at + interval '75 min' FROM push_steps WHERE state IN ('ready', 'sending') UNION ALL
		SELECT until FROM send_pauses UNION ALL SELECT reading_until FROM companies UNION ALL SELECT next_try_at FROM deliveries WHERE verdict = 'new') due
		WHERE at > clock() AND at < 'infinity'`).Get(&secs))
	return min(time.Duration(secs*float64(time.Second))+10*time.Millisecond, 6*time.Hour)
}
