package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// ErrUnclear means that Codat may have done what it was asked to do, and did not say so.
var ErrUnclear = errors.New("no word from Codat whether it did that")

// unclear reports whether a call that ended with err may have been carried out.
func unclear(err error) bool {
	if err == nil || codat.Unsent(err) {
		return false
	}
	e, ok := errors.AsType[*codat.Error](err)
	return !ok || e.HTTPStatus < 400 || e.HTTPStatus == http.StatusRequestTimeout || e.HTTPStatus >= 500
}

// beyond is ctx for what must be seen through once it has begun, though the person who asked for it leaves.
func beyond(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 50*time.Second)
}

// Create has Codat make a company, for somebody, and keeps it. Whoever asks again under the same key gets the same company, also
// after an answer that was lost. ErrUnclear means to ask again under that key; after any other error nothing was made.
func (r *Reader) Create(ctx context.Context, by store.User, key string, n codat.NewCompany) (store.Company, error) {
	if c, err := r.Store.CompanyMadeBy(ctx, key); !errors.Is(err, store.ErrNotFound) {
		return c, err
	}
	ctx, done := beyond(ctx)
	defer done()
	asked, err := r.Store.Now(ctx)
	if err != nil {
		return store.Company{}, err
	}
	made, err := r.create(ctx, key, n)
	if unclear(err) {
		made, err = r.madeAfterAll(ctx, n.Name, key, asked, err)
	}
	if err != nil {
		return store.Company{}, fmt.Errorf("create company: %w", err)
	}
	return r.Store.CompanyMade(ctx, by, store.MadeCompany{CodatID: made.ID, Name: made.Name, RedirectURL: made.Redirect,
		Description: made.Description, Tags: made.Tags, Key: key})
}

// create asks Codat, and asks again under the same key where no answer came, or while the same request is under way (409).
func (r *Reader) create(ctx context.Context, key string, n codat.NewCompany) (c codat.Company, err error) {
	for pause := 500 * time.Millisecond; ; pause *= 2 {
		c, err = r.Codat.CreateCompany(ctx, key, n)
		e, answered := errors.AsType[*codat.Error](err)
		busy := answered && e.HTTPStatus == http.StatusConflict
		if busy {
			err = fmt.Errorf("%w: %w", ErrUnclear, err)
		}
		if !busy && (answered || !unclear(err)) || pause > 2*time.Second {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, err
		case <-time.After(pause):
		}
	}
}

// madeAfterAll looks for a company that Codat may have made: the one of that name that is as new as that, and that is nobody else's here.
// Codat answers the same key
// with the same trouble for 90 minutes, so where there was an answer and there is no such company, cause is returned as it is.
func (r *Reader) madeAfterAll(ctx context.Context, name, key string, asked time.Time, cause error) (codat.Company, error) {
	var found []codat.Company
	for page, err := range codat.Pages(ctx, r.Codat.Companies) {
		if err != nil {
			return codat.Company{}, errors.Join(ErrUnclear, cause, err)
		}
		for _, c := range page {
			if c.Name != name || !c.Created.After(asked.Add(-5*time.Minute)) {
				continue
			}
			taken, err := r.Store.CompanyTaken(ctx, c.ID, key, asked)
			if err != nil {
				return codat.Company{}, errors.Join(ErrUnclear, cause, err)
			}
			if !taken {
				found = append(found, c)
			}
		}
	}
	_, answered := errors.AsType[*codat.Error](cause)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && answered:
		return codat.Company{}, cause
	}
	return codat.Company{}, errors.Join(ErrUnclear, cause)
}

// Delete has Codat delete a company with its connections, for somebody. ErrUnclear means that it is found out; after any other error
// nothing here has changed, but what Codat does not have any more is read again.
func (r *Reader) Delete(ctx context.Context, by store.User, c store.Company) error {
	ctx, done := beyond(ctx)
	defer done()
	err := r.Codat.DeleteCompany(ctx, c.CodatID)
	if err == nil {
		return r.Store.CompanyDeletedBy(ctx, by, c, companyGone)
	}
	return r.notDone(c.CodatID, err, func() error { return r.Store.RecordCompany(ctx, by, "asked Codat to delete", c) })
}

// Unlink has Codat cut a connection of a company, for somebody. Errors are as Delete's; it is unclear, too, when Codat answers that the
// connection is Linked still, or tells something newer meanwhile.
func (r *Reader) Unlink(ctx context.Context, by store.User, c store.Company, conn store.Connection) error {
	ctx, done := beyond(ctx)
	defer done()
	asked, err := r.Store.Now(ctx)
	if err != nil {
		return err
	}
	cut, err := r.Codat.Unlink(ctx, c.CodatID, conn.CodatID)
	if err == nil && cut.Status == codat.Linked {
		err = fmt.Errorf("%w: the connection is still Linked", ErrUnclear)
	}
	if err != nil {
		return r.notDone(c.CodatID, err, func() error { return r.Store.RecordConnection(ctx, by, "asked Codat to unlink", conn) })
	}
	r.Ask(c.CodatID) // a reading that was under way may say Linked still
	news, err := newsOf(cut, asked, by.Email)
	if err != nil {
		return err
	}
	applied, err := r.Store.ConnectionUnlinkedBy(ctx, by, conn, news)
	if err == nil && !applied {
		err = fmt.Errorf("%w: there is newer news of the connection", ErrUnclear)
	}
	return err
}

// notDone is what becomes of a call that ended with err. One that may have been carried out is in the record, as asked for.
func (r *Reader) notDone(company string, err error, record func() error) error {
	if codat.Unsent(err) {
		return err
	}
	r.Ask(company) // what we know may be old
	if !unclear(err) {
		return err
	}
	return errors.Join(ErrUnclear, err, record())
}

// companyGone is why nobody can say any more what became of what was sent.
var companyGone = store.Failure{Fact: json.RawMessage(`{}`), Cause: string(explain.CauseCompanyGone), Rules: explain.Version}

// newsOf is a connection as Codat said it when asked at that time.
func newsOf(conn codat.Connection, asked time.Time, actor string) (store.ConnectionNews, error) {
	errs, err := json.Marshal(conn.Errors)
	if err != nil {
		return store.ConnectionNews{}, fmt.Errorf("keep connection errors: %w", err)
	}
	return store.ConnectionNews{CodatID: conn.ID, PlatformName: conn.PlatformName, PlatformKey: conn.PlatformKey, SourceType: conn.SourceType,
		Status: string(conn.Status), LinkURL: conn.LinkURL, At: asked, Read: true, LastSyncAt: conn.LastSync.Ptr(), CreatedAt: conn.Created.Ptr(),
		Errors: errs, Actor: actor}, nil
}
