package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func mappings(n int) string {
	if n == 1 {
		return "1 mapping"
	}
	return number(n) + " mappings"
}

// carryNotice says that mappings of a former connection wait to be confirmed.
func (h *Handlers) carryNotice(ctx context.Context, f *views.Frame, company, connection int64) error {
	waiting, err := h.Store.Carries(ctx, connection)
	if err != nil || len(waiting) == 0 {
		return err
	}
	// Before its books were read nothing there is like anything.
	read, err := h.Store.BooksRead(ctx, connection)
	if err != nil || !read {
		return err
	}
	for _, c := range waiting {
		whose, verb := "the old connection", "wait"
		if c.FromID == connection {
			whose = "the books that were behind this connection before"
		}
		if c.Waiting == 1 {
			verb = "waits"
		}
		n := views.Notice{Icon: "needs_checking", Sentence: fmt.Sprintf("%s of %s %s to be confirmed. Until then texts mean what has their name.", mappings(c.Waiting), whose, verb)}
		if f.May.Enter {
			n.Link = views.Link{Text: "Look at them", Href: companyURL(company) + "/mapping/carry"}
		}
		f.Notices = append(f.Notices, n)
	}
	return nil
}

// carrying is a company whose accounting connection may have former mappings to look at: none before its books were read to the end.
func (h *Handlers) carrying(r *http.Request) (store.Company, store.Connection, []store.FormerMapping, error) {
	id, err := pathID(r)
	if err != nil {
		return store.Company{}, store.Connection{}, nil, err
	}
	c, err := h.Store.Company(r.Context(), id)
	if err != nil {
		return c, store.Connection{}, nil, err
	}
	conn, err := h.Store.AccountingConnection(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return c, conn, nil, web.NotFound("This company has no accounting connection: there is nothing to map to.")
	}
	if err != nil {
		return c, conn, nil, err
	}
	read, err := h.Store.BooksRead(r.Context(), conn.ID)
	if err != nil || !read {
		return c, conn, nil, err
	}
	fs, err := h.Store.FormerMappings(r.Context(), conn.ID)
	return c, conn, fs, err
}

// mappingCarry shows the mappings of a former connection beside what each would be now.
func (h *Handlers) mappingCarry(w http.ResponseWriter, r *http.Request, who store.User) error {
	c, conn, formers, err := h.carrying(r)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/companies", "Confirm mappings of "+c.Name)
	if err != nil {
		return err
	}
	page := views.CarryPage{Frame: s.Frame, ID: c.ID, Connection: conn.ID, Company: c.Name, Ledger: platformOr(conn.PlatformName),
		About: "Records of another connection have other ids, so its mappings do not hold by themselves. Confirm those that do: they are ticked where code and name are the same."}
	if len(formers) == 0 {
		page.About = "No mapping waits to be confirmed."
		if read, err := h.Store.BooksRead(r.Context(), conn.ID); err != nil {
			return err
		} else if !read {
			page.About = "The books have not been read to the end yet: what there is to confirm is known when they have."
		}
	}
	for _, k := range mappingKinds {
		g := views.CarryGroup{Title: k.tab}
		for _, f := range formers {
			if f.Kind == k.kind {
				g.Rows = append(g.Rows, carryRow(k, f, conn))
			}
		}
		if len(g.Rows) > 0 {
			page.Groups = append(page.Groups, g)
		}
	}
	return web.Render(w, r, http.StatusOK, views.Carry(page))
}

// carryValue is what a row sends, ticked or not: whose mapping, the text, and the record that the person saw beside it.
func carryValue(f store.FormerMapping) string {
	return strings.Join([]string{strconv.FormatInt(f.FromID, 10), string(f.Kind), f.Subject, f.Heading, f.Now.CodatID}, "\n")
}

// proposed reports whether there is something to confirm of a former mapping on a connection: a record that is like the former one, or one
// that is to be created where that can be done.
func proposed(f store.FormerMapping, conn store.Connection) bool {
	return f.Now.CodatID != "" || f.Action == store.CreateRecord && takesNew(f.Kind, conn.PlatformKey)
}

