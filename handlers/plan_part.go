package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// planWords are how an action is said of "1,284 expenses".
var planWords = map[store.BulkAction]struct{ title, button, done string }{
	store.BulkPush:     {"Push %s", "Push %s", "pushed"},
	store.BulkRetry:    {"Retry %s", "Retry %s", "retried"},
	store.BulkWithdraw: {"Withdraw %s", "Withdraw %s", "withdrawn"},
	store.BulkHandled:  {"Mark %s as handled outside", "Mark %s as handled outside", "marked as handled outside"},
	store.BulkUndo:     {"Undo handled outside for %s", "Undo it for %s", "no longer handled outside"},
}

func planTitle(p store.Plan, n int) string {
	return fmt.Sprintf(planWords[p.Action].title, expenses(n))
}

const fewPlanned = 3 // expenses of a group that are named

// planPart is all of a plan that changes, the same for everybody in a zone, with its title.
func (h *Handlers) planPart(ctx context.Context, p store.Plan, in *time.Location) (part views.Plan, title string, err error) {
	t, err := h.Store.PlanTally(ctx, p.ID)
	if err != nil {
		return part, "", err
	}
	looking := p.State == store.PlanDraft && p.Looked < p.Size
	n := t.All
	if looking {
		n = p.Size
	}
	title = planTitle(p, n)
	part = views.Plan{ID: p.ID, State: string(p.State)}
	now, err := h.Store.Now(ctx)
	if err != nil {
		return part, "", err
	}
	c := clock{now, in}
	part.Facts = planFacts(p, c)
	if looking {
		part.State, part.Head, part.Lead = "looking", "Looking at them", "Nothing is done yet. What would become of each is being looked up."+stumbled(p, c)
		part.Bar = views.Bar{Value: p.Looked, Max: p.Size, Text: fmt.Sprintf("%s of %s looked at", number(p.Looked), number(p.Size))}
		return part, title, nil
	}
	sums, err := h.Store.PlanSums(ctx, p)
	if err != nil {
		return part, "", err
	}
	if err := h.planLeftOut(ctx, p, &part); err != nil {
		return part, "", err
	}
	if p.State == store.PlanDraft {
		return part, title, h.planOffer(ctx, p, t, sums, c, &part)
	}
	planProgress(p, t, &part)
	part.Lead += stumbled(p, c)
	if t.Done > 0 {
		part.Facts = append(part.Facts, views.Fact{Term: "Sum", Text: money(sums)})
	}
	part.Receipt = planURL(p.ID) + "/receipt.csv"
	return part, title, nil
}

// stumbled says that the last batch of a plan could not be done, and when it is tried again.
func stumbled(p store.Plan, c clock) string {
	if p.BatchAt == nil || !p.BatchAt.After(c.now) || p.State != store.PlanDraft && p.State != store.PlanRunning {
		return ""
	}
	return " The last try broke off; it is tried again at " + c.second(*p.BatchAt) + "."
}

func planFacts(p store.Plan, c clock) []views.Fact {
	facts := []views.Fact{{Term: "Made by", Text: cmp.Or(p.Actor, "somebody")}, {Term: "Made", Text: c.at(p.CreatedAt)}}
	if p.StartedAt != nil {
		facts = append(facts, views.Fact{Term: "Started", Text: c.second(*p.StartedAt)})
	}
	if p.EndedAt != nil {
		word := "Ended"
		switch {
		case p.State == store.PlanStopped:
			word = "Stopped"
		case p.Pushes():
			word = "Last one pushed"
		}
		facts = append(facts, views.Fact{Term: word, Text: c.second(*p.EndedAt)})
	}
	if p.Reason != "" {
		facts = append(facts, views.Fact{Term: "Reason", Text: p.Reason})
	}
	if p.Anyway {
		facts = append(facts, views.Fact{Term: "Known to fail", Text: "pushed all the same"})
	}
	return facts
}

