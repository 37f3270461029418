package store_test

import (
	"sync"
	"testing"

	"tallylight/store"
)

// What the schema refuses by itself, whatever the code above it does.
func TestSchemaRefusesNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(2)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r"})
	id := w.add(newExpense(w.company, "NEW"))[0]
	w.press(id)
	tests := map[string]string{
		"total that does not add up":      `UPDATE expenses SET total = total + 0.01`,
		"badge nobody knows":              `UPDATE expenses SET status = 'fine'`,
		"badge without a push":            `UPDATE expenses SET push_id = NULL WHERE status <> 'not_pushed'`,
		"currency that is none":           `UPDATE expenses SET currency = 'eur'`,
		"rate of nothing":                 `UPDATE expenses SET rate = 0`,
		"reference twice":                 `UPDATE expenses SET reference = 'same'`,
		"settled step without a time":     `UPDATE push_steps SET settled_at = NULL WHERE state = 'success'`,
		"open step with one":              `UPDATE push_steps SET settled_at = clock() WHERE state = 'pending'`,
		"pending without an operation":    `UPDATE push_steps SET operation_key = NULL WHERE state = 'pending'`,
		"sending without a lease":         `UPDATE push_steps SET state = 'sending' WHERE state = 'ready'`,
		"lease without an end":            `UPDATE push_steps SET state = 'sending', lease = gen_random_uuid() WHERE state = 'ready'`,
		"doubt about what was never sent": `UPDATE push_steps SET doubt = true WHERE first_sent_at IS NULL`,
		"sent without bytes":              `UPDATE push_steps SET first_sent_at = clock() WHERE body IS NULL`,
		"operation of two steps":          `UPDATE push_steps SET operation_key = 'same'`,
		"open push with an end":           `UPDATE pushes SET settled_at = clock() WHERE state = 'open'`,
		"settled push without one":        `UPDATE pushes SET settled_at = NULL WHERE state <> 'open'`,
		"push of nothing":                 `UPDATE pushes SET expense_id = 0`,
		"verdict nobody knows":            `INSERT INTO deliveries (headers, body, verdict) VALUES ('{}', '', 'fine')`,
		"role nobody knows":               `UPDATE users SET role = 'boss'`,
		"email in capitals":               `UPDATE users SET email = upper(email)`,
		"API token that may do nothing":   `INSERT INTO api_tokens (name, hash, scopes) VALUES ('n', sha256('x'), '{}')`,
		"token that is no hash":           `INSERT INTO sessions (token_hash) VALUES ('short')`,
		"history rewritten":               `UPDATE activity SET actor = 'nobody'`,
		"history forgotten":               `DELETE FROM activity`,
	}
	db := w.sql()
	for name, statement := range tests {
		res, err := db.Exec(statement)
		if err == nil {
			n, _ := res.RowsAffected()
			t.Errorf("%s is taken, in %d rows", name, n)
		}
	}
}

func TestMigrateAgainAndAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.sql().Exec(`DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	var processes sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		s := w.later(0)
		processes.Go(func() { errs[i] = s.Migrate(t.Context()) })
	}
	processes.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	w.addCompany("first")
	if err := w.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.CompanyByCodatID(t.Context(), "first"); err != nil {
		t.Errorf("a migration forgot a company: %v", err)
	}
}
