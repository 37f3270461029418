package handlers

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// The topics of the live stream, and so what a page may watch.
const (
	expensesTopic    = "expenses"
	connectionsTopic = "connections"
	importsTopic     = "imports"
	deliveriesTopic  = "deliveries" // for administrators
	plansTopic       = "plans"
)

// live is the stream of a page. It does not count as use of the session: a page left open does not keep anybody signed in.
func (h *Handlers) live(w http.ResponseWriter, r *http.Request) error {
	who, err := h.person(r, false)
	if errors.Is(err, errNobody) {
		return web.Unauthorized("Sign in to watch this live.")
	}
	if err != nil {
		return err
	}
	if !who.Role.May(store.Admin) {
		if r, err = withoutDeliveries(r); err != nil {
			return err
		}
	}
	in := h.zoneOf(who)
	if zone := r.URL.Query().Get("zone"); zone != "" { // the page's, which may be older than the person's
		in = h.in(zone)
	}
	return h.Hub.Stream(w, r, who.ID, zoneName(in), h.Sessions.Alive(r))
}

// withoutDeliveries is r with the topics that everybody may watch.
func withoutDeliveries(r *http.Request) (*http.Request, error) {
	q := r.URL.Query()
	topics := strings.FieldsFunc(q.Get("topics"), func(c rune) bool { return c == ',' || c == ' ' })
	if slices.Contains(topics, deliveriesTopic) {
		return nil, web.Forbidden("Deliveries are for administrators.")
	}
	if len(topics) == 0 {
		q.Set("topics", expensesTopic+","+connectionsTopic)
	}
	all := r.Clone(r.Context())
	all.URL.RawQuery = q.Encode()
	return all, nil
}

const (
	mostAtOnce  = 500                    // changed rows that are read and rendered; more, and the pages read themselves
	countsPause = 500 * time.Millisecond // between two counts
	plansPause  = time.Second            // between two readings of plans that are watched
	pagesPause  = 5 * time.Second        // between two readings of whole pages
)

// news is what changed and has not been sent to the browsers yet.
type news struct {
	mu      sync.Mutex
	changed map[store.Change]bool
	missed  bool // too much, or unknown
	wake    chan struct{}
}

func newNews() news { return news{changed: map[store.Change]bool{}, wake: make(chan struct{}, 1)} }

// Announce hands over what store.Listen heard; nil means that changes may have been missed. It does not wait.
func (h *Handlers) Announce(changes []store.Change) {
	n := &h.news
	n.mu.Lock()
	if changes == nil {
		n.missed = true
	}
	for _, c := range changes {
		switch c.Kind {
		case store.ExpenseChanged, store.ConnectionChanged, store.LedgerChanged, store.PauseChanged, store.NoticeChanged, store.PlanChanged, store.ImportChanged:
			n.changed[c] = true
		case store.DeliveryChanged: // every webhook is one: they must not crowd out the rest while nobody looks
			if h.Hub.Watching(deliveriesTopic) {
				n.changed[c] = true
			}
		}
	}
	if len(n.changed) > mostAtOnce {
		n.missed = true
	}
	if n.missed {
		clear(n.changed)
	}
	something := n.missed || len(n.changed) > 0
	n.mu.Unlock()
	if !something {
		return
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take returns the ids of what changed, by kind, or that pages must read themselves.
func (n *news) take() (changed map[store.ChangeKind][]int64, missed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed, missed = map[store.ChangeKind][]int64{}, n.missed
	for c := range n.changed {
		changed[c.Kind] = append(changed[c.Kind], c.ID)
	}
	clear(n.changed)
	n.missed = false
	return changed, missed
}

// Run renders each row that was announced, once for all browsers of a zone, until ctx ends. Rows are sent at once; the counts follow
// in a moment. What changes more on a page than rows that are announced (a connection that turned, a pause, new books: notices
// and the second lines of other rows) makes the pages read themselves. Beside that it keeps when webhook credentials were used.
func (h *Handlers) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { h.keepUses(ctx) })
	defer beside.Wait()
	if newest, err := h.Store.Deliveries(ctx, store.DeliveryFilter{}, 1); err == nil && len(newest) == 1 {
		h.newestDelivery = newest[0].ID
	}
	var counts, pages, plans <-chan time.Time // when they are due
	stale := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-counts:
			counts = nil
			h.publishCounts(ctx)
		case <-plans:
			plans = nil
			h.publishPlans(ctx)
		case <-pages:
			pages = nil
			if stale {
				stale, pages = false, time.After(pagesPause)
				h.Hub.Resync()
			}
		case <-h.news.wake:
			changed, missed := h.news.take()
			if plans == nil && h.Hub.Watching(plansTopic) {
				plans = time.After(plansPause)
			}
			if missed {
				h.Hub.Resync()
				continue
			}
			if err := h.publish(ctx, changed); err != nil {
				if ctx.Err() == nil {
					h.Log.Error("send changed rows", "error", err)
				}
				h.Hub.Resync()
			}
			stale = stale || pagesDiffer(changed)
			if stale && pages == nil {
				pages = time.After(countsPause)
			}
			if counts == nil {
				counts = time.After(countsPause)
			}
		}
	}
}

