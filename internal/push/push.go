// Package push is how an expense reaches the ledger.
//
// Press plans: it turns a pressed Push or Retry into steps, each one Codat write, and queues them. Worker sends: it claims
// steps that are due, writes down what it is about to send, sends it, and judges what came back (judge.go is the table of
// that). Asker reads: it asks Codat how an operation stands when a webhook told too little, or nothing at all. Whatever the
// source, news ends in store.FinishStep.
package push

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"tallylight/store"
)

// Pressed says what became of a pressed Push or Retry: the ids that are on their way now, and why the others are not.
type Pressed struct {
	Started []int64
	Held    []int64 // of Started: their connection is down, and they wait for it
	Refused []Refused
}

// Refused is an expense that cannot be pushed now, with a sentence for who pressed the button.
type Refused struct {
	ID       int64
	Sentence string
}

// Button is what was pressed.
type Button string

const (
	Push  Button = "push"  // for an expense that is not pushed
	Retry Button = "retry" // for one whose push failed
)

// Press plans a push for each expense among ids that the button may start, all in one transaction, and says of the others
// why not. Pressing twice, two people pressing, or pressing during a push all end in one push.
func Press(ctx context.Context, s *store.Store, by store.User, button Button, ids []int64) (Pressed, error) {
	var done Pressed
	err := s.InTx(ctx, func(tx *store.Tx) error {
		done = Pressed{}
		pushables, err := tx.LockPushables(ctx, ids)
		if err != nil {
			return err
		}
		var plans []store.PlannedPush
		for _, p := range pushables {
			if why := refusal(p, button); why != "" {
				done.Refused = append(done.Refused, Refused{p.ID, why})
				continue
			}
			plans = append(plans, plan(p, button))
			done.Started = append(done.Started, p.ID)
			if !p.Linked() {
				done.Held = append(done.Held, p.ID)
			}
		}
		for _, id := range ids {
			if !slices.ContainsFunc(pushables, func(p store.Pushable) bool { return p.ID == id }) {
				done.Refused = append(done.Refused, Refused{id, "This expense is not here any more."})
			}
		}
		if len(plans) == 0 {
			return nil
		}
		return tx.CreatePushes(ctx, by, plans)
	})
	if err != nil {
		return Pressed{}, fmt.Errorf("press %s: %w", button, err)
	}
	return done, nil
}

// refusal is why the button does not start a push of p, "" when it does.
func refusal(p store.Pushable, button Button) string {
	by := ""
	if p.PushedBy != "" {
		by = " by " + p.PushedBy
	}
	switch {
	case p.Example:
		return p.Reference + " is an example and is never sent."
	case p.Status == store.InProgress:
		return p.Reference + " is on its way already: pushed" + by + "."
	case p.Status == store.OnHold:
		return p.Reference + " was pushed" + by + " and goes on by itself when its connection is back."
	case p.Status == store.Complete:
		return p.Reference + " is in the ledger already."
	case p.Status == store.NeedsChecking:
		return p.Reference + " may be in the ledger already. Look there first."
	case p.Status == store.Failed && button == Push:
		return p.Reference + " failed before. Press Retry to push it again."
	case p.Status == store.NotPushed && button == Retry:
		return p.Reference + " has not been pushed yet. Press Push."
	case p.ConnectionID == nil:
		return p.Reference + " cannot go anywhere: its company has no accounting connection."
	}
	return ""
}

func plan(p store.Pushable, button Button) store.PlannedPush {
	return store.PlannedPush{
		ExpenseID: p.ID, CompanyID: p.CompanyID, ConnectionID: *p.ConnectionID, Held: !p.Linked(), Retry: button == Retry,
		Steps: []store.PlannedStep{{Kind: store.DirectCostStep, Subject: strconv.FormatInt(p.ID, 10), Label: p.Reference}},
	}
}
