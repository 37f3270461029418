package store

import (
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// ExpenseSort is the order of a list; expenses that are equal in it are in the order in which they were entered, or backwards.
type ExpenseSort string

const (
	SortDate           ExpenseSort = ""         // newest first
	SortDateOldest     ExpenseSort = "date"     // oldest first
	SortAmount         ExpenseSort = "-amount"  // largest first
	SortAmountSmallest ExpenseSort = "amount"   // smallest first
	SortChanged        ExpenseSort = "-changed" // last change of status first
	SortChangedOldest  ExpenseSort = "changed"
)

// Sorts are all of them.
var Sorts = []ExpenseSort{SortDate, SortDateOldest, SortAmount, SortAmountSmallest, SortChanged, SortChangedOldest}

// sortKey is the column of a sort, as text in cursors: how it is written, how that is read back, and which texts are of it.
type sortKey struct {
	column, write, read string
	holds               func(string) bool
}

var (
	dateKey = sortKey{"issue_date", "issue_date::text", "$%d::date", func(s string) bool {
		t, err := time.Parse(time.DateOnly, s)
		return err == nil && t.Year() >= 1
	}}
	amountKey = sortKey{"total", "total::text", "$%d::numeric", func(s string) bool {
		_, err := decimal.Parse(s)
		return err == nil
	}}
	changedKey = sortKey{"status_at", "(extract(epoch FROM status_at) * 1000000)::bigint::text", "'epoch'::timestamptz + $%d::bigint * interval '1 microsecond'", func(s string) bool {
		n, err := strconv.ParseInt(s, 10, 64)
		return err == nil && n >= 0 && n < 1<<53
	}}
)

func (s ExpenseSort) key() (key sortKey, descending bool) {
	switch s {
	case SortDateOldest:
		return dateKey, false
	case SortAmount:
		return amountKey, true
	case SortAmountSmallest:
		return amountKey, false
	case SortChanged:
		return changedKey, true
	case SortChangedOldest:
		return changedKey, false
	}
	return dateKey, true
}

// place is where an expense stands in a sort.
type place struct {
	ID  int64
	Key string
}

// cursor writes a place as key_id, with the sort where that is not the usual one.
func (p place) cursor(s ExpenseSort) string {
	c := p.Key + "_" + strconv.FormatInt(p.ID, 10)
	if s != SortDate {
		c += "_" + string(s)
	}
	return c
}

// parseCursor reads what cursor wrote for that sort; nil when it did not.
func parseCursor(c string, s ExpenseSort) *place {
	parts := strings.Split(c, "_")
	switch {
	case s == SortDate && len(parts) == 2:
	case s != SortDate && len(parts) == 3 && parts[2] == string(s):
	default:
		return nil
	}
	id, err := strconv.ParseInt(parts[1], 10, 64)
	if key, _ := s.key(); err != nil || !key.holds(parts[0]) {
		return nil
	}
	return &place{id, parts[0]}
}
