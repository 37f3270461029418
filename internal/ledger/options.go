package ledger

import (
	"context"
	"strings"
	"sync"
	"time"

	"tallylight/store"
)

// AccountCategory is what sort of account a new one can be, in the words of the accounting package.
type AccountCategory struct {
	Value string // Codat's fullyQualifiedCategory: Expense.Overhead
	Name  string // "Overhead"
}

// choices keeps what the packages said for an hour: it changes with their versions, not with the day. That one could not be asked is kept
// for a minute: nobody waits for it again meanwhile.
type choices struct {
	mu sync.Mutex
	by map[string]choice // by Codat's connection id
}

type choice struct {
	until      time.Time
	categories []AccountCategory
	err        error
}

const (
	choicesLast   = time.Hour
	choicesFailed = time.Minute
	choicesWait   = 4 * time.Second // a person waits for the page
)

// AccountCategories returns the categories that the package behind a connection has for new accounts which can take expenses, as its own
// model says; none where it does not say.
func (r *Reader) AccountCategories(ctx context.Context, c store.Company, conn store.Connection) ([]AccountCategory, error) {
	r.choices.mu.Lock()
	kept, known := r.choices.by[conn.CodatID]
	r.choices.mu.Unlock()
	if known && time.Now().Before(kept.until) {
		return kept.categories, kept.err
	}
	asking, cancel := context.WithTimeout(ctx, choicesWait)
	defer cancel()
	model, err := r.Codat.Options(asking, c.CodatID, conn.CodatID, "chartOfAccounts")
	if err != nil && !notFound(err) {
		if ctx.Err() == nil { // a person who left says nothing of Codat
			r.choices.keep(conn.CodatID, choice{until: time.Now().Add(choicesFailed), err: err})
		}
		return nil, err
	}
	var found []AccountCategory
	for _, o := range model.Properties["fullyQualifiedCategory"].Options {
		if expensive(o.Value) {
			found = append(found, AccountCategory{o.Value, o.DisplayName})
		}
	}
	r.choices.keep(conn.CodatID, choice{until: time.Now().Add(choicesLast), categories: found})
	return found, nil
}

func (cs *choices) keep(connection string, c choice) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.by == nil {
		cs.by = map[string]choice{}
	}
	cs.by[connection] = c
}

// expensive tells whether a category is of accounts that costs are booked to, as far as its first word says: Sage calls them OVERHEADS.
func expensive(category string) bool {
	first, _, _ := strings.Cut(category, ".")
	switch strings.ToLower(first) {
	case "income", "liability", "equity":
		return false
	}
	return category != "" && !strings.HasPrefix(strings.ToLower(category), "asset.bank")
}
