package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
)

// expensePush pushes or retries one expense.
func (h *Handlers) expensePush(button push.Button) personal {
	return func(w http.ResponseWriter, r *http.Request, who store.User) error {
		id, err := pathID(r)
		if err != nil {
			return err
		}
		if _, err := h.Store.Expense(r.Context(), id); errors.Is(err, store.ErrNotFound) {
			return h.done(w, r, listOf(r).url(), "That expense is not here any more.")
		}
		return h.press(w, r, who, button, []int64{id}, here(r, id))
	}
}

// expensesPush pushes or retries exactly the expenses that were ticked.
func (h *Handlers) expensesPush(button push.Button) personal {
	return func(w http.ResponseWriter, r *http.Request, who store.User) error {
		ids, err := tickedIDs(r)
		if err != nil {
			return err
		}
		return h.press(w, r, who, button, ids, "/expenses")
	}
}

// tickedIDs are the expenses that were ticked, each once.
func tickedIDs(r *http.Request) ([]int64, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	var ids []int64
	for _, s := range r.Form["id"] {
		if id, err := strconv.ParseInt(s, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (h *Handlers) press(w http.ResponseWriter, r *http.Request, who store.User, button push.Button, ids []int64, from string) error {
	if len(ids) == 0 {
		return h.done(w, r, back(r, from), "Nothing was ticked, so nothing was sent.")
	}
	do := push.Press
	if r.FormValue("anyway") == "1" {
		do = push.PressAnyway
	}
	pressed, err := do(r.Context(), h.Store, who, button, ids)
	if err != nil {
		return err
	}
	return h.pressed(w, r, back(r, from), "", pressed)
}

// pressed tells what became of a pressed button. Who retries one of several that failed for the same reason is offered the others,
// and who pushed some that would fail is offered to push them anyway.
func (h *Handlers) pressed(w http.ResponseWriter, r *http.Request, to, before string, p push.Pressed) error {
	ctx := r.Context()
	if len(p.Started) > 0 {
		h.WakePush()
	}
	said, err := h.pressedSentence(ctx, p)
	if err != nil {
		return err
	}
	f := flash{Said: strings.TrimSpace(before + " " + said), Button: p.Button}
	for _, refused := range p.Refused {
		if refused.Problem != nil {
			f.LeftOut = append(f.LeftOut, refused.ID)
		}
	}
	if len(p.Started) == 1 {
		others, err := h.Store.Siblings(ctx, p.Started[0])
		if err != nil {
			return err
		}
		if n := len(others); n > 0 {
			f.OthersOf = p.Started[0]
			f.Said += " " + failedToo(n)
		}
	}
	return h.tell(w, r, to, f)
}

func failedToo(n int) string {
	if n == 1 {
		return "1 other expense failed for the same reason."
	}
	return number(n) + " other expenses failed for the same reason."
}

// fewRefusals is how many refusals get a sentence of their own.
const fewRefusals = 3

func (h *Handlers) pressedSentence(ctx context.Context, p push.Pressed) (string, error) {
	var said []string
	if len(p.Started) == 1 {
		items, err := h.Store.ExpenseItems(ctx, p.Started)
		if err != nil {
			return "", err
		}
		name := "The expense"
		if len(items) == 1 {
			name = items[0].Reference
		}
		said = append(said, startedOne(name, len(p.Held) == 1))
	} else if len(p.Started) > 1 {
		said = append(said, startedMany(len(p.Started)-len(p.Held), len(p.Held)))
	}
	return strings.Join(append(said, refusedSentences(p.Refused)...), " "), nil
}

func startedOne(reference string, held bool) string {
	if held {
		return reference + " waits for its connection, and goes by itself when that is back."
	}
	return reference + " is on its way."
}

func startedMany(moving, held int) string {
	switch {
	case held == 0:
		return expenses(moving) + " are on their way."
	case moving == 0:
		return expenses(held) + " wait for their connection, and go by themselves when it is back."
	case moving == 1:
		return fmt.Sprintf("1 expense is on its way; %s %s for the connection.", number(held), wait(held))
	}
	return fmt.Sprintf("%s are on their way; %s %s for their connection.", expenses(moving), number(held), wait(held))
}
