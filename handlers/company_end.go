package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"tallylight/internal/codat"
	"tallylight/internal/ledger"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// companyEnds are the pages that ask before a connection of a company is unlinked, or the company deleted.
func companyEnds(c store.Company, connections []store.ConnectionItem) []views.Link {
	if c.DeletedAt != nil || c.Example {
		return nil
	}
	var ends []views.Link
	for _, i := range connections {
		if i.Status == store.Linked {
			ends = append(ends, views.Link{Text: "Unlink " + softwareOf(i.Connection), Href: unlinkURL(i.Connection)})
		}
	}
	return append(ends, views.Link{Text: "Delete this company", Href: companyURL(c.ID) + "/delete"})
}

func unlinkURL(c store.Connection) string {
	return companyURL(c.CompanyID) + "/connections/" + strconv.FormatInt(c.ID, 10) + "/unlink"
}

// deletedBy is " by ann@example.com" when somebody here had a company deleted.
func (h *Handlers) deletedBy(ctx context.Context, c store.Company) (string, error) {
	record, err := h.Store.ActivityOf(ctx, "company", c.ID)
	if err != nil {
		return "", err
	}
	by := ""
	for _, a := range record {
		if a.UserID != nil && (a.Verb == "deleted" || a.Verb == "asked Codat to delete") {
			by = " by " + a.Actor
		}
	}
	return by, nil
}

// endable is the company in the address, unless there is nothing at Codat to end: then said is why.
func (h *Handlers) endable(r *http.Request) (c store.Company, said string, err error) {
	id, err := pathID(r)
	if err != nil {
		return c, "", err
	}
	if c, err = h.Store.Company(r.Context(), id); err != nil {
		return c, "", err
	}
	switch {
	case c.Example:
		said = c.Name + " is an example: Codat does not know it."
	case c.DeletedAt != nil:
		said = c.Name + " is deleted in Codat already."
	}
	return c, said, nil
}

// companyDeleteAsk says what deleting a company means, before it is done.
func (h *Handlers) companyDeleteAsk(w http.ResponseWriter, r *http.Request, who store.User) error {
	c, said, err := h.endable(r)
	if err != nil {
		return err
	}
	if said != "" {
		return h.done(w, r, companyURL(c.ID), said)
	}
	return h.companyDeletePage(w, r, who, http.StatusOK, c, "", nil)
}

func (h *Handlers) companyDeletePage(w http.ResponseWriter, r *http.Request, who store.User, status int, c store.Company, typed string,
	problems map[string]string,
) error {
	s, err := h.frame(w, r, who, "/companies", "Delete "+c.Name)
	if err != nil {
		return err
	}
	connections, err := h.Store.Connections(r.Context(), c.ID)
	if err != nil {
		return err
	}
	stake, err := h.Store.StakeOfCompany(r.Context(), c.ID)
	if err != nil {
		return err
	}
	page := views.EndPage{Frame: s.Frame, CompanyID: c.ID, Company: c.Name, Title: "Delete " + c.Name, Path: companyURL(c.ID) + "/delete",
		Button: "Delete in Codat", Confirm: c.Name, Typed: typed, Problems: problems,
		Means: []string{"Codat deletes the company" + withConnections(len(connections)) + ", and all that it holds of the customer’s books. This cannot be undone.",
			"The customer’s accounting software keeps what is in it. To work with them again, create a new company and have them connect anew.",
			"Here the company moves to the deleted ones."},
		Stakes: stakes(stakeWords{
			sent:          "Sent already, and not finished. Each may still be booked, but Codat can no longer be asked: it needs checking by somebody who looks in the customer’s ledger.",
			waiting:       "Not sent yet. Each is put on hold, is never sent, and can be withdrawn.",
			needsChecking: "Still to be checked, by looking in the customer’s ledger.",
			notPushed:     "Can no longer be pushed.",
			failed:        "Can no longer be retried.",
			complete:      "In the customer’s ledger already, and stays there.",
		}, stake),
	}
	return web.Render(w, r, status, views.End(page))
}

func withConnections(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", its connection"
	}
	return fmt.Sprintf(", its %s connections", number(n))
}

// companyDelete has Codat delete a company, when its name was typed.
func (h *Handlers) companyDelete(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	c, said, err := h.endable(r)
	if err != nil {
		return err
	}
	if said != "" {
		return h.done(w, r, companyURL(c.ID), said)
	}
	typed := r.PostForm.Get("name")
	if strings.Join(strings.Fields(typed), " ") != strings.Join(strings.Fields(c.Name), " ") {
		return h.companyDeletePage(w, r, who, http.StatusUnprocessableEntity, c, typed,
			map[string]string{"name": "That is not the name of the company. Nothing was deleted."})
	}
	err = h.Ledger.Delete(r.Context(), who, c)
	if err != nil && !atCodat(err) {
		return err
	}
	if err != nil {
		h.Log.Warn("delete company", "company", c.CodatID, "error", err)
		return h.tell(w, r, companyURL(c.ID), flash{Said: notDoneHere(err), Bad: true})
	}
	return h.done(w, r, companyURL(c.ID), c.Name+" is deleted in Codat. Its expenses and their history stay here.")
}

