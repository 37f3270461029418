package store

import (
	"context"
	"fmt"
)

const (
	seedCompanies = 200
	seedBatch     = 50_000
	seedAtOnce    = 2_000   // from so many on building the indexes once costs less than keeping them
	seedLock      = 7242004 // two seeds at once add no more than was asked for
)

// Seed tops up the demo companies, 200 of them, to that many expenses in all, and returns how many it added. They are for
// looking at: nothing of a demo company is ever sent, swept or reconciled, and so their badges need no push. What the n-th
// expense says depends on n alone, but for its date, which is at least three days and at most two years back. Pages that are
// open do not hear of it. Where more are added than there are, they all come at once or not at all, and whoever wants to read
// expenses waits meanwhile.
func (s *Store) Seed(ctx context.Context, expenses int) (added int, err error) {
	if err := s.InTx(ctx, func(tx *Tx) error { return tx.seedCompanies(ctx) }); err != nil {
		return 0, err
	}
	for {
		var n int
		err := s.InTx(ctx, func(tx *Tx) (err error) {
			n, err = tx.seedExpenses(ctx, expenses)
			return err
		})
		if err != nil {
			return added, err
		}
		if n == 0 {
			break
		}
		added += n
	}
	if added > 0 {
		// Pages are quick only when the planner knows, and the counts only when the index alone answers.
		if _, err := s.db.ExecContext(ctx, `VACUUM (ANALYZE) expenses, expense_lines, expense_texts, expense_counts`); err != nil {
			return added, fmt.Errorf("analyse seeded expenses: %w", err)
		}
	}
	return added, nil
}

func (tx *Tx) seedCompanies(ctx context.Context) error {
	_, err := tx.ExecContext(ctx, `
		WITH made AS (
			INSERT INTO companies (codat_id, name, base_currency, example)
			SELECT 'example-' || n,
				(ARRAY['Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir', 'Hazel', 'Juniper', 'Larch', 'Maple',
					'Oak', 'Pine', 'Rowan', 'Spruce', 'Sycamore', 'Teak', 'Walnut', 'Willow', 'Yew', 'Aspen'])[n % 20 + 1] || ' ' ||
				(ARRAY['Bakery', 'Bikes', 'Books', 'Catering', 'Consulting', 'Dental', 'Joinery', 'Logistics', 'Studio', 'Travel'])[n / 20 + 1] || ' ' ||
				(ARRAY['Ltd', 'Ltd', 'Ltd', 'Inc', 'Ltd', 'GmbH', 'Ltd', 'Inc', 'Ltd', 'KK'])[n % 10 + 1],
				(ARRAY['GBP', 'GBP', 'GBP', 'USD', 'GBP', 'EUR', 'GBP', 'USD', 'GBP', 'JPY'])[n % 10 + 1], true
			FROM generate_series(0, $1 - 1) AS n
			ON CONFLICT (codat_id) DO NOTHING RETURNING id, codat_id)
		INSERT INTO connections (company_id, codat_id, platform_name, source_type, status)
		SELECT id, codat_id || '-connection', (ARRAY['Xero', 'QuickBooks Online', 'Sage 50', 'FreeAgent'])[substring(codat_id FROM '[0-9]+')::int % 4 + 1], 'Accounting', 'Linked'
		FROM made`, seedCompanies)
	if err != nil {
		return fmt.Errorf("seed companies: %w", err)
	}
	return nil
}

