package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// applyEvent applies one event to the rows it is about, and says which they are by filling in d.
type applyEvent func(i *Inbox, ctx context.Context, tx *store.Tx, d *store.Delivery, e codat.Event) (store.Verdict, error)

// events says what each kind of event means here. A kind that is not in it changes nothing. Those of pushes, which come in crowds,
// are applied together.
var events = map[codat.Kind]applyEvent{
	codat.KindConnection:     applyConnection,
	codat.KindCompanyCreated: applyCompanyCreated,
	codat.KindCompanyDeleted: applyCompanyDeleted,
	codat.KindCompanyChanged: applyCompanyChanged,
	codat.KindRead:           applyRead,
	codat.KindRateLimit:      applyRateLimit,
}

// apply applies deliveries, in order about each subject.
func (i *Inbox) apply(ctx context.Context, tx *store.Tx, ds []*store.Delivery) error {
	var pushes []store.PushNews
	var others []func() error
	for _, d := range ds {
		e, err := codat.ParseEvent(d.Body)
		apply, known := events[e.Kind]
		switch {
		case err != nil:
			d.Verdict, d.Error = store.VerdictUnreadable, "The message is not JSON that can be read."
		case e.Push != nil && e.Push.Key != "":
			pushes = append(pushes, pushNews(d, e.Push))
		case !known:
			d.Verdict = store.VerdictIgnored
		default:
			others = append(others, func() (err error) {
				if d.Verdict, err = apply(i, ctx, tx, d, e); err != nil {
					return fmt.Errorf("apply %s: %w", e.Type, err)
				}
				return nil
			})
		}
	}
	if err := tx.ApplyPushNews(ctx, pushes); err != nil {
		return fmt.Errorf("apply news of pushes: %w", err)
	}
	for _, apply := range others {
		if err := apply(); err != nil {
			return err
		}
	}
	return nil
}

func pushNews(d *store.Delivery, e *codat.PushEvent) store.PushNews {
	o := store.Outcome{Status: store.OutcomeStatus(e.Status), RecordID: e.RecordID, Source: "webhook"}
	if o.Status == store.OutcomeTimedOut {
		o.Failure = timedOut
	}
	return store.PushNews{Delivery: d, OperationKey: e.Key, Outcome: o}
}

// timedOut is all there is to know of a write that Codat gave up waiting for; the reason of a failure is read instead.
var timedOut = store.Failure{Fact: json.RawMessage(`{"kind":"directCost","operationStatus":"TimedOut"}`),
	Cause: string(explain.CauseTimedOut), Rules: explain.Version}

func applyConnection(i *Inbox, ctx context.Context, tx *store.Tx, d *store.Delivery, e codat.Event) (store.Verdict, error) {
	if e.Connection == nil || e.Connection.ID == "" {
		return store.VerdictIgnored, nil
	}
	company, err := tx.CompanyOfNews(ctx, e.CompanyID)
	if errors.Is(err, store.ErrNotFound) {
		i.ReadCompany(e.CompanyID) // made in Codat's portal, perhaps: when it is added, this is applied after all
		return store.VerdictNotOurs, nil
	}
	if err != nil {
		return "", err
	}
	news := store.ConnectionNews{CodatID: e.Connection.ID, Status: string(e.Connection.Status), PlatformKey: e.Connection.PlatformKey,
		At: e.Generated, Deleted: e.Connection.Verb == "deleted", Actor: "Codat", Event: e.Type, DeliveryID: &d.ID}
	if news.At.IsZero() {
		news.At, news.Untimed = d.ReceivedAt, true // legacy messages do not say when
	}
	if c := e.Connection.Connection; c != nil {
		news.PlatformName, news.SourceType, news.LinkURL = c.PlatformName, c.SourceType, c.LinkURL
		if news.Errors, err = json.Marshal(c.Errors); err != nil {
			return "", fmt.Errorf("keep connection errors: %w", err)
		}
	}
	if news.Deleted {
		news.Status = "" // the payload still says Linked
	}
	id, changed, err := tx.SaveConnection(ctx, company.ID, news)
	if err != nil {
		return "", err
	}
	d.CompanyID, d.ConnectionID = &company.ID, &id
	i.ReadCompany(e.CompanyID)    // of old news, too: Codat's clock may not be ours
	if !changed && d.Tries == 0 { // else it waited for its company, which it made known
		return store.VerdictDuplicate, nil
	}
	return store.VerdictApplied, nil
}

