package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tallylight/internal/push"
	"tallylight/views"
)

// flash is what the next page tells once.
type flash struct {
	Said     string `json:"said"`
	Bad      bool   `json:"bad,omitempty"`       // it did not work
	OthersOf int64  `json:"others_of,omitempty"` // the expense whose siblings it offers to retry, 0 for none

	// Expenses that were left out because they would fail, and the button that left them out: it offers to send them anyway.
	LeftOut []int64     `json:"left_out,omitempty"`
	Button  push.Button `json:"button,omitempty"`
}

// done ends an action: the next page tells the sentence once.
func (h *Handlers) done(w http.ResponseWriter, r *http.Request, to, sentence string) error {
	return h.tell(w, r, to, flash{Said: sentence})
}

func (h *Handlers) tell(w http.ResponseWriter, r *http.Request, to string, f flash) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("keep what was done: %w", err)
	}
	if err := h.Sessions.Flash(w, r, string(text)); err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// flashes are what was to be told once, and is forgotten now.
func (h *Handlers) flashes(w http.ResponseWriter, r *http.Request) ([]views.Flash, error) {
	texts, err := h.Sessions.Flashes(w, r)
	if err != nil {
		return nil, err
	}
	var out []views.Flash
	for _, text := range texts {
		var f flash
		if json.Unmarshal([]byte(text), &f) != nil {
			f.Said = text
		}
		shown := views.Flash{Sentence: f.Said, Bad: f.Bad, Anyway: anyway(f.Button, f.LeftOut)}
		if f.OthersOf != 0 {
			if shown.Others, err = h.others(r.Context(), f.OthersOf); err != nil {
				return nil, err
			}
		}
		out = append(out, shown)
	}
	return out, nil
}

// others are the expenses that still show as failed because of the same account or supplier as this one.
func (h *Handlers) others(ctx context.Context, expenseID int64) (views.Others, error) {
	ids, err := h.Store.Siblings(ctx, expenseID)
	if err != nil {
		return views.Others{}, err
	}
	return views.Others{IDs: ids, Button: retryOthers(len(ids))}, nil
}

func retryOthers(n int) string {
	if n == 1 {
		return "Retry the other one"
	}
	return "Retry the other " + number(n)
}
