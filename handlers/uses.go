package handlers

import (
	"context"
	"time"
)

const usesEvery = 10 * time.Second

// keepUses writes down when webhook credentials were used, now and then and when ctx ends, so that every process can tell.
func (h *Handlers) keepUses(ctx context.Context) {
	kept := map[string]time.Time{}
	tick := time.NewTicker(usesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.writeUses(context.WithoutCancel(ctx), kept)
			return
		case <-tick.C:
			h.writeUses(ctx, kept)
		}
	}
}

func (h *Handlers) writeUses(ctx context.Context, kept map[string]time.Time) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, c := range h.Verifier.Credentials() {
		if !c.Used.After(kept[c.Fingerprint]) {
			continue
		}
		if err := h.Store.CredentialUsed(ctx, c.Fingerprint, c.Used); err != nil {
			h.Log.Error("keep uses of webhook credentials", "error", err)
			return
		}
		kept[c.Fingerprint] = c.Used
	}
}