func applyCompanyCreated(i *Inbox, ctx context.Context, tx *store.Tx, d *store.Delivery, e codat.Event) (store.Verdict, error) {
	if e.Company == nil || e.Company.ID == "" {
		return store.VerdictIgnored, nil
	}
	i.ReadCompany(e.Company.ID) // it may have another name by now
	verdict := store.VerdictDuplicate
	c, err := tx.CompanyByCodatID(ctx, e.Company.ID)
	if errors.Is(err, store.ErrNotFound) {
		verdict = store.VerdictApplied
		c, err = tx.SaveCompany(ctx, e.Company.ID, e.Company.Name, e.Company.Redirect)
	}
	if err != nil {
		return "", err
	}
	d.CompanyID = &c.ID
	return verdict, nil
}

var companyGone = store.Failure{Fact: json.RawMessage(`{}`), Cause: string(explain.CauseCompanyGone), Rules: explain.Version}

func applyCompanyDeleted(i *Inbox, ctx context.Context, tx *store.Tx, d *store.Delivery, e codat.Event) (store.Verdict, error) {
	c, err := tx.CompanyByCodatID(ctx, e.CompanyID)
	if errors.Is(err, store.ErrNotFound) {
		return store.VerdictNotOurs, nil
	}
	if err != nil {
		return "", err
	}
	d.CompanyID = &c.ID
	if c.DeletedAt != nil {
		return store.VerdictDuplicate, nil
	}
	if old, err := tx.Old(ctx, d.ReceivedAt); err != nil {
		return "", err
	} else if old { // it may be back: Codat knows
		i.ReadCompany(e.CompanyID)
		return store.VerdictApplied, nil
	}
	return store.VerdictApplied, tx.CompanyDeleted(ctx, e.CompanyID, companyGone)
}

func applyCompanyChanged(i *Inbox, _ context.Context, _ *store.Tx, _ *store.Delivery, e codat.Event) (store.Verdict, error) {
	if e.CompanyID == "" {
		return store.VerdictIgnored, nil
	}
	i.ReadCompany(e.CompanyID)
	return store.VerdictApplied, nil
}

// applyRateLimit believes only fresh news of a quota that is used up: a new one may have begun, and the next send finds out.
func applyRateLimit(_ *Inbox, ctx context.Context, tx *store.Tx, d *store.Delivery, e codat.Event) (store.Verdict, error) {
	at := e.Generated
	if at.IsZero() {
		at = d.ReceivedAt // legacy messages do not say when
	}
	if newest, err := tx.QuotaTold(ctx, at); err != nil {
		return "", err
	} else if !newest {
		return store.VerdictDuplicate, nil
	}
	changed := false
	old, err := tx.Old(ctx, d.ReceivedAt)
	switch {
	case err != nil:
	case !e.RateLimit.Reached:
		changed, err = tx.QuotaReset(ctx)
	case !old:
		var until *time.Time
		if !e.RateLimit.Until.IsZero() {
			until = &e.RateLimit.Until
		}
		changed, err = tx.QuotaSpent(ctx, until)
	}
	if err != nil {
		return "", err
	}
	if !changed {
		return store.VerdictIgnored, nil
	}
	return store.VerdictApplied, nil
}

// kept are the data types of a customer's ledger that we hold a copy of, in Codat's spelling.
var kept = []string{"chartOfAccounts", "accounts", "bankAccounts", "suppliers", "taxRates", "trackingCategories"}

func applyRead(i *Inbox, ctx context.Context, tx *store.Tx, d *store.Delivery, e codat.Event) (store.Verdict, error) {
	c, err := tx.CompanyByCodatID(ctx, e.CompanyID)
	if errors.Is(err, store.ErrNotFound) {
		return store.VerdictNotOurs, nil
	}
	if err != nil {
		return "", err
	}
	d.CompanyID = &c.ID
	at := e.Generated
	if at.IsZero() {
		at = d.ReceivedAt // legacy messages do not say when
	}
	verdict, again := store.VerdictIgnored, false
	for _, r := range e.Reads {
		var about bool
		switch {
		case r.Status == "Complete" && r.ConnectionID != "":
			if about, err = tx.ConnectionRead(ctx, r.ConnectionID, at); err != nil {
				return "", err
			}
			again = again || slices.Contains(kept, r.DataType)
		case r.Status == "AuthError": // access was lost; the connection itself says since when and why
			if err := tx.ConnectionShut(ctx, r.ConnectionID); err != nil {
				return "", err
			}
			again = true
		case slices.Contains(kept, r.DataType):
			again = true
		}
		if (about || again) && verdict == store.VerdictIgnored {
			if verdict, err = store.VerdictApplied, tx.FindConnection(ctx, d, r.ConnectionID); err != nil {
				return "", err
			}
		}
	}
	if again {
		i.ReadCompany(e.CompanyID)
	}
	return verdict, nil
}
