package push

import (
	"context"
	"encoding/json"
	"fmt"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// accountBody makes a new expense account of the name that expenses gave their category.
func accountBody(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error) {
	p := platformOf(c.PlatformKey)
	account := codat.AccountBody{Name: c.Label, FullyQualifiedCategory: p.category}
	if p.codeDigits > 0 {
		code, err := s.ChooseCode(ctx, c, p.codeDigits)
		if err != nil {
			return nil, err
		}
		if code == "" {
			return nil, &cannotSend{explain.CauseNoFreeCode, c.Label}
		}
		account.NominalCode = code
	}
	if p.typed {
		account.Type, account.Status = "Expense", "Active"
	}
	body, err := json.Marshal(account)
	if err != nil {
		return nil, fmt.Errorf("write account: %w", err)
	}
	return body, nil
}

// supplierBody makes a new supplier of the name that expenses gave theirs.
func supplierBody(_ context.Context, _ *store.Store, c store.Claim) ([]byte, error) {
	body, err := json.Marshal(codat.SupplierBody{SupplierName: c.Label, Status: "Active"})
	if err != nil {
		return nil, fmt.Errorf("write supplier: %w", err)
	}
	return body, nil
}
