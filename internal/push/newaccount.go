package push

import "tallylight/store"

// NewAccount is what an accounting package asks of a new account.
type NewAccount struct {
	Takes    bool   // it takes new accounts at all
	Category string // the usual fullyQualifiedCategory of one for expenses
	Name     int    // characters of its name, at most
	Code     int    // of its nominal code, at most; 0 where it needs none
}

// NewAccountOf says what the package with that key asks of a new account.
func NewAccountOf(platformKey string) NewAccount {
	p := platformOf(platformKey)
	return NewAccount{Takes: !p.noAccounts, Category: p.category, Name: p.nameLimit, Code: p.codeDigits}
}

// CodeLike reports whether a text is an account's code rather than its name: no account is created of it.
func CodeLike(text string) bool { return codeLike.MatchString(text) }

// Ignores reports whether the costs of the package with that key have no place for what such a mapping means.
func Ignores(platformKey string, kind store.MappingKind) bool {
	p := platformOf(platformKey)
	switch kind {
	case store.SupplierMapping:
		return p.noContact
	case store.TaxRateMapping:
		return p.noTaxRate
	case store.TrackingMapping:
		return p.shape != bankPayment && !given(p.takes.line, "trackingCategoryRefs", true)
	}
	return false
}

// NewSupplierOf says whether the package with that key takes new suppliers, and how long the name of one may be.
func NewSupplierOf(platformKey string) (takes bool, name int) {
	p := platformOf(platformKey)
	if p.supplierLimit == 0 {
		return !p.noSuppliers, 100
	}
	return !p.noSuppliers, p.supplierLimit
}
