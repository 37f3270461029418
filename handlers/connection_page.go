package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func connectionURL(id int64) string { return "/connections/" + strconv.FormatInt(id, 10) }

// connection is the one with that id, deleted or not, or ErrNotFound.
func (h *Handlers) connection(ctx context.Context, id int64) (store.ConnectionItem, error) {
	items, err := h.Store.ConnectionItems(ctx, []int64{id})
	if err == nil && len(items) == 0 {
		err = fmt.Errorf("read connection %d: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return store.ConnectionItem{}, err
	}
	return items[0], nil
}

const momentsShown = 50

// connectionPage is how one connection stands, and its history.
func (h *Handlers) connectionPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	i, err := h.connection(ctx, id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/connections", connectionName(i))
	if err != nil {
		return err
	}
	after := readID(r.URL.Query().Get("after"))
	moments, err := h.Store.ConnectionHistory(ctx, id, after, momentsShown+1)
	if err != nil {
		return err
	}
	page := views.ConnectionPage{Frame: s.Frame, Row: connectionRow(i, s.held[id], s.clock), Facts: connectionFacts(i, s.clock)}
	page.Live = connectionsTopic
	if after != 0 {
		page.First = connectionURL(id)
	}
	if len(moments) > momentsShown {
		moments = moments[:momentsShown]
		page.Next = connectionURL(id) + "?after=" + strconv.FormatInt(moments[momentsShown-1].ID, 10)
	}
	for _, m := range moments {
		page.Moments = append(page.Moments, connectionMoment(i, m, s.clock, who.Role.May(store.Admin)))
	}
	return web.Render(w, r, http.StatusOK, views.Connection(page))
}

func connectionFacts(i store.ConnectionItem, c clock) []views.Fact {
	or := func(t *time.Time, none string) string {
		if t == nil {
			return none
		}
		return c.full(*t)
	}
	facts := []views.Fact{
		{Term: "Company", Text: i.Company, Link: companyURL(i.CompanyID)},
		{Term: "Status at Codat", Text: i.Status},
		{Term: "Created", Text: c.full(i.CreatedAt)},
		{Term: "Last write that reached the ledger", Text: or(i.WroteAt, "none yet")},
		{Term: "Codat’s last reading", Text: or(i.LastSyncAt, "none yet")},
		{Term: "Last check", Text: or(i.CheckedAt, "none yet")},
		{Term: "Codat’s id", Text: i.CodatID},
	}
	if i.DeletedAt != nil {
		facts[1] = views.Fact{Term: "Deleted at Codat", Text: c.full(*i.DeletedAt)}
	}
	return facts
}

// connectionMoment is a line of a connection's history. Who may see messages gets a link to the one that told it.
func connectionMoment(of store.ConnectionItem, m store.ConnectionMoment, c clock, admin bool) views.ConnectionMoment {
	then := of
	then.Status, then.DeletedAt = m.Status, nil
	if m.Deleted {
		then.DeletedAt = &m.HeardAt
	}
	if m.Status != of.Status {
		then.LastSyncAt = nil // only its present state is told by what is known of it now
	}
	state := stateOf(then, then.ChangedAt)
	at := m.HeardAt
	if m.SaidAt != nil {
		at = *m.SaidAt
	}
	line := views.ConnectionMoment{Time: c.full(at), Full: at.UTC().Format(time.RFC3339), Word: state.word, Tone: state.tone, Icon: state.icon,
		Source: momentSource(m), Cause: m.Cause, Late: m.Late}
	if m.SaidAt != nil {
		line.Heard = "heard " + c.second(m.HeardAt)
	}
	if admin && m.DeliveryID != nil {
		line.Link = views.Link{Text: "Message " + strconv.FormatInt(*m.DeliveryID, 10), Href: deliveryURL(*m.DeliveryID)}
	}
	return line
}

func momentSource(m store.ConnectionMoment) string {
	switch m.Source {
	case store.FromWebhook:
		return "Codat told it: " + cmp.Or(m.Event, "a message") + "."
	case store.FromSync:
		return "A check found it."
	case store.FromPush:
		return "A push failed for want of access; it was checked at once."
	case store.FromStart:
		return "It was so when this history began."
	}
	if m.Actor != "" && m.Actor != "Tallylight" && m.Actor != "Codat" {
		return "By " + m.Actor + "."
	}
	return "Tallylight read it from Codat."
}
