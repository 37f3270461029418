package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tallylight/store"
	"tallylight/views"
)

// fewNotices is how many connections that are down get a sentence of their own.
const fewNotices = 5

// notices are what needs a person, the worst first. What of it pages ask for themselves is put into s.
func (h *Handlers) notices(ctx context.Context, s *surroundings, st store.Overall) (out []views.Notice, err error) {
	if st.Unheard && slices.Contains(hearing, s.Section) {
		if out, err = h.silenceNotice(ctx, s.May); err != nil {
			return nil, err
		}
	}
	if st.Noticed {
		twice, err := h.Store.Notices(ctx, 0)
		if err != nil {
			return nil, err
		}
		for _, n := range twice {
			out = append(out, twiceNotice(n, s.May))
		}
	}
	if st.Paused {
		if s.pauses, err = h.Store.Pauses(ctx); err != nil {
			return nil, err
		}
		for _, p := range s.pauses {
			if n, ok := pauseNotice(p, s.May, s.clock); ok {
				out = append(out, n)
			}
		}
	}
	down, err := h.downNotices(ctx, s.down, s.held, s.clock)
	return append(out, down...), err
}

// hearing are the sections whose pages say when no webhooks come.
var hearing = []string{"/", "/expenses", "/connections", "/deliveries"}

// silenceNotice says that pushes finish of which no webhook tells.
func (h *Handlers) silenceNotice(ctx context.Context, may views.Rights) ([]views.Notice, error) {
	silence, err := h.Store.Silence(ctx)
	if err != nil || silence == nil {
		return nil, err
	}
	said := fmt.Sprintf("No webhook has come for %s, though %s finished.", coarse(silence.For), pushes(silence.Finished))
	if silence.Since == nil {
		said = fmt.Sprintf("No webhook has ever come, though %s finished.", pushes(silence.Finished))
	}
	n := views.Notice{Bad: true, Icon: "failed", Sentence: said + " Pushes are followed by asking, which is slower. Codat disables an address " +
		"that has not answered for 5 days: look in its portal whether the webhook is on, and whether its address and credential are these."}
	if may.Admin {
		n.Link = views.Link{Text: "Open the settings", Href: "/settings"}
	}
	return []views.Notice{n}, nil
}

// twiceNotice says that something may be in the ledger twice.
func twiceNotice(n store.Notice, may views.Rights) views.Notice {
	var detail struct{ Kind, Label, Record, Other string }
	_ = json.Unmarshal(n.Detail, &detail) // what cannot be read is left out
	ledger := "the ledger"
	if n.Platform != "" {
		ledger = n.Platform
	}
	what, one := n.Reference+" may be booked twice.", "push"
	if n.Kind == "may_be_made_twice" {
		what, one = strings.TrimSpace(cmp.Or(stepKinds[store.StepKind(detail.Kind)], capital(detail.Kind))+" "+detail.Label)+" may be in "+ledger+" twice.", "try"
	}
	records := ""
	switch {
	case detail.Record != "" && detail.Other != "":
		records = fmt.Sprintf(" Its records in %s are %s and %s: one of them is too many.", ledger, detail.Record, detail.Other)
	case detail.Record != "":
		records = fmt.Sprintf(" A %s that had failed made record %s in %s after all.", one, detail.Record, ledger)
	}
	notice := views.Notice{Bad: true, Icon: "needs_checking", Sentence: what + records}
	switch {
	case n.ExpenseID != nil:
		notice.Link = views.Link{Text: "Look at the expense", Href: expenseURL(*n.ExpenseID)}
	case n.CompanyID != nil:
		notice.Link = views.Link{Text: "Open the company", Href: companyURL(*n.CompanyID)}
	}
	if may.Enter {
		notice.Act = views.Act{Text: "It is put right", Path: fmt.Sprintf("/notices/%d/close", n.ID)}
	}
	return notice
}

// noticeClose notes that somebody has dealt with a notice.
func (h *Handlers) noticeClose(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	closed, err := h.Store.CloseNotice(r.Context(), who, id)
	if err != nil {
		return err
	}
	said := "The notice is closed, with your name beside it."
	if !closed {
		said = "Somebody has closed that notice already."
	}
	return h.done(w, r, back(r, "/expenses"), said)
}

