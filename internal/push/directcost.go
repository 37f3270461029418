package push

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/govalues/decimal"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// directCostBody turns a frozen expense into Codat's directCost. Names and codes are looked up on the connection now; ids belong
// to one connection only.
func directCostBody(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error) {
	var e store.Snapshot
	if err := json.Unmarshal(c.Snapshot, &e); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	p := platformOf(c.PlatformKey)
	r, err := lookUp(ctx, s, c.ConnectionID, p, e)
	if err != nil {
		return nil, err
	}
	return costBody(p, e, r)
}

// costRefs are the records of a ledger that a cost refers to, by their ids.
type costRefs struct {
	bank    string
	contact string // "" for none
	lines   []lineRefs
}

type lineRefs struct {
	account  string
	taxRate  string // "" for none: the platform's default for the account holds
	tracking []string
}

func lookUp(ctx context.Context, s *store.Store, connectionID int64, p platform, e store.Snapshot) (r costRefs, err error) {
	if r.bank, err = bankAccount(ctx, s, connectionID, e.PaidFrom); err != nil {
		return r, err
	}
	if !p.noContact {
		if r.contact, err = supplier(ctx, s, connectionID, e.Supplier); err != nil {
			return r, err
		}
	}
	for _, l := range e.Lines {
		var line lineRefs
		if line.account, err = expenseAccount(ctx, s, connectionID, l.Category); err != nil {
			return r, err
		}
		if !p.noTaxRate {
			if line.taxRate, err = taxRate(ctx, s, connectionID, p, l); err != nil {
				return r, err
			}
		}
		if line.tracking, err = s.TrackingOf(ctx, connectionID, l.Category); err != nil {
			return r, err
		}
		r.lines = append(r.lines, line)
	}
	return r, nil
}

// costBody is the body of a cost, in the platform's shape and with the fields it takes.
func costBody(p platform, e store.Snapshot, r costRefs) ([]byte, error) {
	var body any
	var err error
	switch p.shape {
	case bankPayment:
		body, err = bankPaymentOf(e, r)
	default:
		body, err = directCostOf(p, e, r)
	}
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write directCost: %w", err)
	}
	return b, nil
}

