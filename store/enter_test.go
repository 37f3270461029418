package store_test

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

// Many send the same expenses at the same moment, in whatever order and however they spell amounts: each is entered once.
func TestTheSameExpensesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 20
	ids := make([][]int64, 6)
	var senders errgroup.Group
	for sender := range ids {
		senders.Go(func() error {
			es := make([]store.NewExpense, n)
			for i := range es {
				es[i] = newExpense(w.company, fmt.Sprintf("E-%d", i))
				if sender > 2 {
					es[i].Lines[0].Net, es[i].Lines[0].Tax = dec("10"), dec("2.0")
				}
			}
			if sender%2 == 1 {
				slices.Reverse(es)
			}
			entered, err := w.EnterOnce(t.Context(), w.by, es)
			for _, e := range entered {
				ids[sender] = append(ids[sender], e.ID)
			}
			slices.Sort(ids[sender])
			return err
		})
	}
	if err := senders.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, got := range ids {
		if len(got) != n || !slices.Equal(got, ids[0]) {
			t.Errorf("entered %v and %v", ids[0], got)
		}
	}
	if counts, err := w.StatusCounts(t.Context(), w.company); err != nil || counts[store.NotPushed] != n {
		t.Errorf("there are %v, %v", counts, err)
	}
}
