package push

import (
	"encoding/json"
	"os"
	"testing"
)

// A cost of a body of its own shape can be told in the ledger, too.
func TestWhatASage50CostAskedFor(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/golden/sage-50.json")
	if err != nil {
		t.Fatal(err)
	}
	var bodies map[string]json.RawMessage
	if err := json.Unmarshal(text, &bodies); err != nil || len(bodies) == 0 {
		t.Fatal(len(bodies), err)
	}
	reference, day, currency, total, ok := asked(bodies["in another currency, and without a description"])
	if !ok || reference != "EXP-2026-00043" || day != "2026-02-28" || currency != "EUR" || total.Trim(0).String() != "40" {
		t.Errorf("%s, %s, %s, %s, %t", reference, day, currency, total, ok)
	}
}