func directCostOf(p platform, e store.Snapshot, r costRefs) (codat.DirectCost, error) {
	header, line, payment, allocation := p.takes.header, p.takes.line, p.takes.payment, p.takes.allocation
	currency, paidIn := e.Currency, e.Currency
	if p.foreignOnly && currency == e.BaseCurrency {
		currency = ""
	}
	if p.paysInBase && paidIn != e.BaseCurrency {
		paidIn = ""
	}
	currencyRate := rate(e)
	if currency == "" {
		currencyRate = ""
	}
	date := e.IssueDate + "T00:00:00" // a date in the company's own books: no zone
	note := noteOf(p, e)
	cost := codat.DirectCost{
		Reference: given(header, "reference", e.Reference), Note: given(header, "note", note),
		IssueDate: given(header, "issueDate", date),
		Currency:  given(header, "currency", currency), CurrencyRate: given(header, "currencyRate", currencyRate),
		SubTotal: given(header, "subTotal", e.Net), TaxAmount: given(header, "taxAmount", e.Tax), TotalAmount: given(header, "totalAmount", e.Total),
		PaymentAllocations: []codat.PaymentAllocation{{
			Payment: codat.Payment{
				AccountRef: &codat.Ref{ID: r.bank}, Currency: given(payment, "currency", paidIn),
				CurrencyRate: given(payment, "currencyRate", rate(e)), TotalAmount: given(payment, "totalAmount", e.Total),
			},
		}},
	}
	if r.contact != "" {
		cost.ContactRef = given(header, "contactRef", &codat.ContactRef{ID: r.contact, DataType: given(header, "contactRef.dataType", "suppliers")})
	}
	if payment != nil { // only those that name these fields want them
		paid := &cost.PaymentAllocations[0].Payment
		paid.ID, paid.Reference = given(payment, "id", e.Reference), given(payment, "reference", e.Reference)
		paid.Note, paid.PaidOnDate = given(payment, "note", cmp.Or(note, e.Reference)), given(payment, "paidOnDate", date)
	}
	if !slices.Contains(allocation, absent) {
		cost.PaymentAllocations[0].Allocation = &codat.Allocation{Currency: given(allocation, "currency", paidIn),
			CurrencyRate: given(allocation, "currencyRate", rate(e)), TotalAmount: given(allocation, "totalAmount", e.Total)}
	}
	for i, l := range e.Lines {
		total, err := sum(l.Net, l.Tax)
		if err != nil {
			return cost, err
		}
		refs := r.lines[i]
		item := codat.LineItem{
			Description: given(line, "description", descriptionOf(e, l)), Quantity: given(line, "quantity", json.Number("1")),
			UnitAmount: given(line, "unitAmount", l.Net), SubTotal: given(line, "subTotal", l.Net),
			TaxAmount: given(line, "taxAmount", l.Tax), TotalAmount: given(line, "totalAmount", total),
			AccountRef: &codat.Ref{ID: refs.account},
		}
		if refs.taxRate != "" {
			item.TaxRateRef = given(line, "taxRateRef", &codat.Ref{ID: refs.taxRate})
		}
		if p.trackingEmpty {
			item.TrackingCategoryRefs = []codat.Ref{}
		}
		for _, id := range given(line, "trackingCategoryRefs", refs.tracking) {
			item.TrackingCategoryRefs = append(item.TrackingCategoryRefs, codat.Ref{ID: id})
		}
		cost.LineItems = append(cost.LineItems, item)
	}
	return cost, nil
}

func bankPaymentOf(e store.Snapshot, r costRefs) (codat.BankPayment, error) {
	cost := codat.BankPayment{
		Reference: e.Reference, IssueDate: e.IssueDate + "T00:00:00", Currency: e.Currency, CurrencyRate: rate(e), AccountRef: codat.Ref{ID: r.bank},
		SubTotal: e.Net, TaxAmount: e.Tax, TotalAmount: e.Total,
	}
	for i, l := range e.Lines {
		total, err := sum(l.Net, l.Tax)
		if err != nil {
			return cost, err
		}
		refs := r.lines[i]
		item := codat.BankPaymentLine{
			Description: descriptionOf(e, l), AccountRef: codat.Ref{ID: refs.account}, UnitAmount: l.Net, Quantity: "1",
			SubTotal: l.Net, TaxAmount: l.Tax, TotalAmount: total, TaxCode: taxCode(refs.taxRate),
		}
		if positive, ok := strings.CutPrefix(l.Net.String(), "-"); ok {
			item.UnitAmount, item.Quantity = json.Number(positive), "-1"
		}
		if item.TaxCode == "" {
			return cost, &cannotSend{explain.CauseNoTaxRate, l.TaxRate}
		}
		if len(refs.tracking) > 0 {
			item.TrackingCategoryRefs = &codat.Ref{ID: refs.tracking[0]}
		}
		cost.LineItems = append(cost.LineItems, item)
	}
	return cost, nil
}

// taxCode is the number of a tax code of Sage 50: 1 for T1; "" when it has none.
func taxCode(id string) json.Number {
	digits := strings.TrimLeft(strings.TrimLeft(id, "Tt"), "0")
	switch {
	case digits == "" && strings.HasSuffix(id, "0"):
		return "0"
	case digits == "" || len(digits) > 3 || strings.Trim(digits, "0123456789") != "":
		return ""
	}
	return json.Number(digits)
}

// descriptionOf is never empty: some platforms refuse a line without one.
func descriptionOf(e store.Snapshot, l store.SnapshotLine) string {
	return cmp.Or(l.Description, strings.TrimSpace(e.Supplier+" "+e.Reference))
}