// planOffer is what starting a plan would do.
func (h *Handlers) planOffer(ctx context.Context, p store.Plan, t store.PlanTally, sums []store.Sum, c clock, part *views.Plan) error {
	part.Head = "Nothing is done yet"
	if t.Ready+t.Insist == 0 {
		part.Lead = "None of them can go as they are."
		return nil
	}
	part.Lead = expenses(t.Ready) + " can go, " + money(sums) + "."
	if t.Ready == 0 {
		part.Lead = "None of them can go as they are, unless you insist."
	}
	if t.Held > 0 {
		part.Lead += " " + number(t.Held) + " of them " + wait(t.Held) + " until " + its(t.Held) + " connection is back."
	}
	if p.Pushes() {
		if err := h.planNeeds(ctx, p, c, part); err != nil {
			return err
		}
		if err := h.planPairs(ctx, p, t, part); err != nil {
			return err
		}
	}
	part.Start = fmt.Sprintf(planWords[p.Action].button, expenses(t.Ready))
	if t.Ready == 0 {
		part.Start = fmt.Sprintf(planWords[p.Action].button, "them")
	}
	if p.Pushes() && t.Insist > 0 {
		part.Anyway = "Send the " + number(t.Insist) + " that would fail as well: I know better."
	}
	part.Reason = p.Action == store.BulkHandled
	return nil
}

const (
	perCompany = 9               // requests a second that one company is reckoned with: so many are under way at once
	usual      = 2 * time.Minute // that a push takes from being sent to being in the ledger
)

