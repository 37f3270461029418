package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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

// deliveryList is the list of messages. Like that of expenses its whole state is in the address.
func (h *Handlers) deliveryList(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx, q := r.Context(), r.URL.Query()
	s, err := h.frame(w, r, who, "/deliveries", "Deliveries")
	if err != nil {
		return err
	}
	companies, err := h.companiesWith(ctx, q.Get("company"))
	if err != nil {
		return err
	}
	connections, err := h.Store.Connections(ctx, 0)
	if err != nil {
		return err
	}
	f := readDeliveryFilter(q, companies, connections, s.clock.in)
	ds, err := h.Store.Deliveries(ctx, f, deliveriesShown+1)
	if err != nil {
		return err
	}
	page := views.DeliveriesPage{
		Frame: s.Frame, Verdict: string(f.Verdict), Companies: companyOptions(companies, f.CompanyID), CompanyID: f.CompanyID, Type: f.Type,
		Types: slices.Concat(codatTypes(), []string{store.TestEvent}), Query: f.Text, From: dateOrNone(f.From), To: lastDay(f.To), ConnectionID: f.ConnectionID, ExpenseID: f.ExpenseID,
	}
	page.Verdicts = verdictTabs(f)
	if page.Chips, err = h.deliveryChips(ctx, f, companies); err != nil {
		return err
	}
	page.Newest = f.Before == 0 && f == store.DeliveryFilter{Verdict: f.Verdict, CompanyID: f.CompanyID}
	if f.Before != 0 {
		newest := f
		newest.Before = 0
		page.First = deliveriesURL(newest)
	}
	if len(ds) > deliveriesShown {
		ds = ds[:deliveriesShown]
		older := f
		older.Before = ds[len(ds)-1].ID
		page.Next = deliveriesURL(older)
	}
	if page.Rows, err = h.deliveryRows(ctx, ds, s.clock); err != nil {
		return err
	}
	shown := make([]int64, 0, len(ds))
	for _, d := range ds {
		shown = append(shown, d.ID)
	}
	page.Live, page.Show = deliveriesTopic, show(shown...)
	return web.Render(w, r, http.StatusOK, views.Deliveries(page))
}

// readDeliveryFilter reads what the address chooses: verdict, type, company and connection (our ids or Codat's), expense, from and
// to (days), q, and before. What cannot be understood does not choose.
func readDeliveryFilter(q url.Values, companies []store.Company, connections []store.ConnectionItem, in *time.Location) store.DeliveryFilter {
	f := store.DeliveryFilter{
		Type: plain(strings.TrimSpace(q.Get("type"))), Text: plain(strings.TrimSpace(q.Get("q"))), CompanyID: readFilter(q, companies).CompanyID,
		ConnectionID: readID(q.Get("connection")), ExpenseID: readID(q.Get("expense")), Before: readID(q.Get("before")),
	}
	if v := store.Verdict(q.Get("verdict")); slices.ContainsFunc(verdicts, func(s verdictState) bool { return s.verdict == v }) {
		f.Verdict = v
	}
	for _, c := range connections {
		if c.CodatID == q.Get("connection") {
			f.ConnectionID = c.ID
		}
	}
	if from := readDate(q.Get("from")); !from.IsZero() {
		f.From = midnight(from, in)
	}
	if to := readDate(q.Get("to")); !to.IsZero() {
		f.To = midnight(to.AddDate(0, 0, 1), in)
	}
	return f
}

// midnight is when a day begins in a zone.
func midnight(date time.Time, in *time.Location) time.Time {
	return time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, in)
}

// lastDay is the day before the one that begins at a moment, "" for none.
func lastDay(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return dateOrNone(until.AddDate(0, 0, -1))
}

// readID is the id in s, 0 for none.
func readID(s string) int64 {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return id
}

func deliveriesURL(f store.DeliveryFilter) string {
	var parts []string
	add := func(name, value string) {
		if value != "" && value != "0" {
			parts = append(parts, name+"="+url.QueryEscape(value))
		}
	}
	add("verdict", string(f.Verdict))
	add("type", f.Type)
	add("company", strconv.FormatInt(f.CompanyID, 10))
	add("connection", strconv.FormatInt(f.ConnectionID, 10))
	add("expense", strconv.FormatInt(f.ExpenseID, 10))
	add("from", dateOrNone(f.From))
	add("to", lastDay(f.To))
	add("q", f.Text)
	add("before", strconv.FormatInt(f.Before, 10))
	if len(parts) == 0 {
		return "/deliveries"
	}
	return "/deliveries?" + strings.Join(parts, "&")
}

func verdictTabs(f store.DeliveryFilter) []views.Tab {
	current := f.Verdict
	f.Verdict, f.Before = "", 0
	tabs := []views.Tab{{Word: "All", Href: deliveriesURL(f), Current: current == ""}}
	for _, v := range verdicts {
		f.Verdict = v.verdict
		tabs = append(tabs, views.Tab{Word: v.word, Status: string(v.verdict), Href: deliveriesURL(f), Current: v.verdict == current})
	}
	return tabs
}