// noteOf is the note of a cost: the expense's own, or made of what the platform has no other place for.
func noteOf(p platform, e store.Snapshot) string {
	if p.note == nil {
		return e.Note
	}
	description := ""
	if len(e.Lines) > 0 {
		description = descriptionOf(e, e.Lines[0])
	}
	said := map[string]string{"reference": e.Reference, "supplier": e.Supplier, "description": description, "note": e.Note}
	var parts []string
	for _, part := range p.note {
		if text := strings.TrimSpace(said[part]); text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " · ")
}

// rate is always told when the books are in another currency: left out, QuickBooks Online takes 1.
func rate(e store.Snapshot) json.Number {
	if e.Rate == "" && e.Currency == e.BaseCurrency {
		return "1"
	}
	return e.Rate
}

// asked is what the body of a cost asked for, as its record in the ledger can be told by. Where the platform takes no total or date
// of the whole, they are those of the lines and the payment.
func asked(body []byte) (reference, day, currency string, total decimal.Decimal, ok bool) {
	var sent struct { // only what is needed: the rest differs by platform
		Reference, IssueDate, Currency string
		TotalAmount                    json.Number
		LineItems                      []struct{ TotalAmount json.Number }
		PaymentAllocations             []struct {
			Payment struct {
				PaidOnDate  string
				TotalAmount json.Number
			}
		}
	}
	if json.Unmarshal(body, &sent) != nil {
		return "", "", "", total, false
	}
	day = sent.IssueDate
	if day == "" && len(sent.PaymentAllocations) > 0 {
		day = sent.PaymentAllocations[0].Payment.PaidOnDate
	}
	if len(day) < len("2026-01-31") || sent.Reference == "" {
		return "", "", "", total, false
	}
	totals := []json.Number{sent.TotalAmount}
	if sent.TotalAmount == "" && len(sent.PaymentAllocations) > 0 && sent.PaymentAllocations[0].Payment.TotalAmount != "" {
		totals = []json.Number{sent.PaymentAllocations[0].Payment.TotalAmount}
	} else if sent.TotalAmount == "" {
		totals = nil
		for _, l := range sent.LineItems {
			totals = append(totals, l.TotalAmount)
		}
	}
	for _, t := range totals {
		d, err := decimal.Parse(t.String())
		if err != nil {
			return "", "", "", total, false
		}
		if total, err = total.Add(d); err != nil {
			return "", "", "", total, false
		}
	}
	return sent.Reference, day[:len("2026-01-31")], sent.Currency, total, true
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

// supplier is the one supplier of that name, or the one for expenses that name none; "" when there is none of those either.
func supplier(ctx context.Context, s *store.Store, connectionID int64, name string) (string, error) {
	found, err := s.SupplierMatches(ctx, connectionID, name)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0 && name == "":
		return "", nil
	case len(found) == 0:
		return "", &cannotSend{explain.CauseNoSupplier, name}
	case len(found) > 1:
		return "", &cannotSend{explain.CauseAmbiguousSupplier, name}
	}
	return found[0], nil
}

// taxRate is the rate of a line's treatment. A line without tax that names none gets the platform's "no tax", where there is one;
// otherwise there is none, and the platform's own default for the account holds.
func taxRate(ctx context.Context, s *store.Store, connectionID int64, p platform, l store.SnapshotLine) (string, error) {
	treatments := []string{l.TaxRate}
	switch {
	case l.TaxRate != "":
	case l.Tax == "0":
		treatments = append(treatments, p.noTax...)
	default:
		treatments = []string{"*"}
	}
	for _, treatment := range treatments {
		found, err := s.TaxRateMatches(ctx, connectionID, treatment)
		if err != nil {
			return "", err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	if l.TaxRate != "" {
		return "", &cannotSend{explain.CauseNoTaxRate, l.TaxRate}
	}
	return "", nil
}
