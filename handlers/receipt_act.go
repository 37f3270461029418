package handlers

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"time"

	"tallylight/internal/explain"
	"tallylight/store"
)

// receiptShow sends the file itself: a picture to be looked at, anything else to be kept. Whatever is in it, a browser runs nothing
// of it.
func (h *Handlers) receiptShow(w http.ResponseWriter, r *http.Request, _ store.User) error {
	expense, id, err := receiptOf(r)
	if err != nil {
		return err
	}
	receipt, content, err := h.Store.Receipt(r.Context(), expense, id)
	if err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(receiptTime)) // a writer that cannot be told so keeps its own
	how := "attachment"
	if receipt.Type != "application/pdf" {
		how = "inline"
	}
	head := w.Header()
	head.Set("Content-Type", receipt.Type)
	head.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": receipt.Name}))
	head.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	head.Set("Cache-Control", "private, no-store")
	head.Set("Content-Length", strconv.Itoa(len(content)))
	w.Write(content) // fails only when the reader has gone
	return nil
}

func (h *Handlers) receiptDelete(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.receiptAct(w, r, "is removed.", func(expense, id int64) error { return h.Store.RemoveReceipt(r.Context(), who, expense, id) })
}

func (h *Handlers) receiptRetry(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.receiptAct(w, r, "is uploaded again.", func(expense, id int64) error { return h.Store.RetryReceipt(r.Context(), who, expense, id) })
}

func (h *Handlers) receiptFound(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.receiptAct(w, r, "is in the ledger, as you say.", func(expense, id int64) error { return h.Store.ReceiptFound(r.Context(), who, expense, id) })
}

func (h *Handlers) receiptNotThere(w http.ResponseWriter, r *http.Request, who store.User) error {
	absent := store.Failure{Fact: json.RawMessage(`{}`), Cause: string(explain.CauseNotInLedger), Rules: explain.Version}
	return h.receiptAct(w, r, "is uploaded again.", func(expense, id int64) error {
		return h.Store.ReceiptAbsent(r.Context(), who, expense, id, absent)
	})
}

// receiptAct does something with a receipt, and says what became of it.
func (h *Handlers) receiptAct(w http.ResponseWriter, r *http.Request, done string, act func(expense, id int64) error) error {
	expense, id, err := receiptOf(r)
	if err != nil {
		return err
	}
	name := "The receipt"
	receipts, err := h.Store.Receipts(r.Context(), expense)
	if err != nil {
		return err
	}
	for _, receipt := range receipts {
		if receipt.ID == id {
			name = receipt.Name
		}
	}
	said := name + " " + done
	switch err := act(expense, id); {
	case errors.Is(err, store.ErrNotFound):
		said = name + " is not here any more."
	case errors.Is(err, store.ErrReceiptSent):
		said = name + " is in the ledger, or on its way there, so it stays."
	case errors.Is(err, store.ErrReceiptSettled):
		said = name + " needs nothing any more: somebody was quicker."
	case err != nil:
		return err
	}
	h.WakePush()
	return h.done(w, r, back(r, expenseURL(expense))+"#receipts", said)
}
