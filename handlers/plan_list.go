package handlers

import (
	"cmp"
	"net/http"
	"strconv"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// plansShown is how many plans a page shows.
const plansShown = 50

// planList has the plans of everybody that were started, and one's own that were not: a plan goes on when its page is closed, and its receipt
// is wanted later.
func (h *Handlers) planList(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	before := readID(r.URL.Query().Get("before"))
	plans, err := h.Store.NewestPlans(ctx, who, before, plansShown+1)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", "Plans")
	if err != nil {
		return err
	}
	page := views.PlansPage{Frame: s.Frame}
	for i, p := range plans {
		if i == plansShown {
			page.Next = "/plans?before=" + strconv.FormatInt(plans[i-1].ID, 10)
			break
		}
		row := views.PlanRow{Plan: views.Link{Text: planTitle(p, p.Size), Href: planURL(p.ID)}, By: cmp.Or(p.Actor, "somebody"),
			State: planStateWords[p.State], At: s.clock.at(p.CreatedAt)}
		if p.StartedAt != nil {
			row.At = s.clock.at(*p.StartedAt)
		}
		page.Rows = append(page.Rows, row)
	}
	if before != 0 {
		page.First = "/plans"
	}
	return web.Render(w, r, http.StatusOK, views.Plans(page))
}