// planNeeds reckons what a plan takes of the day's quota, and when it will be done.
func (h *Handlers) planNeeds(ctx context.Context, p store.Plan, c clock, part *views.Plan) error {
	n, err := h.Store.PlanNeeds(ctx, p.ID)
	if err != nil {
		return err
	}
	quota, err := h.Store.Quota(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	wanted := n.Expenses + n.Makes
	what := number(wanted)
	if n.Makes > 0 {
		what += fmt.Sprintf(", %s of them for new accounts and suppliers", number(n.Makes))
	}
	part.Facts = append(part.Facts, views.Fact{Term: "Requests to Codat", Text: what})
	left := "not told yet by Codat"
	fresh := quota.ResetAt != nil && quota.ResetAt.After(c.now)
	if fresh {
		left = fmt.Sprintf("%s of %s, until %s", number(quota.Remaining), number(quota.Limit), c.at(*quota.ResetAt))
	}
	part.Facts = append(part.Facts, views.Fact{Term: "Left of the day’s quota", Text: left})
	if wanted == 0 {
		return nil
	}
	if n.Ahead > 0 {
		part.Facts = append(part.Facts, views.Fact{Term: "Others before them", Text: number(n.Ahead)})
	}
	part.Facts = append(part.Facts, views.Fact{Term: "Pace", Text: fmt.Sprintf("%g requests a second", h.CodatRate)})
	sent := max(seconds(float64(wanted+n.Ahead)/h.CodatRate), seconds(float64(n.Busiest)/perCompany))
	done := "about " + c.at(c.now.Add(sent+usual)) + ", " + coarse(sent+usual) + " after the start"
	if over := wanted + n.Ahead - quota.Remaining; fresh && over > 0 {
		done = overQuota(over, quota, c)
	}
	part.Facts = append(part.Facts, views.Fact{Term: "Done", Text: done})
	return nil
}

// overQuota is when so many requests are done that are over what is left of the day's quota.
func overQuota(over int, q store.Quota, c clock) string {
	days := (over - 1) / max(q.Limit, 1) // whole ones after the next begins
	if days == 0 {
		return "after " + c.at(*q.ResetAt) + ": the quota does not suffice before"
	}
	return fmt.Sprintf("about %s: the quota lets through %s requests a day", day(q.ResetAt.In(c.in).AddDate(0, 0, days)), number(q.Limit))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (h *Handlers) planPairs(ctx context.Context, p store.Plan, t store.PlanTally, part *views.Plan) error {
	if t.Alike == 0 {
		return nil
	}
	pairs, err := h.Store.PlanPairs(ctx, p.ID, 2*fewPlanned)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		said := strings.ToLower(statusWords[pair.OtherStatus])
		if pair.Within {
			said = "also chosen"
		}
		part.Pairs = append(part.Pairs, views.PlanPair{One: views.Link{Text: pair.Reference, Href: expenseURL(pair.ID)},
			Other: views.Link{Text: pair.OtherReference, Href: expenseURL(pair.Other)}, Said: said})
	}
	part.PairHead = capital(number(t.Alike)) + " look like others"
	if t.Alike == 1 {
		part.PairHead = "One looks like another"
	}
	if t.Alike > len(pairs) {
		part.AllPairs = views.Link{Text: "All " + number(t.Alike), Href: planItemsURL(p.ID, store.PlanItemFilter{Alike: true}, 0)}
	}
	return nil
}

// planLeftOut says why expenses are left out, or would be.
func (h *Handlers) planLeftOut(ctx context.Context, p store.Plan, part *views.Plan) error {
	reasons, err := h.Store.PlanReasons(ctx, p.ID, fewPlanned)
	if err != nil {
		return err
	}
	n := 0
	for _, r := range reasons {
		n += r.Count
		g := views.PlanGroup{Count: number(r.Count), Reason: capital(r.Why)}
		for i, id := range r.IDs {
			g.Few = append(g.Few, views.Link{Text: r.References[i], Href: expenseURL(id)})
		}
		if r.Count > len(r.IDs) {
			g.All = views.Link{Text: "All " + number(r.Count), Href: planItemsURL(p.ID, store.PlanItemFilter{Why: r.Why}, 0)}
		}
		part.LeftOut = append(part.LeftOut, g)
	}
	if n > 0 {
		part.LeftHead = number(n) + " cannot go as they are"
		if n == 1 {
			part.LeftHead = "1 cannot go as it is"
		}
		if p.State != store.PlanDraft {
			part.LeftHead = number(n) + " left out"
		}
	}
	return nil
}

// planProgress is how far a plan is that was started, or what it did.
func planProgress(p store.Plan, t store.PlanTally, part *views.Plan) {
	settled := t.Done - t.UnderWay + t.LeftOut
	todo := t.All
	if p.State == store.PlanStopped {
		todo -= t.Waiting
	}
	switch {
	case p.State == store.PlanPaused:
		part.Head = "Paused"
		part.Lead = "What was pushed already goes on." +
			theOthers(t.Waiting, "waits until somebody resumes the plan.", "wait until somebody resumes the plan.")
	case p.State == store.PlanRunning:
		part.Head, part.Lead = "Under way", "It goes on by itself, also when this page is closed."
	case t.UnderWay > 0:
		part.Head, part.Lead = "Almost there", expenses(t.Done)+" "+planWords[p.Action].done+"."
		if n := t.UnderWay - t.OnHold; n > 0 {
			part.Lead += fmt.Sprintf(" %s %s still on %s way.", number(n), are(n), its(n))
		}
		if n := t.OnHold; n > 0 {
			part.Lead += fmt.Sprintf(" %s %s until %s connection is back.", number(n), wait(n), its(n))
		}
	default:
		part.Head, part.Lead = "Done", expenses(t.Done)+" "+planWords[p.Action].done+"."
	}
	if p.State == store.PlanStopped {
		part.Head = "Stopped"
		part.Lead = expenses(t.Done) + " " + planWords[p.Action].done + "." + theOthers(t.Waiting, "stayed as it was.", "stayed as they were.")
	}
	part.Pause, part.Resume = p.State == store.PlanRunning, p.State == store.PlanPaused
	if part.Pause || part.Resume {
		part.Stop = "Stop"
		switch {
		case t.Waiting == 1:
			part.Stop = "Stop: leave the other one as it is"
		case t.Waiting > 1:
			part.Stop = "Stop: leave the other " + number(t.Waiting) + " as they are"
		}
	}
	if todo > 0 {
		part.Bar = views.Bar{Value: settled, Max: todo, Text: fmt.Sprintf("%s of %s settled", number(settled), number(todo))}
	}
	count := func(n int, became string, c views.PlanCount) {
		if n > 0 {
			c.Number = views.Link{Text: number(n), Href: planItemsURL(p.ID, store.PlanItemFilter{Became: became}, 0)}
			part.Counts = append(part.Counts, c)
		}
	}
	badge := func(s store.ExpenseStatus, word string) views.PlanCount {
		return views.PlanCount{Badge: views.Badge{Status: s, Word: word}}
	}
	if p.Pushes() {
		count(t.Complete, string(store.PushComplete), badge(store.Complete, statusWords[store.Complete]))
		count(t.UnderWay-t.OnHold, string(store.PushOpen), badge(store.InProgress, "On their way"))
		count(t.OnHold, string(store.OnHold), badge(store.OnHold, statusWords[store.OnHold]))
		count(t.Failed, string(store.PushFailed), badge(store.Failed, statusWords[store.Failed]))
		count(t.Checking, string(store.PushNeedsChecking), badge(store.NeedsChecking, statusWords[store.NeedsChecking]))
		count(t.Done-t.UnderWay-t.Complete-t.Failed-t.Checking, string(store.PushWithdrawn), badge(store.NotPushed, "Withdrawn again"))
	} else {
		count(t.Done, "done", map[store.BulkAction]views.PlanCount{
			store.BulkWithdraw: badge(store.NotPushed, "Withdrawn"), store.BulkHandled: badge(store.Handled, "Handled outside"), store.BulkUndo: badge(store.NotPushed, "Undone"),
		}[p.Action])
	}
	count(t.LeftOut, "left_out", views.PlanCount{Tone: "idle", Icon: "i-x", Word: "Left out"})
	word := "Waiting their turn"
	if p.State == store.PlanStopped {
		word = "Stayed as they were"
	}
	count(t.Waiting, "waiting", views.PlanCount{Tone: "idle", Icon: "i-clock", Word: word})
}

// theOthers is a sentence about the n expenses that are left, to be set after another; "" about none.
func theOthers(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " The other one " + one
	}
	return " The other " + number(n) + " " + many
}

