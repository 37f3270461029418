package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
	"tallylight/web"
)

const (
	webhookLimit = 1 << 20
	usualSize    = 4 << 10
	unusualSize  = 64 << 10
	unusualMost  = 16              // bodies larger than that, or of unknown size, that are read at once before their senders have proven anything
	webhookTime  = 4 * time.Second // Codat gives up after 15
	longestID    = 200
)

// webhook takes a message of Codat's: proven on its raw bytes, stored, and only then acknowledged. Whatever goes wrong here is
// a 503, which Codat repeats; it never repeats after a 500 (its documentation of legacy rules). The inbox applies it.
func (h *Handlers) webhook(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), webhookTime) // whoever has ended only its own side is answered
	defer cancel()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(webhookTime)) // best effort: the server has its own
	body, err := h.proven(w, r)
	if refused, ok := errors.AsType[*codat.Refused](err); ok {
		return h.refuse(w, r, refused)
	}
	if err != nil {
		return err
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

// proven reads a message that Codat sent; a *codat.Refused is one that it did not. What the headers already show to be wrong is
// not read at all.
func (h *Handlers) proven(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	static, err := h.Verifier.VerifyHeaders(r.Header)
	if err != nil {
		return nil, err
	}
	if !static { // anybody can write such headers: only the body tells
		leave, ok := h.refusals.enter(web.ClientAddress(r), time.Now())
		if !ok {
			return nil, &codat.Refused{Reason: "too many refused"}
		}
		defer leave()
		if r.ContentLength < 0 || r.ContentLength > unusualSize {
			select {
			case h.unusual <- struct{}{}:
				defer func() { <-h.unusual }()
			default:
				return nil, &codat.Refused{Reason: "too many large ones"}
			}
		}
	}
	var body bytes.Buffer
	body.Grow(int(min(max(0, r.ContentLength), usualSize)) + bytes.MinRead)
	_, err = body.ReadFrom(http.MaxBytesReader(w, r.Body, webhookLimit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		h.refusals.note(web.ClientAddress(r), time.Now())
		return nil, err
	}
	if err != nil && !static {
		return nil, &codat.Refused{Reason: "unfinished body"}
	}
	if err != nil {
		return nil, web.Unavailable(fmt.Errorf("read webhook: %w", err))
	}
	return body.Bytes(), h.Verifier.Verify(r.Header, body.Bytes())
}

// refuse is the one answer to every message that is not Codat's.
func (h *Handlers) refuse(w http.ResponseWriter, r *http.Request, why *codat.Refused) error {
	from := web.ClientAddress(r)
	h.refusals.note(from, time.Now())
	h.refusedTotal.WithLabelValues(why.Reason).Inc()
	h.refusedLog.Do(func() { h.Log.Warn("webhook refused", "reason", why.Reason, "from", from) })
	w.Header().Set("WWW-Authenticate", `Basic realm="webhooks"`)
	return web.Unauthorized("This is not allowed.")
}

// delivery is a message as it is stored: one that is authentic but cannot be read is kept, too, for the inbox to judge.
func delivery(header http.Header, body []byte) (store.Delivery, error) {
	headers, err := json.Marshal(keptHeaders(header))
	if err != nil {
		return store.Delivery{}, fmt.Errorf("keep headers: %w", err)
	}
	d := store.Delivery{WebhookID: webhookID(header), Headers: headers, Body: body, Verdict: store.VerdictNew}
	e, err := codat.ParseEvent(body)
	if err != nil {
		return d, nil // which the inbox will find out as well
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
