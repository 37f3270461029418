// Package ledger reads what the customers' books look like from Codat: companies, connections, accounts, bank accounts,
// suppliers, tax rates and tracking categories, page by page to the end. It reads everything at the start and once a day, and one company when
// somebody asks or Codat says that it has new data.
package ledger

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
)

// Reader keeps our copy of the customers' books fresh.
type Reader struct {
	Store *store.Store
	Codat *codat.Client
	Log   *slog.Logger

	mu     sync.Mutex
	asked  map[string]request // by Codat's company id
	wake   chan struct{}
	wakeUp sync.Once

	choices choices
}

// request is that a company be read, not before it is due: what failed is tried again ever later.
type request struct {
	due   time.Time // by the database's clock; zero is at once
	tries int       // that failed
}

func (r *Reader) wakes() chan struct{} {
	r.wakeUp.Do(func() { r.wake = make(chan struct{}, 1) })
	return r.wake
}

// Ask has the company with Codat's id read soon; one that is not known here is looked up first.
func (r *Reader) Ask(codatID string) {
	r.put(codatID, request{})
	select {
	case r.wakes() <- struct{}{}:
	default:
	}
}

func (r *Reader) put(codatID string, q request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked == nil {
		r.asked = map[string]request{}
	}
	if was, asked := r.asked[codatID]; !asked || q.due.Before(was.due) {
		r.asked[codatID] = q
	}
}

// take returns the requests that are due.
func (r *Reader) take(now time.Time) map[string]request {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := map[string]request{}
	for id, q := range r.asked {
		if !q.due.After(now) {
			due[id] = q
			delete(r.asked, id)
		}
	}
	return due
}

const (
	settle   = 500 * time.Millisecond // asked-for companies are collected: one sync of Codat's tells of each data type by itself
	putOff   = 10 * time.Second       // until what another process was reading is tried again
	readAll  = 24 * time.Hour
	tryAgain = 10 * time.Minute // to read everything, when Codat did not let us
)

// Run reads everything, then again once a day, and what is asked for in between, until ctx ends.
func (r *Reader) Run(ctx context.Context) error {
	all := time.NewTimer(0)
	defer all.Stop()
	again := time.NewTicker(putOff)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-all.C:
			next := readAll
			if err := r.ReadAll(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("read companies", "error", err)
				next = tryAgain
			}
			all.Reset(next)
		case <-again.C:
			r.ReadAsked(ctx)
		case <-r.wakes():
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(settle):
			}
			r.ReadAsked(ctx)
		}
	}
}

// ReadAsked reads the companies that somebody asked for, and those that could not be read before.
func (r *Reader) ReadAsked(ctx context.Context) {
	now, err := r.Store.Now(ctx)
	if err != nil {
		return // said by whoever needs the database more
	}
	due := r.take(now)
	for _, id := range slices.Sorted(maps.Keys(due)) {
		if err := r.readOne(ctx, id); err != nil && ctx.Err() == nil {
			if !errors.Is(err, errUnsynced) {
				r.Log.Error("read company", "company", id, "error", err)
			}
			r.failed(id, now, due[id])
		}
	}
}

func (r *Reader) failed(codatID string, now time.Time, q request) {
	r.put(codatID, request{due: now.Add(min(putOff<<min(q.tries, 10), time.Hour)), tries: q.tries + 1})
}

// readOne reads one company, when no other process reads about it just now; otherwise later.
func (r *Reader) readOne(ctx context.Context, codatID string) error {
	company, err := r.Store.CompanyByCodatID(ctx, codatID)
	if errors.Is(err, store.ErrNotFound) {
		if company, err = r.lookUp(ctx, codatID); err != nil || company.ID == 0 {
			return err
		}
		return r.inTurn(ctx, company, func() error { return r.readCompany(ctx, company) })
	}
	if err != nil {
		return err
	}
	return r.inTurn(ctx, company, func() error {
		company, err := r.lookUp(ctx, codatID)
		if err != nil || company.ID == 0 {
			return err
		}
		return r.readCompany(ctx, company)
	})
}

