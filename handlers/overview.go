package handlers

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const (
	overviewDays   = 30
	overviewCauses = 5
	overviewDown   = 5
	overviewMonths = 8
)

// overview is what needs a person, first, and then how pushing goes.
func (h *Handlers) overview(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	s, err := h.frame(w, r, who, "/", "Overview")
	if err != nil {
		return err
	}
	page := views.OverviewPage{Frame: s.Frame, Failed: s.counts[store.Failed], Checking: s.counts[store.NeedsChecking],
		FailedTo: listURL(store.ExpenseFilter{Status: store.Failed}), CheckingTo: listURL(store.ExpenseFilter{Status: store.NeedsChecking})}
	page.Live = "expenses,connections"
	page.Show = show()
	groups, err := h.Store.CauseGroups(ctx, store.ExpenseFilter{})
	if err != nil {
		return err
	}
	for _, g := range groups[:min(len(groups), overviewCauses)] {
		page.Causes = append(page.Causes, causeOf(store.ExpenseFilter{Status: store.Failed}, g, nil))
	}
	page.MoreCauses = max(0, len(groups)-overviewCauses)
	page.Down = len(s.down)
	for _, i := range s.down[:min(len(s.down), overviewDown)] {
		page.DownFirst = append(page.DownFirst, connectionRow(i, s.held[i.ID], s.clock))
	}
	if err := h.overviewPushes(ctx, &page, s.clock); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.Overview(page))
}

// overviewPushes adds how pushing went lately, and the months that are not closed.
func (h *Handlers) overviewPushes(ctx context.Context, page *views.OverviewPage, c clock) error {
	starts := lastDays(c, overviewDays)
	days, err := h.Store.OutcomesByDay(ctx, starts)
	if err != nil {
		return err
	}
	page.Chart = outcomeChart(days)
	times, err := h.Store.TimesToComplete(ctx, starts[0])
	if err != nil {
		return err
	}
	for _, t := range times {
		page.Times = append(page.Times, views.PlatformTime{Platform: platformOr(t.Platform), Pushes: number(t.Pushes), Median: took(t.Median), P95: took(t.P95)})
	}
	today := c.now.In(c.in)
	for back := range 2 {
		first := time.Date(today.Year(), today.Month()-time.Month(back), 1, 0, 0, 0, 0, time.UTC)
		open, done, err := h.Store.OpenMonths(ctx, first, overviewMonths)
		if err != nil {
			return err
		}
		m := views.OverviewMonth{Name: first.Format("January 2006"), Done: companiesDone(done)}
		for _, o := range open {
			m.Open = append(m.Open, monthLine(o, o.Company))
		}
		if done > 0 || len(open) > 0 {
			page.Months = append(page.Months, m)
		}
	}
	return nil
}

// lastDays are the first moments of the last n days, today's last.
func lastDays(c clock, n int) []time.Time {
	today := c.now.In(c.in)
	starts := make([]time.Time, n)
	for i := range starts {
		starts[i] = time.Date(today.Year(), today.Month(), today.Day()-n+1+i, 0, 0, 0, 0, c.in)
	}
	return starts
}

func companiesDone(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 company has everything in its ledger."
	}
	return fmt.Sprintf("%s companies have everything in their ledgers.", number(n))
}
