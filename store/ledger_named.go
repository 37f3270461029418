package store

import "context"

// AccountsNamed returns Codat's ids of the accounts of a connection that have that name, code or id themselves, whatever people have
// mapped it to.
func (s *Store) AccountsNamed(ctx context.Context, connectionID int64, name string) ([]string, error) {
	return s.matches(ctx, "accounts_named", connectionID, name)
}

// SuppliersNamed is the same for suppliers.
func (s *Store) SuppliersNamed(ctx context.Context, connectionID int64, name string) ([]string, error) {
	return s.matches(ctx, "suppliers_named", connectionID, name)
}
