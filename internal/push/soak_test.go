//go:build soak

package push

import "testing"

func TestSoakGoodExpensesPass(t *testing.T) { goodExpensesPass(t, 1000) }