// pagesDiffer reports whether more changed than rows.
func pagesDiffer(changed map[store.ChangeKind][]int64) bool {
	return len(changed[store.ConnectionChanged])+len(changed[store.LedgerChanged])+len(changed[store.PauseChanged])+len(changed[store.NoticeChanged]) > 0
}

func (h *Handlers) publish(ctx context.Context, changed map[store.ChangeKind][]int64) error {
	if ids := changed[store.ExpenseChanged]; len(ids) > 0 && h.Hub.Watching(expensesTopic) {
		if err := h.publishExpenses(ctx, ids); err != nil {
			return err
		}
	}
	if ids := changed[store.ConnectionChanged]; len(ids) > 0 && h.Hub.Watching(connectionsTopic) {
		if err := h.publishConnections(ctx, ids); err != nil {
			return err
		}
	}
	for _, id := range changed[store.ImportChanged] { // its page reads itself
		if err := h.send(ctx, web.Event{Name: "import", Topic: importsTopic, Key: strconv.FormatInt(id, 10)}, views.ImportRow(id)); err != nil {
			return err
		}
	}
	if ids := changed[store.DeliveryChanged]; len(ids) > 0 && h.Hub.Watching(deliveriesTopic) {
		return h.publishDeliveries(ctx, ids)
	}
	return nil
}

func (h *Handlers) publishExpenses(ctx context.Context, ids []int64) error {
	items, err := h.Store.ExpenseItems(ctx, ids)
	if err != nil {
		return err
	}
	if len(items) < len(ids) {
		h.Hub.Resync() // some were deleted
	}
	for _, i := range items {
		key := strconv.FormatInt(i.ID, 10)
		isNew := i.Status == store.NotPushed && i.PushedAt == nil && i.Now.Sub(i.StatusAt) < time.Minute // an expense without a push is announced when it is entered
		row := func(in *time.Location) (templ.Component, error) { return views.ExpenseRow(expenseRow(i, in)), nil }
		if err := h.sendZoned(ctx, web.Event{Name: "expense", Topic: expensesTopic, Key: key, Fresh: isNew}, row); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handlers) publishConnections(ctx context.Context, ids []int64) error {
	items, err := h.Store.ConnectionItems(ctx, ids)
	if err != nil {
		return err
	}
	held, err := h.Store.HeldSums(ctx)
	if err != nil {
		return err
	}
	now, err := h.Store.Now(ctx)
	if err != nil {
		return err
	}
	for _, i := range items {
		row := func(in *time.Location) (templ.Component, error) {
			return views.ConnectionRowView(connectionRow(i, held[i.ID], clock{now, in})), nil
		}
		if err := h.sendZoned(ctx, web.Event{Name: "connection", Topic: connectionsTopic, Key: i.CodatID}, row); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handlers) publishDeliveries(ctx context.Context, ids []int64) error {
	ds, err := h.Store.DeliveryItems(ctx, ids)
	if err != nil {
		return err
	}
	now, err := h.Store.Now(ctx)
	if err != nil {
		return err
	}
	subjects, err := h.subjects(ctx, ds)
	if err != nil {
		return err
	}
	for _, d := range ds {
		isNew := d.ID > h.newestDelivery // a delivery is announced when it is applied, in their order but for some
		h.newestDelivery = max(h.newestDelivery, d.ID)
		row := func(in *time.Location) (templ.Component, error) {
			return views.DeliveryRowView(deliveryRow(d, subjects, clock{now, in})), nil
		}
		if err := h.sendZoned(ctx, web.Event{Name: "delivery", Topic: deliveriesTopic, Key: strconv.FormatInt(d.ID, 10), Fresh: isNew}, row); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handlers) publishCounts(ctx context.Context) {
	if h.Hub.Open() == 0 {
		return
	}
	counts, err := h.Store.StatusCounts(ctx, 0)
	var down []store.ConnectionItem
	if err == nil {
		down, err = h.Store.DownConnections(ctx)
	}
	if err == nil {
		tabs := statusTabs(store.ExpenseFilter{}, counts)
		err = h.send(ctx, web.Event{Name: "counts"}, views.Counts(tabs, attention(counts), len(slices.DeleteFunc(down, signedOff))))
	}
	if err != nil && ctx.Err() == nil {
		h.Log.Error("send counts", "error", err)
	}
}

// attention is how many expenses need a person.
func attention(counts map[store.ExpenseStatus]int) int {
	return counts[store.Failed] + counts[store.NeedsChecking]
}

// sendZoned sends an event with times, said once in each zone in which somebody looks.
func (h *Handlers) sendZoned(ctx context.Context, e web.Event, row func(in *time.Location) (templ.Component, error)) error {
	key := e.Key
	if e.Fresh {
		key = ""
	}
	e.Zoned = map[string][]byte{}
	for _, zone := range h.Hub.Wanted(e.Topic, key) {
		view, err := row(h.in(zone))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := view.Render(ctx, &b); err != nil {
			return err
		}
		e.Zoned[zone] = b.Bytes()
	}
	if len(e.Zoned) > 0 {
		h.Hub.Publish(e)
	}
	return nil
}

func (h *Handlers) send(ctx context.Context, e web.Event, row templ.Component) error {
	var b bytes.Buffer
	if err := row.Render(ctx, &b); err != nil {
		return err
	}
	e.Data = b.Bytes()
	h.Hub.Publish(e)
	return nil
}
