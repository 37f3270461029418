package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// amount is an exact number as it was written; nil when it was left out.
type amount struct{ r *big.Rat }

func (a amount) given() bool { return a.r != nil }

func (a amount) rat() *big.Rat {
	if a.r == nil {
		return new(big.Rat)
	}
	return a.r
}

func (a *amount) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		return nil
	}
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		if n, err := strconv.Atoi(s[e+1:]); err != nil || n < -30 || n > 30 {
			return errors.New("number out of range")
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || s[0] == '"' || len(s) > 60 {
		return fmt.Errorf("%.60s is not a number", s)
	}
	a.r = r
	return nil
}

type ref struct {
	ID       string `json:"id"`
	DataType string `json:"dataType"`
}

func (r *ref) id() string {
	if r == nil {
		return ""
	}
	return r.ID
}

// costBody is a directCost as it is sent (Codat's DirectCostPrototype).
type costBody struct {
	Reference          string       `json:"reference"`
	Note               string       `json:"note"`
	ContactRef         *ref         `json:"contactRef"`
	AccountRef         *ref         `json:"accountRef"` // of Sage 50's costs: what it was paid from
	IssueDate          string       `json:"issueDate"`
	Currency           string       `json:"currency"`
	CurrencyRate       amount       `json:"currencyRate"`
	LineItems          []costLine   `json:"lineItems"`
	PaymentAllocations []allocation `json:"paymentAllocations"`
	SubTotal           amount       `json:"subTotal"`
	TaxAmount          amount       `json:"taxAmount"`
	TotalAmount        amount       `json:"totalAmount"`
}

type costLine struct {
	Description          string `json:"description"`
	Quantity             amount `json:"quantity"`
	UnitAmount           amount `json:"unitAmount"`
	DiscountAmount       amount `json:"discountAmount"`
	DiscountPercentage   amount `json:"discountPercentage"`
	SubTotal             amount `json:"subTotal"`
	TaxAmount            amount `json:"taxAmount"`
	TotalAmount          amount `json:"totalAmount"`
	AccountRef           *ref   `json:"accountRef"`
	ItemRef              *ref   `json:"itemRef"`
	TaxRateRef           *ref   `json:"taxRateRef"`
	TaxCode              amount `json:"taxCode"` // of Sage 50's
	TrackingCategoryRefs refs   `json:"trackingCategoryRefs"`
}

// refs are a list of references, or one alone.
type refs []ref

func (r *refs) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), "{") {
		*r = refs{{}}
		return json.Unmarshal(b, &(*r)[0])
	}
	return json.Unmarshal(b, (*[]ref)(r))
}

type allocation struct {
	Payment *struct {
		AccountRef  *ref   `json:"accountRef"`
		Currency    string `json:"currency"`
		TotalAmount amount `json:"totalAmount"`
	} `json:"payment"`
	Allocation *struct {
		Currency    string `json:"currency"`
		TotalAmount amount `json:"totalAmount"`
	} `json:"allocation"`
}

func parseCost(body []byte) costBody {
	var c costBody
	_ = json.Unmarshal(body, &c) // wellFormed has seen to it
	return c
}

func parseAccount(body []byte) account {
	var a account
	_ = json.Unmarshal(body, &a) // wellFormed has seen to it
	return a
}

func parseSupplier(body []byte) supplier {
	var s supplier
	_ = json.Unmarshal(body, &s) // wellFormed has seen to it
	return s
}

