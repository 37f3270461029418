// Package push is how an expense reaches the ledger.
//
// Press plans: it turns a pressed Push or Retry into steps, each one Codat write, and queues them; plan.go and kinds.go say which
// steps and in which order. Worker sends: it claims steps that are due, writes down what it is about to send, sends it, and
// judges what came back (judge.go is the table of that). Sweeper reads: it asks Codat how operations stand of which no webhook
// told enough, and looks for steps in doubt (look.go). Whatever the source, news ends in store.FinishStep.
package push

import (
	"context"
	"fmt"

	"tallylight/internal/explain"
	"tallylight/store"
)

// Pressed says what became of a pressed Push or Retry: the ids that are on their way now, and why the others are not.
type Pressed struct {
	Button  Button
	Started []int64
	Held    []int64 // of Started: their connection is down, and they wait for it
	Refused []Refused
}

// Refused is an expense that cannot be pushed now, with a sentence for who pressed the button.
type Refused struct {
	ID       int64
	Sentence string
	Short    string   // the same without its name, as it is said of many: "in the ledger already"
	Problem  *Problem // what would fail: a person may have it pushed anyway. nil where nobody can
}

// Button is what was pressed.
type Button string

const (
	Push  Button = "push"  // for an expense that is not pushed
	Retry Button = "retry" // for one whose push failed
)

// Press plans a push for each expense among ids that the button may start, all in one transaction, and says of the others
// why not: what would fail is not sent. Pressing twice, two people pressing, or pressing during a push all end in one push.
func Press(ctx context.Context, s *store.Store, by store.User, button Button, ids []int64) (Pressed, error) {
	return pressIn(ctx, s, by, button, "", ids)
}

// PressAnyway is Press for a person who has seen what would fail and wants it sent all the same.
func PressAnyway(ctx context.Context, s *store.Store, by store.User, button Button, ids []int64) (Pressed, error) {
	return pressIn(ctx, s, by, button, insisted, ids)
}

// anyway is why an expense is pushed although it is known to fail: "" for not at all.
type anyway string

const (
	insisted anyway = "insisted" // a person has seen what would fail
	anew     anyway = "anew"     // its connection was replaced: a person is told by what becomes of it
)

func pressIn(ctx context.Context, s *store.Store, by store.User, button Button, why anyway, ids []int64) (Pressed, error) {
	var done Pressed
	err := s.InTx(ctx, func(tx *store.Tx) (err error) {
		done, err = press(ctx, tx, by, button, why, ids)
		return err
	})
	if err != nil {
		return Pressed{}, fmt.Errorf("press %s: %w", button, err)
	}
	return done, nil
}

func press(ctx context.Context, tx *store.Tx, by store.User, button Button, why anyway, ids []int64) (Pressed, error) {
	done := Pressed{Button: button}
	pushables, err := tx.LockPushables(ctx, ids)
	if err != nil {
		return done, err
	}
	var plans []store.PlannedPush
	found := make(map[int64]bool, len(pushables))
	for _, p := range pushables {
		found[p.ID] = true
		no, f := refuse(p, button)
		if no != nil && (no.Problem == nil || why == "") {
			done.Refused = append(done.Refused, *no)
			continue
		}
		planned := plan(p, button, f)
		switch {
		case why == anew:
			planned.Verb = "planned anew"
		case no != nil:
			planned.Verb += " anyway"
		}
		plans = append(plans, planned)
		done.Started = append(done.Started, p.ID)
		if !p.Linked() {
			done.Held = append(done.Held, p.ID)
		}
	}
	for _, id := range ids {
		if !found[id] {
			done.Refused = append(done.Refused, Refused{ID: id, Sentence: "This expense is not here any more.", Short: gone})
		}
	}
	if len(plans) == 0 {
		return done, nil
	}
	if err := tx.CreatePushes(ctx, by, plans); err != nil {
		return done, err
	}
	return done, tx.CheckBeforePush(ctx, done.Started)
}

