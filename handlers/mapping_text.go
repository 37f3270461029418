package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// mappingSubject is the text that a request is about.
type mappingSubject struct {
	company store.Company
	conn    store.Connection
	kind    mappingKind
	text    string // as typed, "" or store.TheRest
	subject string
	part    string // of tracking: Codat's id of the heading
	heading string // its name
}

func (h *Handlers) mappingSubject(r *http.Request, get func(string) string) (mappingSubject, error) {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return mappingSubject{}, err
	}
	t := mappingSubject{text: strings.Trim(plain(get("text")), " "), part: plain(get("part"))}
	t.subject = strings.ToLower(t.text)
	var known bool
	if t.kind, known = mappingKindOf(get("kind")); !known || t.kind.title(t.subject, t.text) == "" {
		return t, web.NotFound("There is nothing of that kind to map.")
	}
	if t.kind.kind != store.TrackingMapping {
		t.part = ""
	}
	if t.company, err = h.Store.Company(ctx, id); err != nil {
		return t, err
	}
	t.conn, err = h.Store.AccountingConnection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return t, web.NotFound("This company has no accounting connection: there is nothing to map to.")
	}
	if err != nil || t.part == "" {
		return t, err
	}
	heading, err := h.Store.LedgerRecord(ctx, t.conn.ID, t.kind.kind, t.part)
	t.heading = heading.Name
	return t, err
}

// title is what the page and the sentences call it.
func (t mappingSubject) title() string {
	title := t.kind.title(t.subject, t.text)
	if t.heading != "" {
		title += ": " + t.heading
	}
	return title
}

func (t mappingSubject) ledger() string { return platformOr(t.conn.PlatformName) }

// mappingText is the page on which a person says what one text means: a search over the ledger, or what to create.
func (h *Handlers) mappingText(w http.ResponseWriter, r *http.Request, who store.User) error {
	q := r.URL.Query()
	t, err := h.mappingSubject(r, q.Get)
	if err != nil {
		return err
	}
	return h.mappingTextPage(w, r, who, http.StatusOK, t, mappingForm{query: strings.TrimSpace(plain(q.Get("q")))})
}

// mappingForm is what was typed, and what is wrong with it.
type mappingForm struct {
	query                string
	name, code, category string
	problems             map[string]string
}

const foundRecords = 50

func (h *Handlers) mappingTextPage(w http.ResponseWriter, r *http.Request, who store.User, status int, t mappingSubject, f mappingForm) error {
	ctx := r.Context()
	s, err := h.frame(w, r, who, "/companies", t.title())
	if err != nil {
		return err
	}
	use := store.MappingUse{Subject: t.subject, Label: t.text}
	m, err := h.meanings(ctx, t.conn, t.kind, s.clock, []store.MappingUse{use})
	if err != nil {
		return err
	}
	if use.Open, use.Begun, err = h.Store.Concerned(ctx, t.conn.ID, t.kind.kind, t.subject); err != nil {
		return err
	}
	use.Total = use.Open
	page := views.MappingTextPage{Frame: s.Frame, ID: t.company.ID, Company: t.company.Name, Ledger: t.ledger(), Back: mappingURL(t.company.ID, t.kind.kind),
		Path: companyURL(t.company.ID) + "/mapping/text", Kind: string(t.kind.kind), Text: t.text, Part: t.part, Title: t.title(),
		Row: m.row(t.company.ID, use), Query: f.query, Noun: t.kind.record, Problems: f.problems, Connection: t.conn.ID}
	if use.Open == 0 {
		page.Row.Note = "No expense waits for it."
	} else {
		page.Row.Note = sentence(toPush(use))
	}
	records, more, err := h.Store.FindRecords(ctx, t.conn.ID, t.kind.kind, t.part, f.query, foundRecords)
	if err != nil {
		return err
	}
	page.More = more
	now := ""
	var create store.Mapping
	for _, said := range m.said[t.subject] {
		if said.Part != t.part {
			continue
		}
		page.Said, now = true, said.CodatID
		if said.Action == store.CreateRecord {
			create = said
		}
	}
	page.Forget = forgetting(t)
	for _, found := range records {
		page.Records = append(page.Records, views.MappingRecord{ID: found.CodatID, Name: found.Title(), Detail: recordDetail(t.kind.kind, found), Chosen: found.CodatID == now})
	}
	if page.May.Enter { // the types of new accounts are Codat's to say
		page.Create = h.mappingCreate(ctx, t, f, create)
	}
	return web.Render(w, r, status, views.MappingText(page))
}

