package store

import "context"

// CauseGroup is what failed for one reason.
type CauseGroup struct {
	Cause    string // explain's code
	Subject  string // the value in it
	Platform string // the accounting package, when it is the same for all of them

	Companies, Expenses int
	Sums                []Sum // per currency
}

// CauseGroups groups the failed expenses that f chooses by why they failed, the most first. The filter's status does not choose.
func (s *Store) CauseGroups(ctx context.Context, f ExpenseFilter) ([]CauseGroup, error) {
	return nil, nil
}