// pauseNotice says why nothing is sent. Being asked to slow down for a moment is not worth a sentence.
func pauseNotice(p store.SendPause, may views.Rights, c clock) (views.Notice, bool) {
	n := views.Notice{Bad: true, Icon: "on_hold"}
	since, company := c.at(p.Since), cmp.Or(orNone(p.Company), "a company")
	switch p.Reason {
	case "person":
		what := "sending"
		if p.CompanyID != nil {
			what += " for " + company
		}
		n.Bad = false
		n.Sentence = fmt.Sprintf("%s paused %s at %s. Nothing is sent until somebody resumes it.", cmp.Or(p.By, "Somebody"), what, since)
		switch {
		case p.CompanyID != nil && may.Enter:
			n.Act = views.Act{Text: "Resume", Path: companyURL(*p.CompanyID) + "/resume"}
		case p.CompanyID == nil && may.Admin:
			n.Act = views.Act{Text: "Resume", Path: "/sending/resume"}
		}
	case "rate_limited":
		if p.Until == nil || p.Until.Sub(p.Since) <= time.Minute {
			return n, false
		}
		n.Bad, n.Sentence = false, "Codat asked us to slow down. Sending goes on at "+c.at(*p.Until)+"."
	case "unauthorized":
		n.Sentence = "Codat has refused our API key since " + since +
			". Nothing is sent until an administrator of Tallylight puts a valid key in place."
	case "payment_required":
		n.Sentence = "Codat has refused to write since " + since +
			", because the plan does not cover it. Nothing is sent until whoever manages your Codat account mends that."
	case "forbidden":
		n.Sentence = "Codat has not allowed writing for " + company + " since " + since +
			". Whoever manages your Codat account can allow it there."
	default:
		n.Sentence = "Sending has rested since " + since + "."
	}
	if n.Bad && may.Enter {
		n.Act = views.Act{Text: "Try now", Path: "/sending/probe"}
	}
	if p.CompanyID != nil {
		n.Link = views.Link{Text: "Open the company", Href: companyURL(*p.CompanyID)}
	}
	return n, true
}

// downNotices has one sentence for each connection that pushes wait for.
func (h *Handlers) downNotices(ctx context.Context, connections []store.ConnectionItem, held map[int64][]store.Sum, c clock) ([]views.Notice, error) {
	var waited []store.ConnectionItem
	unlisted := make(map[int64]bool, len(held))
	for id := range held {
		unlisted[id] = true
	}
	for _, i := range connections {
		if unlisted[i.ID] {
			waited = append(waited, i)
			delete(unlisted, i.ID)
		}
	}
	if len(unlisted) > 0 { // deleted ones
		ids := make([]int64, 0, len(unlisted))
		for id := range unlisted {
			ids = append(ids, id)
		}
		more, err := h.Store.ConnectionItems(ctx, ids)
		if err != nil {
			return nil, err
		}
		waited = append(waited, more...)
	}
	slices.SortStableFunc(waited, func(a, b store.ConnectionItem) int { return count(held[b.ID]) - count(held[a.ID]) })
	var out []views.Notice
	for i, w := range waited {
		if i == fewNotices {
			more := fmt.Sprintf("Expenses wait for other connections, too: %s more.", number(len(waited)-i))
			out = append(out, views.Notice{Icon: "on_hold", Sentence: more, Link: views.Link{Text: "See the connections", Href: "/connections"}})
			break
		}
		out = append(out, downNotice(w, held[w.ID], c))
	}
	return out, nil
}

func downNotice(i store.ConnectionItem, held []store.Sum, c clock) views.Notice {
	n := count(held)
	what, link := "has been down since", mend(i)
	switch {
	case i.DeletedAt != nil:
		what = "has been gone since"
	case i.Status == "PendingAuth":
		what = "has waited for the customer since"
	}
	if link.Href == "" {
		link = views.Link{Text: "Open the company", Href: companyURL(i.CompanyID)}
	}
	return views.Notice{Icon: "on_hold", Link: link, Sentence: fmt.Sprintf("%s %s connection %s %s. %s, %s, %s for it.",
		whose(i.Company), platformOr(i.PlatformName), what, c.at(i.ChangedAt), expenses(n), money(held), wait(n))}
}