// forgetting says what holds when nobody has said anything of a text.
func forgetting(t mappingSubject) string {
	switch {
	case t.kind.kind == store.TrackingMapping && t.subject != store.TheRest:
		return "Its lines are then tracked as every line is."
	case t.kind.kind == store.TrackingMapping:
		return "Lines are then not tracked by it unless their category says so."
	case t.kind.kind == store.TaxRateMapping && (t.subject == "" || t.subject == store.TheRest):
		return t.ledger() + " then decides by the account."
	case t.subject == store.TheRest:
		return "A new text is then created by its name, as if nothing had been said."
	case t.subject == "" && t.kind.kind == store.BankMapping:
		return "Expenses must then say it, unless there is only one."
	case t.subject == "" && t.kind.kind == store.SupplierMapping:
		return "Such expenses then have no supplier."
	case t.subject == "":
		return "Such lines are then like every other category."
	}
	return "The text then means what has that name or code, or the default."
}

func recordDetail(kind store.MappingKind, r store.LedgerRecord) string {
	switch kind {
	case store.AccountMapping:
		return cmp.Or(r.Detail, r.Sort)
	case store.TaxRateMapping:
		if r.Detail != "" {
			return r.Detail + " %"
		}
	case store.BankMapping, store.SupplierMapping:
		return r.Currency
	}
	return ""
}

// mappingCreate is the form for a new record, nil where none can be created.
func (h *Handlers) mappingCreate(ctx context.Context, t mappingSubject, f mappingForm, said store.Mapping) *views.MappingCreate {
	if t.subject == "" || t.subject == store.TheRest || push.Ignores(t.conn.PlatformKey, t.kind.kind) {
		return nil
	}
	c := &views.MappingCreate{Noun: t.kind.record, Chosen: said.Action == store.CreateRecord}
	if c.Name, c.Code = cmp.Or(said.Name, t.text), said.Code; len(f.problems) > 0 {
		c.Name, c.Code = f.name, f.code
	}
	switch t.kind.kind {
	case store.SupplierMapping:
		takes, most := push.NewSupplierOf(t.conn.PlatformKey)
		if c.NameMost = most; !takes {
			return nil
		}
		return c
	case store.AccountMapping:
		asks := push.NewAccountOf(t.conn.PlatformKey)
		if c.NameMost, c.CodeMost = asks.Name, asks.Code; !asks.Takes {
			return nil
		}
		h.accountCategories(ctx, t, c, cmp.Or(f.category, said.Category), asks.Category)
		return c
	}
	return nil
}

// accountCategories offers the types that the accounting package has for new accounts; where they cannot be read it says what is used.
func (h *Handlers) accountCategories(ctx context.Context, t mappingSubject, c *views.MappingCreate, chosen, usual string) {
	found, err := h.Ledger.AccountCategories(ctx, t.company, t.conn)
	if err != nil {
		h.Log.Warn("read the types of new accounts", "company", t.company.CodatID, "error", err)
		c.Usual = fmt.Sprintf("The types that %s has cannot be read just now: its usual one for expenses is used.", t.ledger())
		if c.Kept, c.Unknown = chosen, true; chosen != "" {
			c.Usual = fmt.Sprintf("The types that %s has cannot be read just now: the one that was chosen before is used.", t.ledger())
		}
		return
	}
	if len(found) == 0 {
		c.Usual = fmt.Sprintf("%s names no types for new accounts: its usual one for expenses is used.", t.ledger())
	}
	for _, f := range found {
		c.Categories = append(c.Categories, views.Option{Value: f.Value, Text: cmp.Or(f.Name, f.Value), Chosen: f.Value == cmp.Or(chosen, usual)})
	}
}

func connectionChanged(now store.Connection) string {
	return fmt.Sprintf("Another connection, to %s, has become the company’s since this form was shown: look at what it has. Nothing was changed.", platformOr(now.PlatformName))
}

// connectionChanged answers a form that was about another connection than the company's present one.
func (h *Handlers) connectionChanged(w http.ResponseWriter, r *http.Request) (bool, error) {
	id, err := pathID(r)
	if err != nil {
		return false, err
	}
	now, err := h.Store.AccountingConnection(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) { // which is said where the text is read
		return false, nil
	}
	if err != nil || r.PostForm.Get("connection") == strconv.FormatInt(now.ID, 10) {
		return false, err
	}
	kind, _ := mappingKindOf(r.PostForm.Get("kind"))
	return true, h.done(w, r, mappingURL(id, kind.kind), connectionChanged(now))
}