// seedExpenses adds all that is missing up to total over all demo companies, or a batch of it where many expenses are here already.
func (tx *Tx) seedExpenses(ctx context.Context, total int) (added int, err error) {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, seedLock); err != nil {
		return 0, fmt.Errorf("lock seeding: %w", err)
	}
	// Texts are put into their index a batch at a time. Vacuuming, at the end, puts in the last of them.
	_, err = tx.ExecContext(ctx, `SET LOCAL gin_pending_list_limit = '64MB'; SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '256MB'`)
	if err != nil {
		return 0, fmt.Errorf("prepare seeding: %w", err)
	}
	var here, have, seeded int
	err = tx.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE c.example), count(*) FILTER (WHERE c.example AND e.source = 'example')
		FROM expenses e JOIN companies c ON c.id = e.company_id`).Scan(&here, &have, &seeded)
	if err != nil {
		return 0, fmt.Errorf("count seeded expenses: %w", err)
	}
	added = total - have
	switch {
	case added <= 0:
		return 0, nil
	case added >= seedAtOnce && added > here:
		return added, tx.seedBare(ctx, seeded, added)
	}
	added = min(added, seedBatch)
	return added, tx.addSeeds(ctx, seeded, added)
}

// addSeeds adds those after the first seeded.
func (tx *Tx) addSeeds(ctx context.Context, seeded, added int) error {
	// h is spread evenly over 0 … 2^31-1, so that a slice of its bits chooses without a pattern that anybody sees.
	_, err := tx.ExecContext(ctx, `
		WITH company AS MATERIALIZED (
			SELECT id, base_currency AS currency, row_number() OVER (ORDER BY id) - 1 AS n FROM companies WHERE example AND codat_id LIKE 'example-%'),
		-- what, from whom, for what, in units of pounds from and to, tax in percent
		kind (n, category, supplier, description, low, high, tax_rate) AS MATERIALIZED (VALUES
			(0, 'Travel - National', 'Northern Rail', 'Train to the customer', 18, 190, 0),
			(1, 'Travel - National', 'Aldgate Taxis', 'Taxi from the station', 9, 48, 20),
			(2, 'Travel - International', 'Blue Yonder Airlines', 'Flight, return', 140, 880, 0),
			(3, 'Travel - National', 'Harbour View Hotel', 'Two nights, trade fair', 150, 420, 20),
			(4, 'Entertainment', 'Bridge Street Cafe', 'Lunch with a customer', 22, 160, 20),
			(5, 'General Expenses', 'Fourth Coffee', 'Coffee for the office', 12, 85, 20),
			(6, 'Office Expenses', 'Wingtip Toys', 'Meeting room supplies', 15, 120, 20),
			(7, 'Printing & Stationery', 'Lucerne Publishing', 'Flyers, 2,000 copies', 80, 640, 20),
			(8, 'IT Software and Consumables', 'Proseware', 'Licences, monthly', 29, 760, 20),
			(9, 'Subscriptions', 'Trey Research', 'Market reports, quarterly', 90, 450, 20),
			(10, 'Telephone & Internet', 'The Phone Company', 'Mobile phones', 35, 310, 20),
			(11, 'Freight & Courier', 'Consolidated Messenger', 'Parcel, next day', 8, 95, 20),
			(12, 'Light, Power, Heating', 'City Power & Light', 'Electricity', 120, 1400, 5),
			(13, 'Insurance', 'Humongous Insurance', 'Premium', 60, 2400, 0),
			(14, 'Motor Vehicle Expenses', 'Southridge Garage', 'Service and tyres', 90, 780, 20),
			(15, 'Advertising', 'Graphic Design Institute', 'Poster campaign', 250, 3800, 20),
			(16, 'Staff Training', 'School of Fine Art', 'Course for two', 180, 1500, 20),
			(17, 'Repairs and Maintenance', 'Litware Plumbing', 'Call-out and parts', 75, 560, 20),
			(18, 'Cleaning', 'Tidy Lane Cleaners', 'Weekly cleaning', 60, 260, 20),
			(19, 'Rent', 'Riverside Estates', 'Storage unit', 140, 900, 20)),
		-- why, of those that failed, in explain's codes
		cause (n, cause, subject) AS MATERIALIZED (VALUES
			(0, 'account_archived', '429'), (1, 'account_archived', '429'), (2, 'account_archived', '429'), (3, 'period_closed', ''),
			(4, 'period_closed', ''), (5, 'tax_rate_not_allowed', ''), (6, 'supplier_inactive', ''), (7, 'connection_lost', '')),
		numbered AS (
			SELECT n, hashint8extended(n, 1) & 2147483647 AS h1, hashint8extended(n, 2) & 2147483647 AS h2, hashint8extended(n, 3) & 2147483647 AS h3
			FROM generate_series($1::bigint + 1, $1::bigint + $2) AS n),
		amount AS (
			SELECT x.n, x.h1, x.h3, c.id AS company_id, c.currency, k.category, k.supplier, k.description,
				CASE WHEN x.h1 % 41 = 0 THEN -1 ELSE 1 END * round((k.low + (k.high - k.low) * (x.h2 % 10007) / 10007.0)
					* CASE c.currency WHEN 'JPY' THEN 185 ELSE 1 END, CASE c.currency WHEN 'JPY' THEN 0 ELSE 2 END) AS net, k.tax_rate
			FROM numbered x JOIN company c ON c.n = x.n % $3 JOIN kind k ON k.n = x.h1 / 64 % 20),
		entered AS (
			INSERT INTO expenses (company_id, reference, issue_date, supplier, description, currency, net, tax, total, status, status_at,
				cause, cause_subject, source, created_at)
			SELECT company_id, 'EX-' || to_char(a.n, 'FM0000000'), day, supplier, description, currency, net, tax, net + tax,
				CASE WHEN h3 % 1000 < 880 THEN 'complete' WHEN h3 % 1000 < 950 THEN 'not_pushed' WHEN h3 % 1000 < 980 THEN 'failed'
					WHEN h3 % 1000 < 988 THEN 'in_progress' WHEN h3 % 1000 < 995 THEN 'on_hold' ELSE 'needs_checking' END,
				day + interval '33 hours', coalesce(c.cause, ''), coalesce(c.subject, ''), 'example', day + interval '32 hours'
			FROM (SELECT *, round(net * tax_rate / 100, CASE currency WHEN 'JPY' THEN 0 ELSE 2 END) AS tax, (clock() AT TIME ZONE 'UTC')::date - 3 - (h1 % 727)::int AS day
				FROM amount) a LEFT JOIN cause c ON c.n = h1 % 8 AND h3 % 1000 BETWEEN 950 AND 979 ORDER BY a.n
			RETURNING id, company_id, reference, description, net, tax)
		INSERT INTO expense_lines (expense_id, company_id, position, description, category, net, tax)
		SELECT e.id, e.company_id, 1, e.description, k.category, e.net, e.tax FROM entered e JOIN kind k USING (description)`,
		seeded, added, seedCompanies)
	if err != nil {
		return fmt.Errorf("seed expenses: %w", err)
	}
	return nil
}
