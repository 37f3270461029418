package push

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// directCostBody turns a frozen expense into Codat's directCost (DirectCostPrototype of its Accounting API). Names and codes
// are looked up on the connection now; ids belong to one connection only.
func directCostBody(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error) {
	var e store.Snapshot
	if err := json.Unmarshal(c.Snapshot, &e); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	bank, err := bankAccount(ctx, s, c.ConnectionID, e.PaidFrom)
	if err != nil {
		return nil, err
	}
	contact, err := supplier(ctx, s, c, e.Supplier)
	if err != nil {
		return nil, err
	}
	cost := codat.DirectCost{
		Reference: e.Reference, Note: e.Note, ContactRef: contact,
		IssueDate: e.IssueDate + "T00:00:00", // a date in the company's own books: no zone
		Currency:  e.Currency, CurrencyRate: rate(e),
		SubTotal: e.Net, TaxAmount: e.Tax, TotalAmount: e.Total,
		PaymentAllocations: []codat.PaymentAllocation{{
			Payment:    codat.Payment{AccountRef: &codat.Ref{ID: bank}, Currency: e.Currency, CurrencyRate: rate(e), TotalAmount: e.Total},
			Allocation: codat.Allocation{Currency: e.Currency, CurrencyRate: rate(e), TotalAmount: e.Total},
		}},
	}
	for _, l := range e.Lines {
		account, err := expenseAccount(ctx, s, c.ConnectionID, l.Category)
		if err != nil {
			return nil, err
		}
		tax, err := taxRate(ctx, s, c.ConnectionID, l)
		if err != nil {
			return nil, err
		}
		total, err := sum(l.Net, l.Tax)
		if err != nil {
			return nil, err
		}
		description := l.Description
		if description == "" {
			description = strings.TrimSpace(e.Supplier + " " + e.Reference) // some platforms refuse a line without one
		}
		cost.LineItems = append(cost.LineItems, codat.LineItem{
			Description: description, Quantity: "1", UnitAmount: l.Net, SubTotal: l.Net, TaxAmount: l.Tax, TotalAmount: total,
			AccountRef: &codat.Ref{ID: account}, TaxRateRef: tax,
		})
	}
	body, err := json.Marshal(cost)
	if err != nil {
		return nil, fmt.Errorf("write directCost: %w", err)
	}
	return body, nil
}

// rate is always told when the books are in another currency: left out, QuickBooks Online takes 1.
func rate(e store.Snapshot) json.Number {
	if e.Rate == "" && e.Currency == e.BaseCurrency {
		return "1"
	}
	return e.Rate
}

// expenseAccount is the one account that a category means.
func expenseAccount(ctx context.Context, s *store.Store, connectionID int64, category string) (string, error) {
	found, err := s.AccountMatches(ctx, connectionID, category)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", &cannotSend{explain.CauseNoAccount, category}
	case len(found) > 1:
		return "", &cannotSend{explain.CauseAmbiguousAccount, category}
	}
	return found[0], nil
}

// bankAccount is the one account that an expense was paid from.
func bankAccount(ctx context.Context, s *store.Store, connectionID int64, paidFrom string) (string, error) {
	found, err := s.BankMatches(ctx, connectionID, paidFrom)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", &cannotSend{explain.CauseNoBankAccount, paidFrom}
	case len(found) > 1:
		return "", &cannotSend{explain.CauseAmbiguousBankAccount, paidFrom}
	}
	return found[0], nil
}

// supplier is the one supplier of that name, nil when nobody is named or the platform takes no name.
func supplier(ctx context.Context, s *store.Store, c store.Claim, name string) (*codat.ContactRef, error) {
	if name == "" || platformOf(c.PlatformKey).noContact {
		return nil, nil
	}
	found, err := s.SupplierMatches(ctx, c.ConnectionID, name)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, &cannotSend{explain.CauseNoSupplier, name}
	case len(found) > 1:
		return nil, &cannotSend{explain.CauseAmbiguousSupplier, name}
	}
	return &codat.ContactRef{ID: found[0], DataType: "suppliers"}, nil
}

// noTax are the platforms' ids for "no tax" (Codat's documentation of expense transactions).
var noTax = []string{"NONE", "NON"}

// taxRate is the rate of a line's treatment. A line without tax that names none gets the platform's "no tax", where there is one;
// otherwise the platform's own default for the account holds.
func taxRate(ctx context.Context, s *store.Store, connectionID int64, l store.SnapshotLine) (*codat.Ref, error) {
	treatments := []string{l.TaxRate}
	switch {
	case l.TaxRate != "":
	case l.Tax == "0":
		treatments = append(treatments, noTax...)
	default:
		treatments = []string{"*"}
	}
	for _, treatment := range treatments {
		found, err := s.TaxRateMatches(ctx, connectionID, treatment)
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			return &codat.Ref{ID: found[0]}, nil
		}
	}
	if l.TaxRate != "" {
		return nil, &cannotSend{explain.CauseNoTaxRate, l.TaxRate}
	}
	return nil, nil
}
