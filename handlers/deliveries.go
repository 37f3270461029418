package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// verdictState is what a verdict means to an administrator.
type verdictState struct {
	verdict    store.Verdict
	word, tone string
}

var verdicts = []verdictState{
	{store.VerdictNew, "Waiting", "busy"},
	{store.VerdictApplied, "Applied", "good"},
	{store.VerdictDuplicate, "Duplicate", "idle"},
	{store.VerdictUnmatched, "Unmatched", "doubt"},
	{store.VerdictNotOurs, "Not ours", "idle"},
	{store.VerdictIgnored, "Ignored", "idle"},
	{store.VerdictUnreadable, "Unreadable", "bad"},
	{store.VerdictSetAside, "Set aside", "bad"},
}

func stateOfVerdict(v store.Verdict) verdictState {
	if i := slices.IndexFunc(verdicts, func(s verdictState) bool { return s.verdict == v }); i >= 0 {
		return verdicts[i]
	}
	return verdictState{v, string(v), "doubt"}
}

const deliveriesShown = 50

func (h *Handlers) deliveryList(w http.ResponseWriter, r *http.Request, who store.User) error {
	q := r.URL.Query()
	var f store.DeliveryFilter
	if v := store.Verdict(q.Get("verdict")); slices.ContainsFunc(verdicts, func(s verdictState) bool { return s.verdict == v }) {
		f.Verdict = v
	}
	if before, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil && before > 0 {
		f.Before = before
	}
	ds, err := h.Store.Deliveries(r.Context(), f, deliveriesShown+1)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/deliveries", "Deliveries")
	if err != nil {
		return err
	}
	page := views.DeliveriesPage{Frame: s.Frame}
	page.Verdicts = []views.Tab{{Word: "All", Href: deliveriesURL("", 0), Current: f.Verdict == ""}}
	for _, v := range verdicts {
		tab := views.Tab{Word: v.word, Status: string(v.verdict), Href: deliveriesURL(v.verdict, 0), Current: v.verdict == f.Verdict}
		page.Verdicts = append(page.Verdicts, tab)
	}
	if len(ds) > deliveriesShown {
		ds = ds[:deliveriesShown]
		page.Next = deliveriesURL(f.Verdict, ds[len(ds)-1].ID)
	}
	if page.Rows, err = h.deliveryRows(r.Context(), ds, s.clock); err != nil {
		return err
	}
	shown := make([]int64, 0, len(ds))
	for _, d := range ds {
		shown = append(shown, d.ID)
	}
	page.Live, page.Show = deliveriesTopic, show(shown...)
	return web.Render(w, r, http.StatusOK, views.Deliveries(page))
}

func deliveriesURL(v store.Verdict, before int64) string {
	q := url.Values{}
	if v != "" {
		q.Set("verdict", string(v))
	}
	if before != 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return "/deliveries"
	}
	return "/deliveries?" + q.Encode()
}

func deliveryURL(id int64) string { return "/deliveries/" + strconv.FormatInt(id, 10) }

// deliveryRows are deliveries in a list, each with what it is about.
func (h *Handlers) deliveryRows(ctx context.Context, ds []store.Delivery, c clock) ([]views.DeliveryRow, error) {
	var expenseIDs, connectionIDs []int64
	for _, d := range ds {
		if d.ExpenseID != nil {
			expenseIDs = append(expenseIDs, *d.ExpenseID)
		} else if d.ConnectionID != nil {
			connectionIDs = append(connectionIDs, *d.ConnectionID)
		}
	}
	about := map[store.Change]views.Link{}
	if len(expenseIDs) > 0 {
		items, err := h.Store.ExpenseItems(ctx, expenseIDs)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			about[store.Change{Kind: store.ExpenseChanged, ID: i.ID}] = views.Link{Text: i.Reference, Href: expenseURL(i.ID)}
		}
	}
	if len(connectionIDs) > 0 {
		items, err := h.Store.ConnectionItems(ctx, connectionIDs)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			link := views.Link{Text: i.Company + " · " + platformOr(i.PlatformName), Href: companyURL(i.CompanyID)}
			about[store.Change{Kind: store.ConnectionChanged, ID: i.ID}] = link
		}
	}
	var rows []views.DeliveryRow
	for _, d := range ds {
		state := stateOfVerdict(d.Verdict)
		row := views.DeliveryRow{ID: d.ID, Time: c.full(d.ReceivedAt), Type: d.Type,
			Verdict: string(d.Verdict), Word: state.word, Tone: state.tone, Note: deliveryNote(d)}
		switch {
		case d.ExpenseID != nil:
			row.About = about[store.Change{Kind: store.ExpenseChanged, ID: *d.ExpenseID}]
		case d.ConnectionID != nil:
			row.About = about[store.Change{Kind: store.ConnectionChanged, ID: *d.ConnectionID}]
		case d.CompanyID != nil:
			row.About = views.Link{Text: "Its company", Href: companyURL(*d.CompanyID)}
		default:
			row.About = views.Link{Text: saidIDs(d)}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// deliveryNote says what is wrong with a delivery, and never with which words of ours it failed.
func deliveryNote(d store.Delivery) string {
	switch d.Verdict {
	case store.VerdictUnreadable:
		return "The message is not JSON that can be read."
	case store.VerdictSetAside:
		return "It could not be applied, however often it was tried. The log says why."
	}
	return ""
}

// saidIDs are Codat's ids in a message, as text.
func saidIDs(d store.Delivery) string {
	var ids []string
	for _, id := range []string{d.OperationKey, d.Connection, d.Company} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, " · ")
}

func (h *Handlers) deliveryPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	d, err := h.Store.Delivery(r.Context(), id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/deliveries", "Delivery "+strconv.FormatInt(id, 10))
	if err != nil {
		return err
	}
	rows, err := h.deliveryRows(r.Context(), []store.Delivery{d}, s.clock)
	if err != nil {
		return err
	}
	page := views.DeliveryPage{Frame: s.Frame, Row: rows[0], Headers: headerLines(d.Headers), Body: raw(d.Body)}
	for _, f := range []views.Fact{
		{Term: "Generation", Text: d.Generation}, {Term: "Company", Text: d.Company}, {Term: "Connection", Text: d.Connection},
		{Term: "Operation", Text: d.OperationKey}, {Term: "Message id", Text: orNone(d.WebhookID)},
		{Term: "Event id", Text: orNone(d.DedupeKey)},
	} {
		if f.Text != "" {
			page.Facts = append(page.Facts, f)
		}
	}
	if d.AppliedAt != nil {
		page.Facts = append(page.Facts, views.Fact{Term: "Applied", Text: s.clock.full(*d.AppliedAt)})
	}
	if d.Tries > 1 {
		page.Facts = append(page.Facts, views.Fact{Term: "Tries", Text: strconv.Itoa(d.Tries)})
	}
	return web.Render(w, r, http.StatusOK, views.Delivery(page))
}

func headerLines(j json.RawMessage) string {
	var headers map[string]string
	if json.Unmarshal(j, &headers) != nil {
		return ""
	}
	var lines []string
	for name, value := range headers {
		lines = append(lines, name+": "+value)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
