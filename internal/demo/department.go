package demo

import (
	"context"
	"errors"
	"fmt"

	"tallylight/store"
)

// chooseDepartment gives the expenses of the one company with Sage 50 a department, without which that takes none.
func chooseDepartment(ctx context.Context, s *store.Store, by store.User, companies []store.Company) error {
	for _, c := range companies {
		if c.Name != "Adatum Builders" {
			continue
		}
		conn, err := s.AccountingConnection(ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("choose department: %w", err)
		}
		headings, err := s.Headings(ctx, conn.ID)
		if err != nil || len(headings) == 0 {
			return err
		}
		departments, _, err := s.FindRecords(ctx, conn.ID, store.TrackingMapping, headings[0].CodatID, "Sites", 1)
		if err != nil || len(departments) == 0 {
			return err
		}
		return s.SetMapping(ctx, by, store.Mapping{ConnectionID: conn.ID, CompanyID: c.ID, Kind: store.TrackingMapping, Subject: store.TheRest,
			Part: headings[0].CodatID, Action: store.UseRecord, CodatID: departments[0].CodatID})
	}
	return nil
}
