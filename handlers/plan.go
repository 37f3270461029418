package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func planURL(id int64) string { return "/plans/" + strconv.FormatInt(id, 10) }

var planActions = map[string]store.BulkAction{
	"push": store.BulkPush, "retry": store.BulkRetry, "withdraw": store.BulkWithdraw, "handled": store.BulkHandled, "undo": store.BulkUndo,
}

// planMake keeps which expenses were chosen, those ticked or all that the list's filter chooses, and leads to the page that says what would
// become of them.
func (h *Handlers) planMake(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	ids, err := tickedIDs(r)
	if err != nil {
		return err
	}
	action, known := planActions[r.PostForm.Get("do")]
	if !known {
		return web.BadRequest("Say what is to be done with the expenses.")
	}
	choice := store.Choice{IDs: ids}
	if r.PostForm.Get("all") == "1" {
		companies, err := h.companiesWith(ctx, r.PostForm.Get("company"))
		if err != nil {
			return err
		}
		f := readFilter(r.PostForm, companies)
		if lost := lostFilter(r.PostForm, f); lost != "" {
			return h.tell(w, r, back(r, "/expenses"), flash{Bad: true, Said: "Nothing was chosen: the filter " + lost + " could not be read. Look at the list again."})
		}
		choice = store.Choice{All: &f}
	}
	id, err := h.Store.CreatePlan(ctx, who, action, choice)
	switch {
	case errors.Is(err, store.ErrNothingChosen):
		return h.done(w, r, back(r, "/expenses"), "No expense was chosen, so nothing is planned.")
	case errors.Is(err, store.ErrTooMany):
		return h.tell(w, r, back(r, "/expenses"), flash{Bad: true, Said: "More than " + number(store.MostPlanned) + " expenses are too many at once. Choose fewer, by company or by date."})
	case err != nil:
		return err
	}
	if err := push.Foresee(ctx, h.Store, id); err != nil && ctx.Err() == nil { // the workers try again, and the plan's page says so
		h.Log.WarnContext(ctx, "new plan not looked at", "err", err)
	}
	http.Redirect(w, r, planURL(id), http.StatusSeeOther)
	return nil
}

// choosing are the names in the list's address that choose.
var choosing = []string{"status", "company", "q", "from", "to", "min", "max", "currency", "supplier", "cause", "subject"}

// lostFilter is a field that chooses in a form and did not in what was read of it, "" for none. In an address that shows too much; here it
// would do too much.
func lostFilter(form url.Values, f store.ExpenseFilter) string {
	address, err := url.Parse(listURL(f))
	if err != nil {
		return "address"
	}
	for _, name := range choosing {
		if strings.TrimSpace(form.Get(name)) != "" && !address.Query().Has(name) {
			return name
		}
	}
	if form.Has("subject") && f.Cause == "" { // a group of what failed, and nobody knows of which
		return "cause"
	}
	return ""
}

// planPage is what a plan would do, how far it is, and what it did. Opening it changes nothing.
func (h *Handlers) planPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	part, title, err := h.planPart(ctx, p, h.zoneOf(who))
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", title)
	if err != nil {
		return err
	}
	page := views.PlanPage{Frame: s.Frame, Mine: p.MovedBy(who), Plan: part}
	page.Live, page.Show = plansTopic, show(p.ID)
	return web.Render(w, r, http.StatusOK, views.PlanOf(page))
}

// plan is the one in the path.
func (h *Handlers) plan(r *http.Request) (store.Plan, error) {
	id, err := pathID(r)
	if err != nil {
		return store.Plan{}, err
	}
	p, err := h.Store.Plan(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return p, web.NotFound("This plan is not here. One that nobody starts is removed after a day.")
	}
	return p, err
}

// planStart has a plan carried out.
func (h *Handlers) planStart(w http.ResponseWriter, r *http.Request, who store.User) error {
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	reason := plain(strings.TrimSpace(r.PostFormValue("reason")))
	if p.Action == store.BulkHandled {
		if problem := reasonProblem(reason); problem != "" {
			return h.tell(w, r, planURL(p.ID), flash{Bad: true, Said: problem})
		}
	} else {
		reason = ""
	}
	moved, err := h.Store.StartPlan(r.Context(), who, p.ID, r.PostFormValue("anyway") == "1", reason)
	return h.planMoved(w, r, who, p, moved, err)
}

// planPause has a plan wait, planResume go on, planStop end.
func (h *Handlers) planPause(w http.ResponseWriter, r *http.Request, who store.User) error {
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	moved, err := h.Store.PausePlan(r.Context(), who, p.ID)
	return h.planMoved(w, r, who, p, moved, err)
}

func (h *Handlers) planResume(w http.ResponseWriter, r *http.Request, who store.User) error {
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	moved, err := h.Store.ResumePlan(r.Context(), who, p.ID)
	return h.planMoved(w, r, who, p, moved, err)
}

func (h *Handlers) planStop(w http.ResponseWriter, r *http.Request, who store.User) error {
	p, err := h.plan(r)
	if err != nil {
		return err
	}
	moved, err := h.Store.StopPlan(r.Context(), who, p.ID)
	return h.planMoved(w, r, who, p, moved, err)
}

// planMoved leads back to the plan, which says how it stands now. That somebody's second press changed nothing is no trouble.
func (h *Handlers) planMoved(w http.ResponseWriter, r *http.Request, who store.User, p store.Plan, moved bool, err error) error {
	if err != nil {
		return err
	}
	halted := who.Role.May(store.Admin) && p.StartedAt != nil // by an administrator, who came too late
	if !moved && !p.MovedBy(who) && !halted {
		return web.Forbidden("This is the plan of " + cmp.Or(p.Actor, "somebody else") + ". Only who made it can start it; an administrator can pause or stop it too.")
	}
	http.Redirect(w, r, planURL(p.ID), http.StatusSeeOther)
	return nil
}
