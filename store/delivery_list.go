package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// DeliveryFilter chooses deliveries. Zero fields do not choose.
type DeliveryFilter struct {
	Verdict      Verdict
	Type         string // as Codat spells it
	CompanyID    int64
	ConnectionID int64
	ExpenseID    int64
	From, To     time.Time // received at From or later, and before To
	Text         string    // an operation key, an id of Codat's, or the id of a message
	Before       int64     // older than the one with this id
}

const deliveryItem = `id, received_at, webhook_id, dedupe_key, generation, type, company, connection, operation_key, '{}'::jsonb AS headers,
	''::bytea AS body, company_id, expense_id, connection_id, verdict, tries, error, applied_at`

// Deliveries returns the newest deliveries, without headers and bodies.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter, limit int) ([]Delivery, error) {
	if f.Text != "" {
		if err := s.meantBy(ctx, &f); err != nil {
			return nil, err
		}
	}
	where, args := f.where()
	args = append(args, limit)
	// Those that wait to be applied are few, and the others have indexes of their own.
	var ds []Delivery
	err := s.db.SelectContext(ctx, &ds, fmt.Sprintf(`
		SELECT %[1]s FROM deliveries WHERE id IN (
			(SELECT id FROM deliveries WHERE verdict <> 'new' %[2]s ORDER BY id DESC LIMIT $%[3]d)
			UNION ALL (SELECT id FROM deliveries WHERE verdict = 'new' %[2]s ORDER BY id DESC LIMIT $%[3]d))
		ORDER BY id DESC LIMIT $%[3]d`, deliveryItem, where, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return ds, nil
}

func (f DeliveryFilter) where() (conditions string, args []any) {
	var b strings.Builder
	choose := func(condition string, value any) {
		args = append(args, value)
		b.WriteString(" AND ")
		b.WriteString(strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Verdict != "" {
		choose("verdict = ?", f.Verdict)
	}
	if f.Type != "" {
		choose("type = ?", f.Type)
	}
	if f.CompanyID != 0 {
		choose("company_id = ?", f.CompanyID)
	}
	if f.ConnectionID != 0 {
		choose("connection_id = ?", f.ConnectionID)
	}
	if f.ExpenseID != 0 {
		choose("expense_id = ?", f.ExpenseID)
	}
	// The list is in the order of ids, which is nearly that of time: near enough for a bound that spares reading all the others.
	if !f.From.IsZero() {
		choose(`received_at >= ? AND id > coalesce(
			(SELECT id FROM deliveries WHERE verdict <> 'new' AND received_at >= ? ORDER BY received_at LIMIT 1), (SELECT max(id) FROM deliveries)) - 10000`, f.From)
	}
	if !f.To.IsZero() {
		choose(`received_at < ? AND id < coalesce(
			(SELECT id FROM deliveries WHERE verdict <> 'new' AND received_at < ? ORDER BY received_at DESC LIMIT 1), 0) + 10000`, f.To)
	}
	if f.Before != 0 {
		choose("id < ?", f.Before)
	}
	if f.Text != "" {
		choose(`id IN (
			SELECT id FROM deliveries WHERE verdict <> 'new' AND subject = ?::text UNION ALL SELECT id FROM deliveries WHERE verdict = 'new' AND subject = ?::text
			UNION ALL SELECT id FROM deliveries WHERE webhook_id = ?::text UNION ALL SELECT id FROM deliveries WHERE dedupe_key = 'e:' || ?::text)`, f.Text)
	}
	return b.String(), args
}

// meantBy makes a filter by a text that is Codat's id of a company or connection one by that company or connection.
func (s *Store) meantBy(ctx context.Context, f *DeliveryFilter) error {
	var meant struct{ Company, Connection *int64 }
	err := s.db.GetContext(ctx, &meant, `
		SELECT (SELECT id FROM companies WHERE codat_id = $1) AS company, (SELECT id FROM connections WHERE codat_id = $1) AS connection`, f.Text)
	if err != nil {
		return fmt.Errorf("look for %q: %w", f.Text, err)
	}
	switch {
	case meant.Company != nil && f.CompanyID == 0:
		f.CompanyID, f.Text = *meant.Company, ""
	case meant.Connection != nil && f.ConnectionID == 0:
		f.ConnectionID, f.Text = *meant.Connection, ""
	}
	return nil
}

// DeliveryItems returns the deliveries with those ids, without headers and bodies, oldest first.
func (s *Store) DeliveryItems(ctx context.Context, ids []int64) ([]Delivery, error) {
	var ds []Delivery
	err := s.db.SelectContext(ctx, &ds, `SELECT `+deliveryItem+` FROM deliveries WHERE id = ANY($1) ORDER BY id`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return ds, nil
}

// DeliveryByDedupeKey returns the id of the delivery with that key, or ErrNotFound.
func (s *Store) DeliveryByDedupeKey(ctx context.Context, key string) (id int64, err error) {
	if err := s.db.GetContext(ctx, &id, `SELECT id FROM deliveries WHERE dedupe_key = $1`, key); err != nil {
		return 0, fmt.Errorf("find delivery %q: %w", key, err)
	}
	return id, nil
}

// StepOfDelivery returns the step whose operation a delivery is about, as far as lists show steps, or ErrNotFound.
func (s *Store) StepOfDelivery(ctx context.Context, d Delivery) (Step, error) {
	var step Step
	err := s.db.GetContext(ctx, &step, `SELECT id, kind, label, state, operation_key, record_id, settled_at FROM push_steps
		WHERE operation_key = nullif($1, '')`, d.OperationKey)
	if err != nil {
		return step, fmt.Errorf("find step of delivery %d: %w", d.ID, err)
	}
	return step, nil
}

// ActivityWith returns what was recorded about a delivery's subject (its expense, else its connection, else its company) by the
// transaction that applied it.
func (s *Store) ActivityWith(ctx context.Context, d Delivery) ([]Activity, error) {
	kind, id := "expense", d.ExpenseID
	if id == nil {
		kind, id = "connection", d.ConnectionID
	}
	if id == nil {
		kind, id = "company", d.CompanyID
	}
	var as []Activity
	err := s.db.SelectContext(ctx, &as, `SELECT `+activityColumns+` FROM activity
		WHERE at = $1 AND subject_kind = $2 AND subject_id = $3 AND coalesce((detail->>'delivery')::bigint, $4) = $4 -- others are applied at once with it
		ORDER BY id`, d.AppliedAt, kind, id, d.ID)
	if err != nil {
		return nil, fmt.Errorf("list what delivery %d changed: %w", d.ID, err)
	}
	return as, nil
}
