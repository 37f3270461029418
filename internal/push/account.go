package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// accountBody makes a new expense account of the name that expenses gave their category, with the code and the category that a
// person has chosen for it.
func accountBody(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error) {
	p := platformOf(c.PlatformKey)
	said, err := s.CreatedAs(ctx, c.ConnectionID, store.AccountMapping, c.Label)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	account := codat.AccountBody{Name: c.Label, FullyQualifiedCategory: cmp.Or(said.Category, cmp.Or(p.category, "Expense"))}
	switch {
	case said.Code != "":
		account.NominalCode, err = s.KeepCode(ctx, c, said.Code)
	case p.codeDigits > 0:
		if account.NominalCode, err = s.ChooseCode(ctx, c, p.codeDigits); err == nil && account.NominalCode == "" {
			err = &cannotSend{explain.CauseNoFreeCode, c.Label}
		}
	default:
		err = nil
	}
	if err != nil {
		return nil, err
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