// lookUp reads what Codat says of a company itself. The zero company is one that Codat does not have any more.
func (r *Reader) lookUp(ctx context.Context, codatID string) (store.Company, error) {
	asked, err := r.Store.Now(ctx)
	if err != nil {
		return store.Company{}, err
	}
	c, err := r.Codat.Company(ctx, codatID)
	if notFound(err) {
		return store.Company{}, r.Store.InTx(ctx, func(tx *store.Tx) error { return tx.CompanyDeleted(ctx, codatID, companyGone) })
	}
	if err != nil {
		return store.Company{}, err
	}
	return r.save(ctx, c, asked)
}

// ReadAll reads every company to the end. A company whose ledger cannot be read does not keep the others from being read;
// its trouble is kept with it.
func (r *Reader) ReadAll(ctx context.Context) error {
	asked, err := r.Store.Now(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var companies []store.Company
	for page, err := range codat.Pages(ctx, r.Codat.Companies) {
		if err != nil {
			return err
		}
		for _, c := range page {
			company, err := r.save(ctx, c, asked)
			if err != nil {
				return err
			}
			seen[c.ID] = true
			companies = append(companies, company)
		}
	}
	known, err := r.Store.Companies(ctx)
	if err != nil {
		return err
	}
	for _, c := range known {
		if seen[c.CodatID] || c.Example {
			continue
		}
		if err := r.readOne(ctx, c.CodatID); refused(err) { // not in the list: gone, or added while we read
			return err
		} else if err != nil {
			r.Log.Warn("look for company", "company", c.CodatID, "error", err)
			r.failed(c.CodatID, asked, request{})
		}
	}
	for _, c := range companies {
		r.ReadAsked(ctx) // somebody waits for these
		if err := r.inTurn(ctx, c, func() error { return r.readCompany(ctx, c) }); err != nil {
			if ctx.Err() != nil || refused(err) {
				return err
			}
			if !errors.Is(err, errUnsynced) {
				r.Log.Warn("read ledger", "company", c.CodatID, "error", err)
			}
			r.failed(c.CodatID, asked, request{})
		}
	}
	return nil
}

func (r *Reader) save(ctx context.Context, c codat.Company, asked time.Time) (company store.Company, err error) {
	err = r.Store.InTx(ctx, func(tx *store.Tx) error {
		if company, err = tx.SaveCompany(ctx, c.ID, c.Name, c.Redirect); err != nil {
			return err
		}
		if err := tx.DescribeCompany(ctx, company.ID, c.Description, c.Tags); err != nil {
			return err
		}
		return tx.CompanyListed(ctx, company.ID, asked)
	})
	return company, err
}

// inTurn reads about one company with the right to do so, or puts it off when another process has that.
func (r *Reader) inTurn(ctx context.Context, c store.Company, read func() error) error {
	free, err := r.Store.BeginReading(ctx, c.ID)
	if err != nil {
		return err
	}
	if !free {
		r.put(c.CodatID, request{})
		return nil
	}
	err = read()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, r.Store.EndReading(ctx, c.ID))
}

// ReadLedger reads one company for whoever holds the right to read about it.
func (r *Reader) ReadLedger(ctx context.Context, companyID int64) error {
	c, err := r.Store.Company(ctx, companyID)
	if err != nil {
		return err
	}
	return r.readCompany(ctx, c)
}

// readCompany reads one company's connections and, through its accounting connection, its ledger; how that went is kept.
func (r *Reader) readCompany(ctx context.Context, c store.Company) error {
	err := r.read(ctx, c)
	if ctx.Err() != nil || errors.Is(err, errUnsynced) { // that is no trouble, and nothing was read
		return err
	}
	trouble := ""
	if err != nil {
		trouble = said(err)
	}
	return errors.Join(err, r.Store.LedgerRead(ctx, c.ID, trouble))
}

// errUnsynced means that Codat has not read the books behind a connection yet: what it tells of the company meanwhile may be those of the
// connection before.
var errUnsynced = errors.New("the books behind the connection were not read by Codat yet")

