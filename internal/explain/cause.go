package explain

// Cause is why a push did not succeed: a short code, stored, never renamed. Each is a row of the table in rules.go.
type Cause string

// Causes that are known without Classify: no answer came, or nothing was sent.
const (
	CauseLostReply            Cause = "lost_reply" // no usable answer, and no way left to learn it
	CauseBug422               Cause = "key_reused" // Codat has the idempotency key with another body: a mistake of ours
	CauseNoAccount            Cause = "no_account" // subject: the category; these need no subject but have one if there is a value
	CauseAmbiguousAccount     Cause = "ambiguous_account"
	CauseNoBankAccount        Cause = "no_bank_account" // subject: what it was paid from, "" when nothing was said
	CauseAmbiguousBankAccount Cause = "ambiguous_bank_account"
	CauseAmbiguousSupplier    Cause = "ambiguous_supplier"
	CauseNoTaxRate            Cause = "no_tax_rate"             // none of that name, or several
	CauseNoSupplier           Cause = "no_supplier"             // subject: the name
	CauseNoFreeCode           Cause = "no_free_code"            // for a new account; subject: its name
	CauseNotInLedger          Cause = "not_in_ledger"           // a person looked
	CauseReplaced             Cause = "connection_replaced"     // after something was sent through the old one
	CauseCompanyGone          Cause = "company_gone"            // deleted from Codat
	CauseNoReceipts           Cause = "receipts_not_taken"      // by the accounting software
	CauseReceiptTooLarge      Cause = "receipt_too_large"       // subject: what it takes at most
	CauseReceiptNowhere       Cause = "receipt_record_unknown"  // nobody said which record the expense became
	CauseReceiptCutOff        Cause = "receipt_cut_off"         // its connection was replaced or deleted before it was sent
	CauseClaimedTwice         Cause = "operation_claimed_twice" // two of our writes have one operation
)

// Causes of Classify that others may want to know.
const (
	CauseTimedOut Cause = "timed_out" // the write may have landed
	CauseNoReason Cause = "no_reason" // refused without a word
	CauseUnknown  Cause = "unknown"   // no rule knows it; the subject is what was said
)

// Known reports whether c is one of the table.
func (c Cause) Known() bool {
	_, known := byCause[c]
	return known
}

// UnknownRecord reports whether the ledger did not know a record that the write refers to. Right after that record was made, it
// may only not have been read yet.
func (c Cause) UnknownRecord() bool {
	switch c {
	case "account_not_found", "supplier_not_found":
		return true
	}
	return false
}

// Shut reports whether Codat was not let into the ledger: the connection does not work, whatever its status says.
func (c Cause) Shut() bool {
	switch c {
	case "connection_lost", "connection_gone":
		return true
	}
	return false
}