// linked is the connection in the address with its company, unless it cannot be unlinked: then said is why.
func (h *Handlers) linked(r *http.Request) (c store.Company, conn store.Connection, said string, err error) {
	if c, said, err = h.endable(r); err != nil || said != "" {
		return c, conn, said, err
	}
	id := readID(r.PathValue("connection"))
	items, err := h.Store.ConnectionItems(r.Context(), []int64{id})
	if err != nil {
		return c, conn, "", err
	}
	if len(items) == 0 || items[0].CompanyID != c.ID {
		return c, conn, "", web.NotFound("There is no such connection.")
	}
	conn = items[0].Connection
	platform := softwareOf(conn)
	switch {
	case conn.DeletedAt != nil:
		said = "Codat no longer has this connection to " + platform + "."
	case conn.Status != store.Linked:
		said = "The connection to " + platform + " is not linked, so there is nothing to unlink."
	}
	return c, conn, said, nil
}

// connectionUnlinkAsk says what unlinking a connection means, before it is done.
func (h *Handlers) connectionUnlinkAsk(w http.ResponseWriter, r *http.Request, who store.User) error {
	c, conn, said, err := h.linked(r)
	if err != nil {
		return err
	}
	if said != "" {
		return h.done(w, r, companyURL(c.ID), said)
	}
	platform := softwareOf(conn)
	s, err := h.frame(w, r, who, "/companies", "Unlink "+platform)
	if err != nil {
		return err
	}
	stake, err := h.Store.StakeOfConnection(r.Context(), conn.ID)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.End(views.EndPage{Frame: s.Frame, CompanyID: c.ID, Company: c.Name, Title: "Unlink " + platform, Path: unlinkURL(conn),
		Button: "Unlink in Codat", Means: []string{
			"Codat stops reading and writing the books of " + c.Name + " in " + platform + ". What it has read stays readable.",
			"The customer can connect again at any time, with the link on the company’s page."},
		Stakes: stakes(stakeWords{
			sent:    "Sent already, and not finished. Each is followed to its end; what " + platform + " had not booked by then fails or needs checking.",
			waiting: "Not sent yet. Put on hold, and sent in order when the customer has connected " + platform + " again.",
		}, stake)}))
}

// connectionUnlink has Codat cut a connection.
func (h *Handlers) connectionUnlink(w http.ResponseWriter, r *http.Request, who store.User) error {
	c, conn, said, err := h.linked(r)
	if err != nil {
		return err
	}
	if said != "" {
		return h.done(w, r, companyURL(c.ID), said)
	}
	platform := softwareOf(conn)
	err = h.Ledger.Unlink(r.Context(), who, c, conn)
	if err != nil && !atCodat(err) {
		return err
	}
	if err != nil {
		h.Log.Warn("unlink connection", "connection", conn.CodatID, "error", err)
		return h.tell(w, r, companyURL(c.ID), flash{Said: notDoneHere(err), Bad: true})
	}
	return h.done(w, r, companyURL(c.ID), platform+" is unlinked. Nothing is written until the customer connects it again.")
}

// stakeWords are what an end means for expenses in each stage; those without a sentence are not touched.
type stakeWords struct{ sent, waiting, needsChecking, notPushed, failed, complete string }

func stakes(words stakeWords, s store.Stake) []views.Stake {
	var out []views.Stake
	for _, stage := range []struct {
		sums   []store.Sum
		status store.ExpenseStatus
		then   string
	}{
		{s.Sent, store.InProgress, words.sent}, {s.Waiting, store.OnHold, words.waiting}, {s.NeedsChecking, store.NeedsChecking, words.needsChecking},
		{s.Failed, store.Failed, words.failed}, {s.NotPushed, store.NotPushed, words.notPushed}, {s.Complete, store.Complete, words.complete},
	} {
		if n := count(stage.sums); n > 0 && stage.then != "" {
			out = append(out, views.Stake{Badge: views.Badge{Status: stage.status, Word: statusWords[stage.status]}, What: expenses(n) + ", " + money(stage.sums), Then: stage.then})
		}
	}
	return out
}

// atCodat reports whether err is about a call to Codat rather than about something of ours.
func atCodat(err error) bool {
	_, answered := errors.AsType[*codat.Error](err)
	return answered || codat.Unsent(err) || errors.Is(err, ledger.ErrUnclear)
}

// notDone says why Codat did not do what it was asked to do, or that nobody knows.
func notDone(err error) string {
	if errors.Is(err, ledger.ErrUnclear) {
		return "Codat did not say whether it did that. It is being read from Codat again: this page shows what came of it."
	}
	e, ok := errors.AsType[*codat.Error](err)
	if !ok {
		return "Codat could not be reached. Try again in a moment."
	}
	switch e.HTTPStatus {
	case http.StatusUnauthorized:
		return "Codat refused our API key. An administrator of Tallylight must put a valid key in place."
	case http.StatusPaymentRequired, http.StatusForbidden:
		return "Codat does not allow that. Whoever manages your Codat account can."
	case http.StatusNotFound:
		return "Codat says that it does not have it any more. It is being read from Codat again."
	case http.StatusTooManyRequests:
		return "Codat asked us to slow down. Try again in a minute."
	}
	if e.Message == "" {
		return "Codat refused."
	}
	return "Codat refused: “" + strings.TrimSuffix(clipped(plain(e.Message), 300), ".") + "”."
}

// notDoneHere is notDone, and that all is here as it was.
func notDoneHere(err error) string {
	if errors.Is(err, ledger.ErrUnclear) {
		return notDone(err)
	}
	return notDone(err) + " Nothing was changed here."
}

// softwareOf is what a connection leads to, within a sentence.
func softwareOf(c store.Connection) string { return cmp.Or(c.PlatformName, "the accounting software") }
