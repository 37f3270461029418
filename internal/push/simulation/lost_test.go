package simulation

import (
	"math/rand/v2"
	"testing"
	"time"

	"tallylight/internal/push"
	"tallylight/store"
)

// With every webhook lost, a badge is right ten minutes after Codat has made up its mind at the latest.
func TestRightWithinTenMinutesWithoutWebhooks(t *testing.T) {
	t.Parallel()
	const soon = 10 * time.Minute
	s := newStage(t)
	var latest time.Duration
	outcomes := map[string]int{}
	for seed := range uint64(5) {
		w := newWorld(t.Context(), s, rand.New(rand.NewPCG(seed, 0)))
		w.cloud.calm, w.straight = true, true
		w.cloud.habits.knowsOnlyRead = false // a failure that is none: the push goes on
		w.begin(2, 8)
		for range 16 {
			w.cloud.plans = append(w.cloud.plans, plan{after: between(w.chance, time.Second, 30*time.Minute), ends: pick(w.chance, []string{"Success", "Success", "Failed", "TimedOut"})})
		}
		late := map[*operation]time.Duration{} // by the operation of a cost: how long after its end the badge was seen to be right
		w.run("person", func() {
			var ids []int64
			for _, e := range w.expenses {
				ids = append(ids, e.id)
			}
			w.pressed(push.PressAnyway(w.ctx, w.store, w.by, push.Push, ids))
		})
		p := w.processes[0]
		for end := w.cloud.now.Add(2 * time.Hour); w.cloud.now.Before(end) && len(w.wrong) == 0; w.pass(min(w.nextDue(), time.Minute)) {
			w.cloud.bag = nil
			w.settle(p)
			for _, e := range w.expenses {
				badge := w.status(e)
				for _, op := range w.cloud.ops {
					if op.dataType != "directCosts" || op.content.note != e.note || op.completed.IsZero() || op.open {
						continue
					}
					right := map[string]store.ExpenseStatus{"Success": store.Complete, "Failed": store.Failed, "TimedOut": store.NeedsChecking}[op.status]
					took := w.cloud.now.Sub(op.completed)
					if _, seen := late[op]; badge == right && !seen {
						late[op] = took
						outcomes[op.status]++
						latest = max(latest, took)
					} else if badge != right && took > soon {
						w.fail("%s is %s %s after its operation was %s", e.note, badge, took, op.status)
					}
				}
			}
			if w.atRest() {
				break
			}
		}
		if len(late) == 0 {
			w.fail("nothing was pushed to its end")
		}
		w.bury()
		if len(w.wrong) > 0 {
			t.Fatalf("seed %d:\n%s", seed, w.story())
		}
	}
	t.Logf("outcomes %v; the latest badge was right %s after Codat's end", outcomes, latest)
}
