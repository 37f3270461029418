// Package ledger reads what the customers' books look like from Codat: companies, connections, accounts, bank accounts,
// suppliers and tax rates, page by page to the end. It reads everything at the start and once a day, and one company when
// somebody asks or Codat says that it has new data.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// Reader keeps our copy of the customers' books fresh.
type Reader struct {
	Store *store.Store
	Codat *codat.Client
	Log   *slog.Logger

	mu     sync.Mutex
	asked  map[string]bool // Codat's company ids that somebody asked for
	wake   chan struct{}
	wakeUp sync.Once
}

func (r *Reader) wakes() chan struct{} {
	r.wakeUp.Do(func() { r.wake = make(chan struct{}, 1) })
	return r.wake
}

// Ask has the company with Codat's id read soon; one that is not known here is looked up first.
func (r *Reader) Ask(codatID string) {
	r.mu.Lock()
	if r.asked == nil {
		r.asked = map[string]bool{}
	}
	r.asked[codatID] = true
	r.mu.Unlock()
	select {
	case r.wakes() <- struct{}{}:
	default:
	}
}

// settle is how long asked-for companies are collected: one sync of Codat's tells of each data type by itself.
const settle = 500 * time.Millisecond

// Run reads everything, then again once a day, and what is asked for in between, until ctx ends.
func (r *Reader) Run(ctx context.Context) error {
	r.readAll(ctx)
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-day.C:
			r.readAll(ctx)
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

func (r *Reader) readAll(ctx context.Context) {
	if err := r.ReadAll(ctx); err != nil && ctx.Err() == nil {
		r.Log.Error("read companies", "error", err)
	}
}

// ReadAsked reads the companies that somebody asked for.
func (r *Reader) ReadAsked(ctx context.Context) {
	r.mu.Lock()
	asked := r.asked
	r.asked = nil
	r.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(asked)) {
		if err := r.readOne(ctx, id); err != nil && ctx.Err() == nil {
			r.Log.Error("read company", "company", id, "error", err)
		}
	}
}

func (r *Reader) readOne(ctx context.Context, codatID string) error {
	asked, err := r.Store.Now(ctx)
	if err != nil {
		return err
	}
	c, err := r.Codat.Company(ctx, codatID)
	if notFound(err) {
		gone := store.Failure{Fact: json.RawMessage(`{}`), Cause: string(explain.CauseCompanyGone), Rules: explain.Version}
		return r.Store.InTx(ctx, func(tx *store.Tx) error { return tx.CompanyDeleted(ctx, codatID, gone) })
	}
	if err != nil {
		return err
	}
	company, err := r.save(ctx, c, asked)
	if err != nil {
		return err
	}
	return r.inTurn(ctx, company)
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
		if err := r.readOne(ctx, c.CodatID); err != nil { // not in the list: gone, or added while we read
			r.Log.Warn("look for company", "company", c.CodatID, "error", err)
		}
	}
	for _, c := range companies {
		if err := r.inTurn(ctx, c); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.Log.Warn("read ledger", "company", c.CodatID, "error", err)
		}
	}
	return nil
}

func (r *Reader) save(ctx context.Context, c codat.Company, asked time.Time) (company store.Company, err error) {
	err = r.Store.InTx(ctx, func(tx *store.Tx) error {
		if company, err = tx.SaveCompany(ctx, c.ID, c.Name, c.Redirect); err != nil {
			return err
		}
		return tx.CompanyListed(ctx, company.ID, asked)
	})
	return company, err
}

// inTurn reads one company, or asks for it again when another process reads about it just now.
func (r *Reader) inTurn(ctx context.Context, c store.Company) error {
	free, err := r.Store.BeginReading(ctx, c.ID)
	if err != nil {
		return err
	}
	if !free {
		r.Ask(c.CodatID)
		return nil
	}
	err = r.readCompany(ctx, c)
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
	if ctx.Err() != nil {
		return err
	}
	trouble := ""
	if err != nil {
		trouble = said(err)
	}
	return errors.Join(err, r.Store.LedgerRead(ctx, c.ID, trouble))
}

// said is a trouble in Codat's words, for the company's page.
func said(err error) string {
	if e, ok := errors.AsType[*codat.Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "Codat could not be reached."
}

func (r *Reader) read(ctx context.Context, c store.Company) error {
	if err := r.connections(ctx, c); err != nil {
		return err
	}
	if info, err := r.Codat.Info(ctx, c.CodatID); err == nil && store.KnownCurrency(info.BaseCurrency) {
		if err := r.Store.SetBaseCurrency(ctx, c.ID, info.BaseCurrency); err != nil {
			return err
		}
	} else if err != nil && !notFound(err) {
		r.Log.Warn("read base currency", "company", c.CodatID, "error", err)
	}
	conn, err := r.Store.AccountingConnection(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && conn.Status == string(codat.PendingAuth) { // no books yet
		return nil
	}
	if err != nil {
		return err
	}
	return r.records(ctx, c, conn)
}

func (r *Reader) connections(ctx context.Context, c store.Company) error {
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
			errs, err := json.Marshal(conn.Errors)
			if err != nil {
				return fmt.Errorf("keep connection errors: %w", err)
			}
			news := store.ConnectionNews{CodatID: conn.ID, PlatformName: conn.PlatformName, PlatformKey: conn.PlatformKey, SourceType: conn.SourceType,
				Status: string(conn.Status), LinkURL: conn.LinkURL, At: asked, Read: true, LastSyncAt: conn.LastSync.Ptr(), CreatedAt: conn.Created.Ptr(),
				Errors: errs, Actor: "Tallylight"}
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
	if supplierErr := copyTo(ctx, codat.Pages(ctx, suppliers), supplier, reading.Suppliers); supplierErr == nil {
		err = errors.Join(err, reading.Ended(ctx, store.LedgerSuppliers))
	} else {
		err = errors.Join(err, supplierErr)
	}
	if taxErr := copyTo(ctx, codat.Pages(ctx, taxRates), taxRate, reading.TaxRates); taxErr == nil {
		err = errors.Join(err, reading.Ended(ctx, store.LedgerTaxRates))
	} else {
		err = errors.Join(err, taxErr)
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
	status := string(a.Status)
	if a.Metadata.IsDeleted {
		status = "Archived"
	}
	return store.Account{CodatID: a.ID, NominalCode: a.NominalCode, Name: a.Name, Type: string(a.Type), Category: a.FullyQualifiedCategory,
		Currency: a.Currency, Status: status, IsBank: a.IsBankAccount}
}

func bankAccount(b codat.BankAccount) store.Account {
	status := string(b.Status)
	if b.Metadata.IsDeleted {
		status = "Archived"
	}
	return store.Account{CodatID: b.ID, NominalCode: b.NominalCode, Name: b.AccountName, Type: "Asset", Currency: b.Currency, Status: status, IsBank: true}
}

func supplier(s codat.Supplier) store.Supplier {
	return store.Supplier{CodatID: s.ID, Name: s.SupplierName, Currency: s.DefaultCurrency, Status: string(s.Status)}
}

func taxRate(t codat.TaxRate) store.TaxRate {
	return store.TaxRate{CodatID: t.ID, Name: t.Name, Code: t.Code, EffectiveRate: strings.TrimSpace(t.EffectiveTaxRate.String()), Status: string(t.Status)}
}

func notFound(err error) bool {
	e, ok := errors.AsType[*codat.Error](err)
	return ok && e.HTTPStatus == http.StatusNotFound
}