// NotThere pushes an expense again that needed checking, because that person did not find it in the ledger.
func NotThere(ctx context.Context, s *store.Store, by store.User, expenseID int64) (Pressed, error) {
	var done Pressed
	err := s.InTx(ctx, func(tx *store.Tx) error {
		err := tx.AbsentByPerson(ctx, by, expenseID, known(explain.CauseNotInLedger, ""))
		if err != nil {
			return err
		}
		done, err = press(ctx, tx, by, Retry, "", []int64{expenseID})
		return err
	})
	if err != nil {
		return Pressed{}, fmt.Errorf("push again: %w", err)
	}
	return done, nil
}

// replan moves pushes to the connection that has replaced theirs: plans of which nothing was sent are made anew, the others
// need checking. A receipt stays with the record that its expense became, and is not uploaded.
func replan(ctx context.Context, s *store.Store) error {
	if err := s.CutOffReceipts(ctx, known(explain.CauseReceiptCutOff, "")); err != nil {
		return err
	}
	const batch = 200
	for {
		var stranded []store.Stranded
		err := s.InTx(ctx, func(tx *store.Tx) (err error) {
			if stranded, err = tx.Stranded(ctx, batch); err != nil {
				return err
			}
			for _, e := range stranded {
				if e.Sent {
					if err := tx.Strand(ctx, e.StepID, known(explain.CauseReplaced, "")); err != nil {
						return err
					}
					continue
				}
				by := store.User{ID: e.UserID, Email: e.Email}
				withdrawn, err := tx.Withdraw(ctx, by, []int64{e.ExpenseID})
				if err != nil {
					return err
				}
				if _, err := press(ctx, tx, by, Push, anew, withdrawn); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("plan anew: %w", err)
		}
		if len(stranded) < batch {
			return nil
		}
	}
}

// gone is said of expenses that were deleted.
const gone = "not here any more"

// refuse is why the button does not start a push of p, nil when it does, and what such a push would do.
func refuse(p store.Pushable, button Button) (*Refused, forecast) {
	if sentence, short := refusal(p, button); sentence != "" {
		return &Refused{ID: p.ID, Sentence: sentence, Short: short}, forecast{}
	}
	f := foresee(p.PlatformName, p.PlatformKey, p.Facts)
	if problem := f.stops(); problem != nil {
		return &Refused{p.ID, p.Reference + " cannot be pushed: " + problem.Short + ".", problem.Short, problem}, f
	}
	return nil, f
}

// refusal is why the button does not start a push of p whatever anybody insists on, "" when it does; of p itself and of many.
func refusal(p store.Pushable, button Button) (sentence, short string) {
	by := ""
	if p.PushedBy != "" {
		by = " by " + p.PushedBy
	}
	switch {
	case p.Example:
		return p.Reference + " is an example and is never sent.", "examples, which are never sent"
	case p.Status == store.InProgress:
		return p.Reference + " is on its way already: pushed" + by + ".", "on their way already"
	case p.Status == store.OnHold:
		return p.Reference + " was pushed" + by + " and goes on by itself when its connection is back.", "waiting for their connection already"
	case p.Status == store.Complete:
		return p.Reference + " is in the ledger already.", "in the ledger already"
	case p.Status == store.NeedsChecking:
		return p.Reference + " may be in the ledger already. Look there first.", "may be in the ledger already: they need checking first"
	case p.Status == store.Handled:
		return p.Reference + " was handled outside. Undo that first.", "handled outside"
	case p.Status == store.Failed && button == Push:
		return p.Reference + " failed before. Press Retry to push it again.", "failed before: Retry pushes them again"
	case p.Status == store.NotPushed && button == Retry:
		return p.Reference + " has not been pushed yet. Press Push.", "not pushed yet: Push sends them"
	case p.CompanyGone:
		return p.Reference + " cannot go anywhere: its company is gone from Codat.", "their company is gone from Codat"
	case p.ConnectionID == nil:
		return p.Reference + " cannot go anywhere: its company has no accounting connection.", "no accounting connection"
	}
	return "", ""
}
