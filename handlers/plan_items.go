package handlers

import (
	"net/http"
	"net/url"
	"strconv"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const planRows = 100

// planItems lists expenses of a plan: those that are left out for the reason in the address, that became what it says, or that look like
// others.
func (h *Handlers) planItems(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx, q := r.Context(), r.URL.Query()
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	f := store.PlanItemFilter{Why: plain(q.Get("why")), Alike: q.Get("alike") == "1"}
	title := "All expenses of the plan"
	if became, known := planBecame[q.Get("became")]; known {
		f.Became, title = q.Get("became"), became
	}
	switch {
	case f.Why != "":
		title = capital(f.Why)
	case f.Alike:
		title = "Look like others"
	}
	s, err := h.frame(w, r, who, "/expenses", title)
	if err != nil {
		return err
	}
	page := views.PlanItemsPage{Frame: s.Frame, Plan: p.ID, Of: planTitle(p, p.Size)}
	after := int(readID(q.Get("after")))
	last := 0
	err = h.Store.PlanItems(ctx, p.ID, f, after, planRows+1, func(i store.PlanItem) error {
		if len(page.Rows) == planRows {
			page.Next = planItemsURL(p.ID, f, last)
			return nil
		}
		last = i.Position
		page.Rows = append(page.Rows, views.PlanItem{Expense: views.Link{Text: i.Reference, Href: expenseURL(i.ExpenseID)},
			Company: views.Link{Text: i.Company, Href: companyURL(i.CompanyID)}, Amount: store.FormatAmount(i.Total, i.Currency), Said: planOutcome(p, i)})
		return nil
	})
	if err != nil {
		return err
	}
	if after != 0 {
		page.First = planItemsURL(p.ID, f, 0)
	}
	return web.Render(w, r, http.StatusOK, views.PlanItems(page))
}

func planItemsURL(id int64, f store.PlanItemFilter, after int) string {
	q := url.Values{}
	if f.Why != "" {
		q.Set("why", f.Why)
	}
	if f.Became != "" {
		q.Set("became", f.Became)
	}
	if f.Alike {
		q.Set("alike", "1")
	}
	if after != 0 {
		q.Set("after", strconv.Itoa(after))
	}
	return planURL(id) + "/items?" + q.Encode()
}