// deliveryChips are the filters in force but for the verdict, each with a way to drop it.
func (h *Handlers) deliveryChips(ctx context.Context, f store.DeliveryFilter, companies []store.Company) ([]views.Chip, error) {
	f.Before = 0
	var out []views.Chip
	chip := func(text, label string, drop func(*store.DeliveryFilter)) {
		dropped := f
		drop(&dropped)
		out = append(out, views.Chip{Text: text, Drop: deliveriesURL(dropped), Label: label})
	}
	if i := slices.IndexFunc(companies, func(c store.Company) bool { return c.ID == f.CompanyID }); i >= 0 {
		chip("Company: "+companies[i].Name, "Show all companies", func(f *store.DeliveryFilter) { f.CompanyID = 0 })
	}
	if f.ConnectionID != 0 {
		items, err := h.Store.ConnectionItems(ctx, []int64{f.ConnectionID})
		if err != nil {
			return nil, err
		}
		name := "none"
		if len(items) > 0 {
			name = connectionName(items[0])
		}
		chip("Connection: "+name, "Show all connections", func(f *store.DeliveryFilter) { f.ConnectionID = 0 })
	}
	if f.ExpenseID != 0 {
		items, err := h.Store.ExpenseItems(ctx, []int64{f.ExpenseID})
		if err != nil {
			return nil, err
		}
		name := "none"
		if len(items) > 0 {
			name = items[0].Reference
		}
		chip("Expense: "+name, "Show all expenses", func(f *store.DeliveryFilter) { f.ExpenseID = 0 })
	}
	if f.Type != "" {
		chip("Type: "+f.Type, "Show all types", func(f *store.DeliveryFilter) { f.Type = "" })
	}
	if f.Text != "" {
		chip("Text: "+f.Text, "Drop the search", func(f *store.DeliveryFilter) { f.Text = "" })
	}
	if !f.From.IsZero() {
		chip("From "+day(f.From), "Drop the first date", func(f *store.DeliveryFilter) { f.From = time.Time{} })
	}
	if !f.To.IsZero() {
		chip("To "+day(f.To.AddDate(0, 0, -1)), "Drop the last date", func(f *store.DeliveryFilter) { f.To = time.Time{} })
	}
	return out, nil
}

func deliveryURL(id int64) string { return "/deliveries/" + strconv.FormatInt(id, 10) }

func connectionName(i store.ConnectionItem) string {
	return i.Company + " · " + platformOr(i.PlatformName)
}

// subjects are what some deliveries are about, as links, by the kind of thing and its id.
type subjects map[store.Change]views.Link

// companySubject is the kind of a company among subjects.
const companySubject store.ChangeKind = "company"

func (h *Handlers) subjects(ctx context.Context, ds []store.Delivery) (subjects, error) {
	var expenseIDs, connectionIDs []int64
	about := subjects{}
	for _, d := range ds {
		switch {
		case d.ExpenseID != nil:
			expenseIDs = append(expenseIDs, *d.ExpenseID)
		case d.ConnectionID != nil:
			connectionIDs = append(connectionIDs, *d.ConnectionID)
		case d.CompanyID != nil:
			key := store.Change{Kind: companySubject, ID: *d.CompanyID}
			if _, known := about[key]; known {
				continue
			}
			c, err := h.Store.Company(ctx, *d.CompanyID)
			if err != nil {
				return nil, err
			}
			about[key] = views.Link{Text: c.Name, Href: companyURL(c.ID)}
		}
	}
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
			about[store.Change{Kind: store.ConnectionChanged, ID: i.ID}] = views.Link{Text: connectionName(i), Href: companyURL(i.CompanyID) + "#connection-" + url.PathEscape(i.CodatID)}
		}
	}
	return about, nil
}

// deliveryRows are deliveries in a list, each with what it is about.
func (h *Handlers) deliveryRows(ctx context.Context, ds []store.Delivery, c clock) ([]views.DeliveryRow, error) {
	about, err := h.subjects(ctx, ds)
	if err != nil {
		return nil, err
	}
	var rows []views.DeliveryRow
	for _, d := range ds {
		rows = append(rows, deliveryRow(d, about, c))
	}
	return rows, nil
}

func deliveryRow(d store.Delivery, about map[store.Change]views.Link, c clock) views.DeliveryRow {
	state := stateOfVerdict(d.Verdict)
	row := views.DeliveryRow{ID: d.ID, Time: c.full(d.ReceivedAt), Type: d.Type,
		Verdict: string(d.Verdict), Word: state.word, Tone: state.tone, Note: deliveryNote(d)}
	if d.CompanyID != nil {
		row.CompanyID = *d.CompanyID
	}
	switch {
	case d.ExpenseID != nil:
		row.About = about[store.Change{Kind: store.ExpenseChanged, ID: *d.ExpenseID}]
	case d.ConnectionID != nil:
		row.About, row.Said = about[store.Change{Kind: store.ConnectionChanged, ID: *d.ConnectionID}], d.OperationKey
	case d.CompanyID != nil:
		row.About, row.Said = about[store.Change{Kind: companySubject, ID: *d.CompanyID}], d.OperationKey
	default:
		row.Said = saidIDs(d)
	}
	return row
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
