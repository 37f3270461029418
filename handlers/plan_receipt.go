package handlers

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"

	"tallylight/internal/csvfile"
	"tallylight/store"
	"tallylight/web"
)

// planReceipt is what a plan did with each of its expenses, as CSV.
func (h *Handlers) planReceipt(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	if p.StartedAt == nil {
		return web.Conflict("This plan has not been started, so it has no outcomes yet.")
	}
	return h.download(w, csvType, fmt.Sprintf("tallylight-plan-%d.csv", p.ID), func(w io.Writer) error {
		out := csv.NewWriter(w)
		if err := out.Write([]string{"reference", "company", "amount", "currency", "outcome", "reason", "plan", "by", "started"}); err != nil {
			return fmt.Errorf("write receipt: %w", err)
		}
		in := h.zoneOf(who)
		started := p.StartedAt.In(in).Format("2006-01-02 15:04:05 -07:00, ") + zoneName(in)
		err := h.Store.PlanItems(ctx, p.ID, store.PlanItemFilter{}, 0, 0, func(i store.PlanItem) error {
			why := i.Why
			if p.Action == store.BulkHandled && i.State == "done" {
				why = p.Reason
			}
			outcome := planOutcome(p, i)
			if i.State == "left_out" {
				outcome = "left out"
			}
			return out.Write([]string{csvfile.Escape(i.Reference), csvfile.Escape(i.Company), exactly(i.Total, i.Currency), i.Currency,
				csvfile.Escape(outcome), csvfile.Escape(why), string(p.Action), csvfile.Escape(p.Actor), started})
		})
		if err != nil {
			return fmt.Errorf("write receipt: %w", err)
		}
		out.Flush()
		return out.Error()
	})
}
