package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"tallylight/store"
	"tallylight/views"
)

// foreignNotices tell of writes that nobody here sent, in the history of one company (0 = of all).
func (h *Handlers) foreignNotices(ctx context.Context, companyID int64) ([]views.Notice, error) {
	counts, err := h.Store.ForeignCounts(ctx, companyID)
	if err != nil {
		return nil, err
	}
	var out []views.Notice
	for _, c := range counts {
		what := "1 write in %s history at Codat was"
		if c.Count > 1 {
			what = number(c.Count) + " writes in %s history at Codat were"
		}
		out = append(out, views.Notice{Icon: "needs_checking", Sentence: fmt.Sprintf(what+" not sent by Tallylight.", whose(c.Company)),
			Link: views.Link{Text: "Look at them", Href: companyURL(c.CompanyID) + "#foreign"}})
	}
	return out, nil
}

var dataTypes = map[string]string{"directCosts": "Direct cost", "chartOfAccounts": "Account", "suppliers": "Supplier"}

// foreign are the writes themselves, and until when they were seen.
func (h *Handlers) foreign(ctx context.Context, companyID int64, c clock) (rows []views.Foreign, seen string, err error) {
	ops, err := h.Store.ForeignOperations(ctx, companyID)
	if err != nil {
		return nil, "", err
	}
	var latest time.Time
	for _, o := range ops {
		at := o.SeenAt
		if o.RequestedAt != nil {
			at = *o.RequestedAt
		}
		if o.SeenAt.After(latest) {
			latest = o.SeenAt
		}
		rows = append(rows, views.Foreign{Time: c.full(at), Kind: cmp.Or(dataTypes[o.DataType], o.DataType, "Something"), Status: o.Status,
			Record: o.RecordID, Key: o.OperationKey})
	}
	return rows, latest.UTC().Format(time.RFC3339Nano), nil
}

// foreignDismiss notes that somebody has looked at the foreign writes of a company that they were shown.
func (h *Handlers) foreignDismiss(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	if _, err := h.Store.Company(r.Context(), id); err != nil {
		return err
	}
	seen, err := time.Parse(time.RFC3339Nano, r.PostForm.Get("seen"))
	if err != nil {
		return h.done(w, r, companyURL(id), "It is not clear which writes you have looked at. Nothing was changed.")
	}
	if err := h.Store.DismissForeign(r.Context(), who, id, seen); err != nil {
		return err
	}
	return h.done(w, r, companyURL(id), "It is noted that you have looked at them.")
}