func takesNew(kind store.MappingKind, platform string) bool {
	if kind == store.SupplierMapping {
		takes, _ := push.NewSupplierOf(platform)
		return takes
	}
	return push.NewAccountOf(platform).Takes
}

func carryRow(k mappingKind, f store.FormerMapping, conn store.Connection) views.CarryRow {
	row := views.CarryRow{Text: k.title(f.Subject, f.Label), Was: titled(f.Code, f.Name), Value: carryValue(f), Proposed: proposed(f, conn)}
	if f.Heading != "" {
		row.Text += ": " + f.Heading
	}
	switch {
	case f.Action == store.CreateRecord && !row.Proposed:
		row.Was, row.Change = "to be created: "+row.Was, fmt.Sprintf("%s takes no new %ss: choose one that it has", platformOr(conn.PlatformName), k.record)
	case f.Action == store.CreateRecord:
		row.Was, row.Now = "to be created: "+row.Was, "to be created: "+row.Was
		row.Sure = true
	case f.Now.CodatID != "":
		row.Now, row.Sure = f.Now.Title(), f.Exact()
		if !row.Sure && strings.EqualFold(f.Code, f.Now.Code) {
			row.Change = "the code is the same, the name is not"
		} else if !row.Sure {
			row.Change = "the name is the same, the code is not"
		}
	}
	return row
}

func titled(code, name string) string { return strings.TrimSpace(code + " " + name) }

// mappingCarried keeps those mappings that a person has confirmed.
func (h *Handlers) mappingCarried(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	c, conn, formers, err := h.carrying(r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("connection") != strconv.FormatInt(conn.ID, 10) {
		return h.done(w, r, companyURL(c.ID)+"/mapping/carry", connectionChanged(conn))
	}
	var confirmed []store.Mapping
	var settled []store.FormerMapping
	shown, ticked := carrySet(r.PostForm["shown"]), carrySet(r.PostForm["confirm"])
	confirm := r.PostForm.Get("do") == "confirm"
	if !confirm {
		clear(ticked)
	}
	for _, f := range formers {
		v := carryValue(f)
		// What nothing is like may be found later: only who wants none of them settles it.
		if shown[v] && (proposed(f, conn) || !confirm) {
			settled = append(settled, f)
		}
		if !ticked[v] || !proposed(f, conn) {
			continue
		}
		delete(ticked, v)
		m := store.Mapping{ConnectionID: conn.ID, CompanyID: c.ID, Kind: f.Kind, Subject: f.Subject, Label: f.Label, Action: f.Action,
			CodatID: f.Now.CodatID, Part: f.Now.HeadingID}
		if f.Action == store.CreateRecord {
			m.Name, m.Code, m.CodatID, m.Part = f.Name, f.Code, "", ""
			if f.Platform == conn.PlatformKey { // each has its own
				m.Category = f.Category
			}
		}
		confirmed = append(confirmed, m)
	}
	changed := "The ledger has changed meanwhile: look at what is proposed now. Nothing was changed."
	if len(ticked) > 0 {
		return h.done(w, r, companyURL(c.ID)+"/mapping/carry", changed)
	}
	if len(settled)+len(confirmed) == 0 {
		return h.done(w, r, companyURL(c.ID)+"/mapping", "There was nothing to confirm. Nothing was changed.")
	}
	if err := h.Store.CarryMappings(r.Context(), who, conn, confirmed, settled); errors.Is(err, store.ErrRecordGone) {
		return h.done(w, r, companyURL(c.ID)+"/mapping/carry", changed)
	} else if err != nil {
		return err
	}
	said := mappings(len(confirmed)) + " of the connection before hold for this one now."
	switch len(confirmed) {
	case 0:
		said = "None of the mappings of the connection before is used."
	case 1:
		said = "1 mapping of the connection before holds for this one now."
	}
	return h.done(w, r, companyURL(c.ID)+"/mapping", said)
}

// carrySet is what rows sent. A form sends line breaks as CRLF.
func carrySet(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[unixLines(v)] = true
	}
	return set
}
