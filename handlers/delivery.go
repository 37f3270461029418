package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tallylight/internal/codat"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func (h *Handlers) deliveryPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	d, err := h.Store.Delivery(ctx, id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/deliveries", "Delivery "+strconv.FormatInt(id, 10))
	if err != nil {
		return err
	}
	rows, err := h.deliveryRows(ctx, []store.Delivery{d}, s.clock)
	if err != nil {
		return err
	}
	page := views.DeliveryPage{Frame: s.Frame, Row: rows[0], Facts: deliveryFacts(d, s.clock), Headers: headerLines(d.Headers), Body: raw(d.Body)}
	page.Live, page.Show = deliveriesTopic, show(id)
	if page.Changed, err = h.changed(ctx, d); err != nil {
		return err
	}
	again, err := h.Store.ActivityOf(ctx, "delivery", id)
	if err != nil {
		return err
	}
	for _, a := range again {
		page.Again = append(page.Again, s.clock.full(a.At)+", by "+a.Actor)
	}
	switch {
	case d.ExpenseID != nil:
		page.Others = views.Link{Text: "All messages about it", Href: deliveriesURL(store.DeliveryFilter{ExpenseID: *d.ExpenseID})}
	case d.ConnectionID != nil:
		page.Others = views.Link{Text: "All messages about it", Href: deliveriesURL(store.DeliveryFilter{ConnectionID: *d.ConnectionID})}
	case d.CompanyID != nil:
		page.Others = views.Link{Text: "All messages about it", Href: deliveriesURL(store.DeliveryFilter{CompanyID: *d.CompanyID})}
	}
	return web.Render(w, r, http.StatusOK, views.Delivery(page))
}

func deliveryFacts(d store.Delivery, c clock) []views.Fact {
	company := views.Fact{Term: "Company", Text: d.Company}
	if d.CompanyID != nil {
		company.Link = companyURL(*d.CompanyID)
	}
	var facts []views.Fact
	for _, f := range []views.Fact{
		{Term: "Generation", Text: d.Generation}, company, {Term: "Connection", Text: d.Connection},
		{Term: "Operation", Text: d.OperationKey}, {Term: "Message id", Text: orNone(d.WebhookID)}, {Term: "Event id", Text: strings.TrimPrefix(orNone(d.DedupeKey), "e:")},
	} {
		if f.Text != "" {
			facts = append(facts, f)
		}
	}
	if d.AppliedAt != nil {
		facts = append(facts, views.Fact{Term: "Applied", Text: c.full(*d.AppliedAt)})
	}
	if d.Tries > 1 {
		facts = append(facts, views.Fact{Term: "Tries", Text: strconv.Itoa(d.Tries)})
	}
	return facts
}

// unchanged is why a message with such a verdict changed nothing.
var unchanged = map[store.Verdict]string{
	store.VerdictNew:        "Nothing yet. It waits to be applied.",
	store.VerdictDuplicate:  "Nothing: what it tells was known already.",
	store.VerdictUnmatched:  "Nothing yet. Nobody here knows its operation so far: it is applied as soon as somebody does, and is taken for not ours after a day.",
	store.VerdictNotOurs:    "Nothing: it is about something that Tallylight does not know, such as what another program wrote.",
	store.VerdictIgnored:    "Nothing: a message of this type, or of this content, is kept and left alone.",
	store.VerdictUnreadable: "Nothing.",
	store.VerdictSetAside:   "Nothing.",
}

// changed says what a delivery changed, in sentences.
func (h *Handlers) changed(ctx context.Context, d store.Delivery) ([]string, error) {
	if why, ok := unchanged[d.Verdict]; ok {
		return []string{why}, nil
	}
	activities, err := h.Store.ActivityWith(ctx, d)
	if err != nil {
		return nil, err
	}
	var said []string
	for _, a := range activities {
		switch a.SubjectKind {
		case "expense":
			said = append(said, sentence(activityText(a, nil)))
		case "company":
			said = append(said, "Nothing is sent for "+a.Subject+" any more: Codat has deleted it.")
		default:
			said = append(said, sentence("the "+a.Verb)) // connection is Linked
		}
	}
	if len(said) > 0 {
		return said, nil
	}
	e, err := codat.ParseEvent(d.Body)
	if err != nil {
		return nil, nil // it could be read when it was applied
	}
	switch e.Kind {
	case codat.KindPush:
		return h.pushChanged(ctx, d)
	case codat.KindRateLimit:
		if e.RateLimit.Reached {
			return []string{"Sending was paused until Codat’s quota of requests is full again."}, nil
		}
		return []string{"Sending goes on: Codat’s quota of requests is full again."}, nil
	}
	return []string{"Codat was asked how things stand now."}, nil
}

// pushChanged is what news of a write changed beside an expense.
func (h *Handlers) pushChanged(ctx context.Context, d store.Delivery) ([]string, error) {
	step, err := h.Store.StepOfDelivery(ctx, d)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err != nil || step.SettledAt == nil || !step.SettledAt.Equal(*d.AppliedAt) {
		return []string{"Codat was asked what became of the operation. A message that tells of a failure gives no reason, and is not believed before."}, nil
	}
	what := cmp.Or(stepKinds[step.Kind], string(step.Kind)) + " " + step.Label
	if step.State == store.StepSuccess {
		return []string{what + " is in the ledger, as record " + cmp.Or(orNone(step.RecordID), "unknown") + "."}, nil
	}
	return []string{what + " needs checking: nobody can tell whether it reached the ledger."}, nil
}

// deliveryApply has a message applied once more.
func (h *Handlers) deliveryApply(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	asked, err := h.Store.ApplyAgain(r.Context(), who, id)
	if err != nil {
		return err
	}
	h.Wake()
	said := "The message is being applied again."
	if !asked {
		said = "The message waits to be applied already."
	}
	return h.done(w, r, deliveryURL(id), said)
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