func its(n int) string {
	if n == 1 {
		return "its"
	}
	return "their"
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// planStateWords are how plans stand, in a list of them.
var planStateWords = map[store.PlanState]string{
	store.PlanDraft: "not started", store.PlanRunning: "under way", store.PlanPaused: "paused", store.PlanStopped: "stopped", store.PlanDone: "ended",
}

// planBecame are what expenses of a plan became, as headings.
var planBecame = map[string]string{
	string(store.PushComplete): "Complete", string(store.PushOpen): "On their way", string(store.OnHold): "On hold", string(store.PushFailed): "Failed",
	string(store.PushNeedsChecking): "Need checking", string(store.PushWithdrawn): "Withdrawn again",
	"done": "Done", "left_out": "Left out", "waiting": "Waiting their turn",
}

var planPushWords = map[string]string{
	string(store.PushOpen): "on its way", string(store.OnHold): "waits for its connection", string(store.PushComplete): "complete",
	string(store.PushFailed): "failed", string(store.PushNeedsChecking): "needs checking", string(store.PushWithdrawn): "withdrawn again",
}

// planOutcome is what became of an expense of a plan, or would.
func planOutcome(p store.Plan, i store.PlanItem) string {
	switch {
	case i.Why != "":
		return i.Why
	case planPushWords[i.Became] != "":
		return planPushWords[i.Became]
	case i.State == "done":
		return planWords[p.Action].done
	case p.State == store.PlanDraft:
		return "can go"
	case p.State == store.PlanStopped:
		return "stayed as it was"
	}
	return "waits its turn"
}

// publishPlans sends the plans that somebody watches.
func (h *Handlers) publishPlans(ctx context.Context) {
	ids, err := h.Store.RecentPlans(ctx)
	for _, id := range ids {
		if err != nil {
			break
		}
		err = h.sendZoned(ctx, web.Event{Name: "plan", Topic: plansTopic, Key: strconv.FormatInt(id, 10)}, func(in *time.Location) (templ.Component, error) {
			p, err := h.Store.Plan(ctx, id)
			if err != nil {
				return nil, err
			}
			part, _, err := h.planPart(ctx, p, in)
			return views.PlanPart(part), err
		})
	}
	if err != nil && ctx.Err() == nil {
		h.Log.Error("send plans", "error", err)
	}
}