// synced reports whether Codat has read the books behind a connection: it says so, or has ended a reading that we asked for.
func synced(conn store.Connection) bool {
	return conn.LastSyncAt != nil || conn.CheckResult == store.CheckProven
}

// said is a trouble in Codat's words, for the company's page.
func said(err error) string {
	if e, ok := errors.AsType[*codat.Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "Codat could not be reached."
}

func (r *Reader) read(ctx context.Context, c store.Company) error {
	if err := r.connections(ctx, c, store.FromReading); err != nil {
		return err
	}
	business := ""
	if info, err := r.Codat.Info(ctx, c.CodatID); err == nil {
		business = info.PlatformRef
		if store.KnownCurrency(info.BaseCurrency) {
			if err := r.Store.SetBaseCurrency(ctx, c.ID, info.BaseCurrency); err != nil {
				return err
			}
		}
	} else if !notFound(err) {
		r.Log.Warn("read base currency", "company", c.CodatID, "error", err)
	}
	conn, err := r.Store.AccountingConnection(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && conn.Status == string(codat.PendingAuth) { // no books yet
		return nil
	}
	if err != nil {
		return err
	}
	if !synced(conn) {
		if conn.Status != store.Linked { // and will not for now
			return nil
		}
		return errUnsynced
	}
	if conn.Status == store.Linked && business != "" {
		if err := r.Store.SetBooksOf(ctx, conn.ID, business); err != nil {
			return err
		}
	}
	return r.records(ctx, c, conn)
}

func (r *Reader) connections(ctx context.Context, c store.Company, why store.NewsSource) error {
	asked, err := r.Store.Now(ctx)
	if err != nil {
		return err
	}
	var seen []string
	for page, err := range codat.Pages(ctx, func(ctx context.Context, page int) (codat.Page[codat.Connection], error) {
		return r.Codat.Connections(ctx, c.CodatID, page)
	}) {
		if err != nil {
			return err
		}
		for _, conn := range page {
			seen = append(seen, conn.ID)
			news, err := newsOf(conn, asked, "Tallylight")
			if err != nil {
				return err
			}
			news.Source = why
			err = r.Store.InTx(ctx, func(tx *store.Tx) error {
				_, _, err := tx.SaveConnection(ctx, c.ID, news)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return r.Store.InTx(ctx, func(tx *store.Tx) error { return tx.ConnectionsGone(ctx, c.ID, seen, asked) })
}

func (r *Reader) records(ctx context.Context, c store.Company, conn store.Connection) error {
	reading, err := r.Store.ReadLedger(ctx, conn)
	if err != nil {
		return err
	}
	accounts := func(ctx context.Context, page int) (codat.Page[codat.Account], error) {
		return r.Codat.Accounts(ctx, c.CodatID, page)
	}
	banks := func(ctx context.Context, page int) (codat.Page[codat.BankAccount], error) {
		return r.Codat.BankAccounts(ctx, c.CodatID, conn.CodatID, page)
	}
	suppliers := func(ctx context.Context, page int) (codat.Page[codat.Supplier], error) {
		return r.Codat.Suppliers(ctx, c.CodatID, page)
	}
	tracking := func(ctx context.Context, page int) (codat.Page[codat.TrackingCategory], error) {
		return r.Codat.TrackingCategories(ctx, c.CodatID, page)
	}
	taxRates := func(ctx context.Context, page int) (codat.Page[codat.TaxRate], error) {
		return r.Codat.TaxRates(ctx, c.CodatID, page)
	}

	bankErr := copyTo(ctx, codat.Pages(ctx, banks), bankAccount, reading.Accounts)
	err = copyTo(ctx, codat.Pages(ctx, accounts), account, reading.Accounts)
	if err == nil && (bankErr == nil || notFound(bankErr)) { // some platforms have no bank accounts of their own
		err = reading.Ended(ctx, store.LedgerAccounts)
	} else {
		err = errors.Join(err, bankErr)
	}
	supplierErr := copyTo(ctx, codat.Pages(ctx, suppliers), supplier, reading.Suppliers)
	if supplierErr == nil {
		supplierErr = reading.Ended(ctx, store.LedgerSuppliers)
	}
	taxErr := copyTo(ctx, codat.Pages(ctx, taxRates), taxRate, reading.TaxRates)
	if taxErr == nil {
		taxErr = reading.Ended(ctx, store.LedgerTaxRates)
	}
	trackingErr := copyTo(ctx, codat.Pages(ctx, tracking), trackingCategory, reading.Tracking)
	if trackingErr == nil {
		trackingErr = reading.Ended(ctx, store.LedgerTracking)
	}
	return errors.Join(err, unlessNone(supplierErr), unlessNone(taxErr), unlessNone(trackingErr))
}

// unlessNone is err, but for Codat's saying that there are no such records: not every platform has them, or lets Codat read them.
func unlessNone(err error) error {
	if notFound(err) {
		return nil
	}
	return err
}

// copyTo writes every page as it comes; no more than one is held.
func copyTo[From, To any](ctx context.Context, pages iter.Seq2[[]From, error], convert func(From) To, write func(context.Context, []To) error) error {
	for page, err := range pages {
		if err != nil {
			return err
		}
		converted := make([]To, len(page))
		for i, record := range page {
			converted[i] = convert(record)
		}
		if err := write(ctx, converted); err != nil {
			return err
		}
	}
	return nil
}

func account(a codat.Account) store.Account {
	pays := linked(a.ValidDatatypeLinks, "DirectCost.PaymentAllocations.")
	if pays != nil && !*pays {
		pays = nil // it may be a bank account all the same
	}
	return store.Account{CodatID: a.ID, NominalCode: a.NominalCode, Name: a.Name, Type: string(a.Type), Category: a.FullyQualifiedCategory,
		Currency: a.Currency, Status: status(a.Status, a.Metadata), IsBank: a.IsBankAccount,
		TakesCosts: linked(a.ValidDatatypeLinks, "DirectCost.LineItems."), PaysCosts: pays}
}

// linked tells whether one of the links is to a property that begins like that, nil when no links are told.
func linked(links []codat.DataLinks, prefix string) *bool {
	told, found := false, false
	for _, l := range links {
		for _, link := range l.Links {
			told = true
			found = found || strings.HasPrefix(link, prefix) && strings.HasSuffix(link, "AccountRef.Id")
		}
	}
	if !told {
		return nil
	}
	return &found
}

func bankAccount(b codat.BankAccount) store.Account {
	return store.Account{CodatID: b.ID, NominalCode: b.NominalCode, Name: b.AccountName, Type: "Asset", Currency: b.Currency, Status: status(b.Status, b.Metadata), IsBank: true}
}

func supplier(s codat.Supplier) store.Supplier {
	return store.Supplier{CodatID: s.ID, Name: s.SupplierName, Currency: s.DefaultCurrency, Status: status(s.Status, s.Metadata)}
}

func status(s codat.RecordStatus, m codat.Metadata) string {
	if m.IsDeleted {
		return "Archived"
	}
	return string(s)
}

func taxRate(t codat.TaxRate) store.TaxRate {
	return store.TaxRate{CodatID: t.ID, Name: t.Name, Code: t.Code, EffectiveRate: strings.TrimSpace(t.EffectiveTaxRate.String()), Status: status(t.Status, t.Metadata)}
}

func trackingCategory(t codat.TrackingCategory) store.TrackingCategory {
	return store.TrackingCategory{CodatID: t.ID, Name: t.Name, ParentID: t.ParentID, HasChildren: t.HasChildren, Status: status(t.Status, t.Metadata)}
}

func notFound(err error) bool {
	e, ok := errors.AsType[*codat.Error](err)
	return ok && e.HTTPStatus == http.StatusNotFound
}

// refused reports whether Codat does not let us read anything for now.
func refused(err error) bool {
	e, ok := errors.AsType[*codat.Error](err)
	return ok && (e.HTTPStatus == http.StatusUnauthorized || e.HTTPStatus == http.StatusPaymentRequired || e.HTTPStatus == http.StatusTooManyRequests)
}
