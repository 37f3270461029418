package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
	"tallylight/web"
)

const (
	webhookLimit = 1 << 20
	webhookTime  = 5 * time.Second // Codat gives up after 15
	longestID    = 200
)

// webhook takes a message of Codat's: proven on its raw bytes, stored, and only then acknowledged. Whatever goes wrong here is
// a 503, which Codat repeats; it never repeats after a 500 (its documentation of legacy rules). The inbox applies it.
func (h *Handlers) webhook(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), webhookTime)
	defer cancel()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(webhookTime)) // best effort: the server has its own
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookLimit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	if err != nil {
		return web.Unavailable(fmt.Errorf("read webhook: %w", err))
	}
	if err := h.Verifier.Verify(r.Header, body); err != nil {
		h.refused.Do(func() { h.Log.Warn("webhook refused", "reason", err, "from", web.ClientAddress(r)) })
		w.Header().Set("WWW-Authenticate", `Basic realm="webhooks"`)
		return web.Unauthorized("This is not allowed.")
	}
	d, err := delivery(r.Header, body)
	if err != nil {
		return web.Unavailable(err)
	}
	if err := h.Intake.Record(ctx, d); err != nil {
		return web.Unavailable(err)
	}
	h.Wake()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// delivery is a message as it is stored: one that is authentic but cannot be read is kept, too.
func delivery(header http.Header, body []byte) (store.Delivery, error) {
	headers, err := json.Marshal(keptHeaders(header))
	if err != nil {
		return store.Delivery{}, fmt.Errorf("keep headers: %w", err)
	}
	d := store.Delivery{WebhookID: webhookID(header), Headers: headers, Body: body, Verdict: store.VerdictNew}
	e, err := codat.ParseEvent(body)
	if err != nil {
		d.Verdict, d.Error = store.VerdictUnreadable, "The message is not JSON that can be read."
		return d, nil
	}
	if key := plain(e.DedupeKey); key != "" {
		d.DedupeKey = &key
	}
	d.Generation, d.Type = plain(e.Generation), clipped(plain(e.Type), longestID)
	d.Company, d.Connection, d.OperationKey = plain(e.CompanyID), plain(e.ConnectionID), plain(e.OperationKey)
	return d, nil
}

// webhookID is the header that stays the same over repeats of one message.
func webhookID(header http.Header) *string {
	for _, name := range []string{"Webhook-Id", "Svix-Id"} {
		if id := plain(header.Get(name)); id != "" && len(id) <= longestID {
			return &id
		}
	}
	return nil
}

// keptHeaders are the headers that say something about a message. Of a credential only that there was one.
func keptHeaders(header http.Header) map[string]string {
	kept := map[string]string{}
	for name, values := range header {
		lower := strings.ToLower(name)
		switch {
		case lower == "authorization":
			kept[name] = "(kept out)"
		case lower == "user-agent", lower == "content-type", strings.HasPrefix(lower, "webhook-"), strings.HasPrefix(lower, "svix-"),
			strings.HasPrefix(lower, "x-codat-"):
			kept[name] = clipped(plain(strings.Join(values, ", ")), 1000)
		}
	}
	return kept
}

// clipped is at most n letters of s.
func clipped(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