// mappingSet keeps what a person says of a text.
func (h *Handlers) mappingSet(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	form := r.PostForm.Get
	if moved, err := h.connectionChanged(w, r); moved || err != nil {
		return err
	}
	t, err := h.mappingSubject(r, form)
	if err != nil {
		return err
	}
	ctx, list := r.Context(), mappingURL(t.company.ID, t.kind.kind)
	m := store.Mapping{ConnectionID: t.conn.ID, CompanyID: t.company.ID, Kind: t.kind.kind, Part: t.part, Subject: t.subject}
	if t.subject != "" && t.subject != store.TheRest {
		m.Label = t.text
	}
	concerned, _, err := h.Store.Concerned(ctx, t.conn.ID, t.kind.kind, t.subject)
	if err != nil {
		return err
	}
	switch form("do") {
	case "forget":
		if err := h.Store.ClearMapping(ctx, who, m); err != nil {
			return err
		}
		return h.done(w, r, list, t.title()+" is not mapped any more. "+forgetting(t))
	case "create":
		return h.mappingCreated(w, r, who, t, m, concerned)
	}
	chosen, err := h.Store.LedgerRecord(ctx, t.conn.ID, t.kind.kind, plain(form("record")))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	gone := func() error {
		return h.done(w, r, mappingTextURL(t.company.ID, t.kind.kind, t.text, t.part),
			fmt.Sprintf("That %s is not in %s any more, or cannot be used. Nothing was changed.", t.kind.record, t.ledger()))
	}
	if !chosen.Usable || chosen.HeadingID != t.part {
		return gone()
	}
	m.Action, m.CodatID = store.UseRecord, chosen.CodatID
	if err := h.Store.SetMapping(ctx, who, m); errors.Is(err, store.ErrRecordGone) {
		return gone()
	} else if err != nil {
		return err
	}
	return h.done(w, r, list, means(concerned, t, t.kind.record+" "+chosen.Title()))
}

// mappingCreated keeps that a record is to be created for a text.
func (h *Handlers) mappingCreated(w http.ResponseWriter, r *http.Request, who store.User, t mappingSubject, m store.Mapping, concerned int) error {
	form := func(name string) string { return strings.TrimSpace(plain(r.PostForm.Get(name))) }
	f := mappingForm{query: form("q"), name: form("name"), code: form("code"), category: form("category"), problems: map[string]string{}}
	offer := h.mappingCreate(r.Context(), t, f, store.Mapping{})
	if offer == nil {
		return web.Invalid(fmt.Sprintf("%s takes no new %s for that.", t.ledger(), t.kind.record))
	}
	if offer.Name = f.name; f.name == "" {
		f.problems["name"] = "Enter a name."
	} else if utf8.RuneCountInString(f.name) > offer.NameMost {
		f.problems["name"] = fmt.Sprintf("The name may have %d characters at most.", offer.NameMost)
	}
	if utf8.RuneCountInString(f.code) > offer.CodeMost {
		f.problems["code"] = fmt.Sprintf("The code may have %d characters at most.", offer.CodeMost)
	}
	// Where the types cannot be read now, they could when the form was shown: what was chosen there is kept.
	if m.Category = ""; offer.Unknown && utf8.RuneCountInString(f.category) <= 200 {
		m.Category = f.category
	}
	for _, o := range offer.Categories {
		if o.Value == f.category {
			m.Category = f.category
		}
	}
	if len(f.problems) > 0 {
		return h.mappingTextPage(w, r, who, http.StatusUnprocessableEntity, t, f)
	}
	m.Action, m.Name, m.Code = store.CreateRecord, f.name, f.code
	if err := h.Store.SetMapping(r.Context(), who, m); err != nil {
		return err
	}
	what := strings.TrimSpace("the new " + t.kind.record + " " + strings.TrimSpace(f.code+" "+f.name))
	return h.done(w, r, mappingURL(t.company.ID, t.kind.kind), means(concerned, t, what)+" The first push that needs it creates it.")
}

// means is what was changed and what that concerns: "12 expenses now mean account 429 Travel."
func means(concerned int, t mappingSubject, what string) string {
	switch concerned {
	case 0:
		return fmt.Sprintf("%s: now %s. No expense waits for it.", t.title(), what)
	case 1:
		return fmt.Sprintf("%s: 1 expense now means %s.", t.title(), what)
	}
	return fmt.Sprintf("%s: %s now mean %s.", t.title(), expenses(concerned), what)
}
