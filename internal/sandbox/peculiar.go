package sandbox

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// strict is true of the platforms whose published model is all that is known of them: a cost has what is in it and nothing else.
func (p platform) strict() bool {
	switch p.files {
	case "netsuite", "quickbooksdesktop", "intacct", "dynamics", "zoho", "sage50":
		return true
	}
	return false
}

// peculiar are rules that one platform alone has.
func (j *judge) peculiar(p platform, k *connection, b *books, c costBody, now time.Time) {
	base := k.Currencies[0]
	one := func(message string) {
		if len(c.LineItems) != 1 {
			j.say("LineItems", "%s", message)
		}
	}
	onePayment := func(message string) {
		if len(c.PaymentAllocations) != 1 {
			j.say("PaymentAllocations", "%s", message)
		}
	}
	rate := func(item, message string) {
		if c.Currency != base && !c.CurrencyRate.given() {
			j.say(item, "%s", message)
		}
	}
	switch p.files {
	case "freeagent":
		one("Exactly one line item must be specified")
		if c.Note == "" {
			j.say("Note", "must be provided")
		}
		if issued, err := time.Parse(time.DateOnly, c.IssueDate[:min(len(c.IssueDate), len(time.DateOnly))]); err == nil && issued.After(now.Add(14*time.Hour)) {
			j.say("IssueDate", "Dated on can't be in the future")
		}
		j.bankCurrency(b, c, "The currency must match the currency of the bank account.")
	case "dynamics":
		one("Only one line is supported")
		onePayment("Only one line is supported")
		j.bankCurrency(b, c, fmt.Sprintf("The supplied currency '%s' does not match the bank account currency", c.Currency))
		rate("CurrencyRate", "Required if the currency is not the base currency")
		for i, l := range c.LineItems {
			if !l.SubTotal.given() && !l.TotalAmount.given() {
				j.say(fmt.Sprintf("LineItems[%d].TotalAmount", i), "Required if subTotal is not specified")
			}
		}
	case "netsuite":
		onePayment("Must contain a single allocation")
		j.sameSign(c)
		for i, l := range c.LineItems {
			if a, ok := b.accounts.find(l.AccountRef.id()); ok && a.IsBankAccount {
				j.say(fmt.Sprintf("LineItems[%d].AccountRef", i), "Should not be a bank account")
			}
		}
	case "intacct":
		onePayment("Must contain a single allocation.")
		if n := utf8.RuneCountInString(c.Note); n > 80 {
			j.say("Note", "Must be used to provide payee's name and contain no more than 80 characters.")
		}
		if utf8.RuneCountInString(c.Reference) > 45 {
			j.say("Reference", "Must not contain no more than 45 characters.")
		}
		for i, l := range c.LineItems {
			if utf8.RuneCountInString(l.Description) > 1000 {
				j.say(fmt.Sprintf("LineItems[%d].Description", i), "Must not contain no more than 1000 characters.")
			}
		}
	case "zoho":
		if c.lineSum(costLine.total).Sign() < 0 {
			if c.ContactRef.id() == "" {
				j.say("ContactRef", "Required when pushing a negative direct cost & should reference either a Customer or Supplier when provided")
			}
			if c.Currency == "" {
				j.say("Currency", "Is required when pushing a negative direct cost")
			}
		}
	case "quickbooksdesktop":
		onePayment("Must contain a single payment allocation")
		if utf8.RuneCountInString(c.Note) > 4096 {
			j.say("Note", "Max length of 4096 characters.")
		}
	case "sage50":
		j.bankPayment(b, c)
	}
}

func (j *judge) sameSign(c costBody) {
	first := 0
	for i, l := range c.LineItems {
		sign := l.net().Sign()
		if first == 0 {
			first = sign
		}
		if sign*first < 0 {
			j.say(fmt.Sprintf("LineItems[%d].UnitAmount", i), "Should have the same sign across all line items")
		}
	}
}

func (j *judge) bankCurrency(b *books, c costBody, message string) {
	for _, a := range c.PaymentAllocations {
		if a.Payment == nil {
			continue
		}
		if account, ok := b.accounts.find(a.Payment.AccountRef.id()); ok && account.Currency != "" && account.Currency != c.Currency {
			j.say("Currency", "%s", message)
		}
	}
}

// bankPayment are the rules of Sage 50, whose costs have a shape of their own.
func (j *judge) bankPayment(b *books, c costBody) {
	id := c.AccountRef.id()
	account, ok := b.accounts.find(id)
	switch {
	case !ok || !account.IsBankAccount || len(id) > 8:
		j.say("accountRef.id", "Must match the ID of an existing bank account and have a max length of 8 characters.")
	case account.Status == "Archived":
		j.say("accountRef.id", "The bank account is archived")
	case account.Currency != c.Currency:
		j.say("currency", "This must match the target account's default currency.")
	}
	for i, l := range c.LineItems {
		at := fmt.Sprintf("LineItems[%d].", i)
		if q := l.Quantity.rat(); !q.IsInt() || q.Num().Int64() != 1 && q.Num().Int64() != -1 {
			j.say(at+"quantity", "Must be 1 or -1.")
		}
		if l.UnitAmount.rat().Sign() == 0 {
			j.say(at+"unitAmount", "Cannot equal 0 and will be set to Net amount if not provided accordingly.")
		}
		if l.SubTotal.rat().Sign() == 0 && l.TaxAmount.rat().Sign() == 0 {
			j.say(at+"subTotal", "Cannot have both subtotal and tax amount as 0 for line item.")
		}
		code := "T" + l.TaxCode.rat().FloatString(0)
		if _, ok := b.taxRates.find(code); !ok {
			j.say(at+"taxCode", "Must match the ID of an existing tax rate.")
		}
	}
}
