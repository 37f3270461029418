package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CompanyFilter chooses companies.
type CompanyFilter struct {
	Text    string // within the name, or Codat's id; "" for all
	Deleted bool   // those that Codat has deleted, instead of those that it has
}

// CompanyPage is one page of a list, by name. Before and After are cursors, "" where there is no such page.
type CompanyPage struct {
	Companies     []Company
	Before, After string
}

// CompaniesShown is how many companies a page shows.
const CompaniesShown = 100

// CompanyPage returns the page of the companies that filter chooses, after or before a cursor ("" and "" = the first). A cursor
// that cannot be read shows the first page.
func (s *Store) CompanyPage(ctx context.Context, f CompanyFilter, after, before string) (CompanyPage, error) {
	text := strings.TrimSpace(strings.ReplaceAll(f.Text, "\x00", ""))
	like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
	at, turned := companyCursor(after)
	order, compare, backwards := "ASC", ">", false
	if !turned {
		if at, turned = companyCursor(before); turned {
			order, compare, backwards = "DESC", "<", true
		}
	}
	var cs []Company
	err := s.db.SelectContext(ctx, &cs, fmt.Sprintf(`
		SELECT `+companyColumns+` FROM companies
		WHERE (deleted_at IS NOT NULL) = $1 AND ($2 = '' OR name ILIKE $3 OR codat_id = $2)
			AND ($4 = 0 OR (lower(name), id) %s (SELECT lower(name), id FROM companies WHERE id = $4))
		ORDER BY lower(name) %s, id %s LIMIT $5`, compare, order, order), f.Deleted, text, like, at, CompaniesShown+1)
	if err != nil {
		return CompanyPage{}, fmt.Errorf("list a page of companies: %w", err)
	}
	further := len(cs) > CompaniesShown
	cs = cs[:min(len(cs), CompaniesShown)]
	if backwards {
		slices.Reverse(cs)
	}
	page := CompanyPage{Companies: cs}
	if len(cs) == 0 {
		return page, nil
	}
	if turned && !backwards || backwards && further {
		page.Before = strconv.FormatInt(cs[0].ID, 10)
	}
	if backwards || further {
		page.After = strconv.FormatInt(cs[len(cs)-1].ID, 10)
	}
	return page, nil
}

// companyCursor reads a cursor, which is the id of the company that a page ends with: companies never go from the table.
func companyCursor(s string) (id int64, ok bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0
}

// CompanyCounts counts the companies that Codat has, and those that it has deleted.
func (s *Store) CompanyCounts(ctx context.Context) (there, deleted int, err error) {
	err = s.db.QueryRowxContext(ctx, `SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at) FROM companies`).Scan(&there, &deleted)
	if err != nil {
		return 0, 0, fmt.Errorf("count companies: %w", err)
	}
	return there, deleted, nil
}

// AccountingConnections returns the connections that the expenses of these companies go through, by company. A company without one
// is not in it.
func (s *Store) AccountingConnections(ctx context.Context, companyIDs []int64) (map[int64]ConnectionItem, error) {
	var items []ConnectionItem
	err := s.db.SelectContext(ctx, &items, connectionItems+`
		WHERE cn.id IN (SELECT a.id FROM companies co JOIN `+accountingOf+` a ON true WHERE co.id = ANY($1))`, int64s(companyIDs))
	if err != nil {
		return nil, fmt.Errorf("list accounting connections: %w", err)
	}
	of := make(map[int64]ConnectionItem, len(items))
	for _, i := range items {
		of[i.CompanyID] = i
	}
	return of, nil
}