// wellFormed refuses what Codat's own schema does not allow, before anything is queued. What a cost must have is for the platform
// to say.
func wellFormed(p platform, dataType string, body []byte) error {
	var c costBody
	var into any = &c
	switch dataType {
	case "chartOfAccounts":
		into = &account{}
	case "suppliers":
		into = &supplier{}
	}
	if trimmed := strings.TrimSpace(string(body)); !strings.HasPrefix(trimmed, "{") {
		return refuse(http.StatusBadRequest, "%s", usual[400])
	}
	if err := json.Unmarshal(body, into); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
			return invalid(problem{e.Field, "Must be of the right type.", modelName[dataType]})
		}
		return refuse(http.StatusBadRequest, "%s", usual[400])
	}
	if dataType != "directCosts" {
		return nil
	}
	var problems []problem
	need := func(ok bool, item, message string) {
		if !ok {
			problems = append(problems, problem{item, message, "DirectCost"})
		}
	}
	need(c.Currency != "" || !p.requires("currency"), "Currency", "Must be provided.")
	need(c.Currency == "" || isCurrency(c.Currency), "Currency", "Must be a valid ISO 4217 currency code.")
	need(c.IssueDate != "" || !p.requires("issueDate"), "IssueDate", "Must be provided.")
	need(c.IssueDate == "" || isDate(c.IssueDate), "IssueDate", "Must be a valid date.")
	need(len(c.LineItems) > 0, "LineItems", "Must be provided.")
	need(c.PaymentAllocations != nil || !p.requires("paymentAllocations"), "PaymentAllocations", "Must be provided.")
	need(c.TaxAmount.given() || !p.requires("taxAmount"), "TaxAmount", "Must be provided.")
	need(c.TotalAmount.given() || !p.requires("totalAmount"), "TotalAmount", "Must be provided.")
	for i, l := range c.LineItems {
		need(l.Quantity.given() || !p.requires("lineItems", "quantity"), fmt.Sprintf("LineItems[%d].Quantity", i), "Must be provided.")
		need(l.UnitAmount.given() || !p.requires("lineItems", "unitAmount"), fmt.Sprintf("LineItems[%d].UnitAmount", i), "Must be provided.")
	}
	for i, a := range c.PaymentAllocations {
		need(a.Payment != nil || !p.requires("paymentAllocations", "payment"), fmt.Sprintf("PaymentAllocations[%d].Payment", i), "Must be provided.")
		need(a.Allocation != nil || !p.requires("paymentAllocations", "allocation"), fmt.Sprintf("PaymentAllocations[%d].Allocation", i), "Must be provided.")
	}
	if len(problems) > 0 {
		return invalid(problems...)
	}
	return nil
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isDate(s string) bool {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// judge collects what a ledger has against a record.
type judge struct {
	model    string
	problems []problem
	warnings []problem
}

func (j *judge) say(item, format string, args ...any) {
	j.problems = append(j.problems, problem{item, fmt.Sprintf(format, args...), j.model})
}

func (j *judge) warn(item, format string, args ...any) {
	j.warnings = append(j.warnings, problem{item, fmt.Sprintf(format, args...), j.model})
}

// costProblems are the platform's reasons to refuse a directCost, as its live ledger stands: not as Codat last read it.
func costProblems(p platform, k *connection, b *books, body json.RawMessage, now time.Time) (problems, warnings []problem) {
	j := &judge{model: "DirectCost"}
	c := parseCost(body)
	if p.strict() {
		if j.fits(p, "", "", p.model("directCosts"), cost{Body: body}.fields()); len(j.problems) > 0 {
			slices.SortFunc(j.problems, func(a, b problem) int { return strings.Compare(a.ItemID, b.ItemID) })
			return j.problems, nil
		}
	}
	if c.Currency == "" {
		c.Currency = k.Currencies[0]
	}
	digits := 2
	if c.Currency == "JPY" || c.Currency == "KRW" {
		digits = 0
	}
	if !slices.Contains(k.Currencies, c.Currency) {
		j.say("Currency", "Organisation is not subscribed to currency %s", c.Currency)
	}
	j.reference(p, c)
	j.contact(p, b, c)
	for i, l := range c.LineItems {
		j.line(p, b, fmt.Sprintf("LineItems[%d]", i), l)
	}
	j.tracking(p, b, c)
	j.taxes(p, c)
	if p.files != "sage50" {
		j.payments(p, k, b, c)
	}
	j.peculiar(p, k, b, c, now)
	if p.strict() {
		c.takeTax()
	}
	j.sums(c, digits)
	if p.quickBooks() && c.lineSum(costLine.total).Sign() == 0 {
		j.say("", "Business Validation Error: You must set a transaction amount.")
	}
	if p.quickBooks() && c.Currency != k.Currencies[0] && !c.CurrencyRate.given() {
		j.warn("CurrencyRate", "Currency rate was not supplied, a rate of 1 was used.")
	}
	if p.dropsReference() && c.Reference != "" {
		j.warn("Reference", "Reference is not supported and was ignored.")
	}
	return j.problems, j.warnings
}

func (j *judge) reference(p platform, c costBody) {
	n := utf8.RuneCountInString(c.Reference)
	if p.xero() && n > 255 {
		j.say("Reference", "Must not exceed 255 characters.")
	}
	if p.quickBooks() && n >= 22 {
		j.say("Reference", "Must be less than 22 characters.")
	}
}

func (j *judge) contact(p platform, b *books, c costBody) {
	id := c.ContactRef.id()
	if id == "" {
		if p.xero() || p.quickBooks() {
			j.say("ContactRef", "Must be provided.")
		}
		return
	}
	if p.xero() && uuid.Validate(id) != nil {
		j.say("ContactRef.Id", "Must be a valid GUID.")
		return
	}
	if p.quickBooks() && c.ContactRef.DataType != "suppliers" {
		j.say("ContactRef.DataType", "Must be suppliers.")
	}
	s, ok := b.suppliers.find(id)
	switch {
	case !ok:
		j.say("ContactRef.Id", "Must match the ID of an existing contact.")
	case s.Status == "Archived":
		j.say("ContactRef.Id", "The contact %s is archived.", s.SupplierName)
	}
}

func (j *judge) line(p platform, b *books, at string, l costLine) {
	if p.xero() {
		if l.Description == "" {
			j.say(at+".Description", "Must be provided.")
		}
		if !l.TaxAmount.given() {
			j.say(at+".TaxAmount", "Must be provided.")
		}
	}
	if p.xero() && utf8.RuneCountInString(l.Description) > 4000 {
		j.say(at+".Description", "Must not be longer than 4000 characters long.")
	}
	if p.quickBooks() && utf8.RuneCountInString(l.Description) >= 4000 {
		j.say(at+".Description", "Must be less than 4000 characters.")
	}
	j.account(p, b, at, l)
	if id := l.TaxRateRef.id(); id != "" {
		if t, ok := b.taxRates.find(id); !ok {
			j.say(at+".TaxRateRef.Id", "Must match the ID of an existing tax rate.")
		} else if t.Status == "Archived" {
			j.say(at+".TaxRateRef.Id", "The tax rate %s is archived.", t.Name)
		}
	}
}

func (j *judge) account(p platform, b *books, at string, l costLine) {
	id := l.AccountRef.id()
	switch {
	case id == "" && l.ItemRef.id() != "" && p.quickBooks():
		j.say(at+".ItemRef.Id", "Must match the ID of an existing item.")
		return
	case id == "" && p.quickBooks():
		j.say(at+".AccountRef", "Must be set if ItemRef is not")
		return
	case id == "":
		j.say(at+".AccountRef", "Must be provided.")
		return
	case p.quickBooks() && l.ItemRef.id() != "":
		j.say(at+".ItemRef", "Must not be set if AccountRef is")
	case p.xero() && uuid.Validate(id) != nil:
		j.say(at+".AccountRef.Id", "Must be a valid GUID.")
		return
	}
	a, ok := b.accounts.find(id)
	switch {
	case !ok:
		j.say(at+".AccountRef.Id", "Must match the ID of an existing account.")
	case a.Status == "Archived" && a.NominalCode != "":
		j.say(at+".AccountRef.Id", "Account code '%s' has been archived, or deleted.", a.NominalCode)
	case a.Status == "Archived":
		j.say(at+".AccountRef.Id", "Account %s is archived.", a.Name)
	case p.quickBooks() && a.Type != "Expense" && a.Type != "Income":
		j.say(at+".AccountRef.Id", "Must be an Expense or Income account")
	}
}

func (j *judge) tracking(p platform, b *books, c costBody) {
	for i, l := range c.LineItems {
		at := fmt.Sprintf("LineItems[%d].TrackingCategoryRefs", i)
		if p.xero() && len(l.TrackingCategoryRefs) > 2 {
			j.say(at, "Maximum of 2 Tracking Categories.")
		}
		parents := map[string]bool{}
		for _, r := range l.TrackingCategoryRefs {
			t, ok := b.tracking.find(r.ID)
			switch {
			case !ok:
				j.say(at+".Id", "Must be a valid Id")
			case parents[t.ParentID]:
				j.say(at, "Tracking categories must not have the same parent tracking category.")
			}
			parents[t.ParentID] = true
		}
	}
}

// taxes are QuickBooks' own: every line names a rate, and says its tax if any does.
func (j *judge) taxes(p platform, c costBody) {
	if !p.quickBooks() {
		return
	}
	said := 0
	for i, l := range c.LineItems {
		if l.TaxRateRef.id() == "" {
			j.say(fmt.Sprintf("LineItems[%d].TaxRateRef", i), "Required for all companies except QuickBooks Online France companies.")
		}
		if l.TaxAmount.given() {
			said++
		}
	}
	if said != 0 && said != len(c.LineItems) {
		j.say("LineItems.TaxAmount", "Must be specified on all line items or none.")
	}
}

func (j *judge) payments(p platform, k *connection, b *books, c costBody) {
	switch n := len(c.PaymentAllocations); {
	case n == 0 && !p.quickBooks():
		j.say("PaymentAllocations", "Must be provided.")
	case n != 1 && p.quickBooks():
		j.say("PaymentAllocations", "Must have exactly one payment allocation.")
	}
	sum := new(big.Rat)
	for i, a := range c.PaymentAllocations {
		at := fmt.Sprintf("PaymentAllocations[%d]", i)
		allocated := allocationOf(a)
		for item, currency := range map[string]string{".Payment.Currency": a.Payment.Currency, ".Allocation.Currency": allocated.Currency} {
			if currency != "" && currency != c.Currency && currency != k.Currencies[0] {
				j.say(at+item, "Must match the currency of the direct cost.")
			}
		}
		j.paidFrom(p, b, at, a.Payment.AccountRef.id())
		if !allocated.TotalAmount.given() {
			if !p.strict() {
				j.say(at+".Allocation.TotalAmount", "Must be provided.")
			}
			return
		}
		sum.Add(sum, allocated.TotalAmount.rat())
	}
	if len(c.PaymentAllocations) > 0 && sum.Cmp(c.lineSum(costLine.total)) != 0 {
		j.say("PaymentAllocations.Allocation.TotalAmount", "Must be equal to the sum of line items.")
	}
}

type allocated struct {
	Currency    string
	TotalAmount amount
}

// allocationOf is what an allocation says, nothing where there is none.
func allocationOf(a allocation) allocated {
	if a.Allocation == nil {
		return allocated{}
	}
	return allocated{a.Allocation.Currency, a.Allocation.TotalAmount}
}

func (j *judge) paidFrom(p platform, b *books, at, id string) {
	at += ".Payment.AccountRef"
	if id == "" {
		j.say(at, "Must be provided.")
		return
	}
	a, isAccount := b.accounts.find(id)
	bank, isBank := b.banks.find(id)
	switch {
	case !isAccount && !isBank && p.quickBooks():
		j.say(at+".Id", "Must match the ID of an existing account.")
	case !isAccount && !isBank:
		j.say(at+".Id", "Must match the ID of an existing bank account.")
	case a.Status == "Archived" || bank.Status == "Archived":
		j.say(at+".Id", "The bank account %s is archived.", a.Name)
	case isBank || a.IsBankAccount:
	case p.quickBooks() && a.Type == "Asset":
	case p.quickBooks():
		j.say(at+".Id", "Must be Bank, Cash or Asset account")
	default:
		j.say(at+".Id", "Must be a bank account.")
	}
}

// sums must agree to the smallest coin, in every line and over all of them.
func (j *judge) sums(c costBody, digits int) {
	for i, l := range c.LineItems {
		at := fmt.Sprintf("LineItems[%d]", i)
		if l.SubTotal.given() && l.UnitAmount.given() && rounded(l.net(), digits).Cmp(l.SubTotal.rat()) != 0 {
			j.say(at+".SubTotal", "Must be equal to the quantity multiplied by the unit amount.")
		}
		if l.TotalAmount.given() && sum(l.subTotal(digits), l.TaxAmount.rat()).Cmp(l.TotalAmount.rat()) != 0 {
			j.say(at+".TotalAmount", "Must be equal to the sum of the sub total and the tax amount.")
		}
	}
	net := c.lineSum(func(l costLine) *big.Rat { return l.subTotal(digits) })
	tax := c.lineSum(func(l costLine) *big.Rat { return l.TaxAmount.rat() })
	if c.SubTotal.given() && c.SubTotal.rat().Cmp(net) != 0 {
		j.say("SubTotal", "Must be equal to the sum of line items.")
	}
	if c.TaxAmount.given() && c.TaxAmount.rat().Cmp(tax) != 0 {
		j.say("TaxAmount", "Must be equal to the sum of line items.")
	}
	if c.TotalAmount.given() && c.TotalAmount.rat().Cmp(sum(net, tax)) != 0 {
		j.say("TotalAmount", "Must be equal to the sum of line items.")
	}
	if rounded(c.TotalAmount.rat(), digits).Cmp(c.TotalAmount.rat()) != 0 {
		j.say("TotalAmount", "Must not have more than %d decimal places.", digits)
	}
}

// takeTax reads the tax of lines that do not say it: what their total has over their net amount.
func (c costBody) takeTax() {
	for i, l := range c.LineItems {
		if l.TotalAmount.given() && l.SubTotal.given() && !l.TaxAmount.given() {
			c.LineItems[i].TaxAmount.r = new(big.Rat).Sub(l.TotalAmount.rat(), l.SubTotal.rat())
		}
	}
}

func (c costBody) lineSum(of func(costLine) *big.Rat) *big.Rat {
	all := new(big.Rat)
	for _, l := range c.LineItems {
		all.Add(all, of(l))
	}
	return all
}

// net is the line before tax and after discounts.
func (l costLine) net() *big.Rat {
	n := new(big.Rat).Set(l.UnitAmount.rat())
	if l.Quantity.given() {
		n.Mul(n, l.Quantity.rat())
	}
	if l.DiscountPercentage.given() {
		left := new(big.Rat).Sub(big.NewRat(100, 1), l.DiscountPercentage.rat())
		return n.Mul(n, left.Quo(left, big.NewRat(100, 1)))
	}
	return n.Sub(n, l.DiscountAmount.rat())
}

func (l costLine) subTotal(digits int) *big.Rat {
	if l.SubTotal.given() {
		return l.SubTotal.rat()
	}
	return rounded(l.net(), digits)
}

func (l costLine) total() *big.Rat {
	if l.TotalAmount.given() {
		return l.TotalAmount.rat()
	}
	return sum(l.subTotal(2), l.TaxAmount.rat())
}

func sum(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }

// rounded is r to so many decimal places, halves away from zero.
func rounded(r *big.Rat, digits int) *big.Rat {
	text, ok := new(big.Rat).SetString(r.FloatString(digits))
	if !ok {
		return r
	}
	return text
}

// accountProblems are the platform's reasons to refuse a new account.
func accountProblems(p platform, b *books, a account) []problem {
	j := &judge{model: "Account"}
	code, name := utf8.RuneCountInString(a.NominalCode), utf8.RuneCountInString(a.Name)
	switch {
	case p.xero() && code == 0:
		j.say("NominalCode", "Failed to push to Account as NominalCode must be provided.")
	case p.xero() && code > 10:
		j.say("NominalCode", "Failed to push to Account as NominalCode must not be longer than 10 characters long.")
	case p.quickBooks() && code > 7:
		j.say("NominalCode", "If included must have a length between 1 and 7 characters")
	}
	switch {
	case name == 0:
		j.say("Name", "Failed to push to Account as Name must be provided.")
	case p.quickBooks() && name > 100:
		j.say("Name", "Must have a length between 1 and 100 characters")
	case p.xero() && name > 150:
		j.say("Name", "Failed to push to Account as Name must not be longer than 150 characters long.")
	}
	if _, taken := b.accountCoded(a.NominalCode); taken {
		j.say("NominalCode", "Please enter a unique Code. The account code %s is already in use: it must be unique.", a.NominalCode)
	}
	if _, taken := b.accountNamed(a.Name); taken && name > 0 {
		if p.quickBooks() {
			j.say("Name", "Duplicate Name Exists Error: The name supplied already exists. : %s", a.Name)
		} else {
			j.say("Name", "Please enter a unique Name. The account name %s is already in use: it must be unique.", a.Name)
		}
	}
	if allowed := p.categories(); len(allowed) > 0 && !allowed[a.FullyQualifiedCategory] {
		if a.FullyQualifiedCategory == "" {
			j.say("FullyQualifiedCategory", "Failed to push to Account as FullyQualifiedCategory must be provided.")
		} else {
			j.say("FullyQualifiedCategory", "Failed to push to Account as FullyQualifiedCategory %s is not one of the options.", a.FullyQualifiedCategory)
		}
	}
	return j.problems
}

// supplierProblems are the platform's reasons to refuse a new supplier.
func supplierProblems(p platform, b *books, s supplier) []problem {
	j := &judge{model: "Supplier"}
	if s.SupplierName == "" {
		j.say("SupplierName", "Must be provided.")
	} else if _, taken := b.supplierNamed(s.SupplierName); taken {
		if p.quickBooks() {
			j.say("SupplierName", "Duplicate Name Exists Error: The name supplied already exists. : %s", s.SupplierName)
		} else {
			j.say("SupplierName", "The contact name %s is already assigned to another contact. The contact name must be unique across all active contacts.", s.SupplierName)
		}
	}
	if p.quickBooks() && s.Status != "Active" && s.Status != "Archived" {
		j.say("Status", "Must be Active or Archived.")
	}
	return j.problems
}
