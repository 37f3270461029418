package csvfile

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tallylight/store"
)

// Importer reads uploaded files, one at a time for what that takes of memory, and enters their expenses.
type Importer struct {
	Store *store.Store
	Log   *slog.Logger

	once sync.Once
	busy chan struct{} // held while a file is read
	wake chan struct{}
}

func (i *Importer) begin() {
	i.once.Do(func() { i.busy, i.wake = make(chan struct{}, 1), make(chan struct{}, 1) })
}

// turn waits until no other file is being read.
func (i *Importer) turn(ctx context.Context) (done func(), err error) {
	i.begin()
	select {
	case i.busy <- struct{}{}:
		return func() { <-i.busy }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to read an import: %w", ctx.Err())
	}
}

// Guess finds out how a file is to be read, with that between its columns ("" = as the header has it), and keeps it.
func (i *Importer) Guess(ctx context.Context, im store.Import, separator string) error {
	f, err := Guess(i.Store.ImportFile(ctx, im), separator)
	if err != nil {
		return fmt.Errorf("look through import %d: %w", im.ID, err)
	}
	return i.keep(ctx, im.ID, f)
}

// Format says how a draft is to be read. How dates and amounts are written where nobody had said which columns they are, and now says
// nothing else, it finds out: there was nothing to choose by.
func (i *Importer) Format(ctx context.Context, im store.Import, was, f Format) error {
	order, decimal, err := written(i.Store.ImportFile(ctx, im), f, func([]string) map[string]int { return f.Columns })
	if err != nil {
		return fmt.Errorf("look through import %d: %w", im.ID, err)
	}
	if _, known := was.Columns[date]; !known && f.Dates == was.Dates {
		f.Dates = order
	}
	if _, known := was.Columns[net]; !known && f.Decimal == was.Decimal {
		f.Decimal = decimal
	}
	return i.keep(ctx, im.ID, f)
}

func (i *Importer) keep(ctx context.Context, id int64, f Format) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("keep format of import %d: %w", id, err)
	}
	return i.Store.FormatImport(ctx, id, text)
}

// Preview says what is in a draft. What an earlier reading found is kept until the draft is changed.
func (i *Importer) Preview(ctx context.Context, im store.Import, made []store.ImportFix) (f Format, p Preview, err error) {
	if err := json.Unmarshal(im.Format, &f); err != nil {
		return f, p, fmt.Errorf("read format of import %d: %w", im.ID, err)
	}
	var known *Preview
	if err := json.Unmarshal(im.Preview, &known); err == nil && known != nil {
		return f, *known, nil
	}
	done, err := i.turn(ctx)
	if err != nil {
		return f, p, err
	}
	defer done()
	if p, err = preview(ctx, i.Store, i.Store.ImportFile(ctx, im), f, made); err != nil {
		return f, p, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return f, p, fmt.Errorf("keep preview of import %d: %w", im.ID, err)
	}
	return f, p, i.Store.PreviewImport(ctx, im, made, text, p.Expenses)
}

// Wake makes it look for imports to enter now.
func (i *Importer) Wake() {
	i.begin()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

const (
	lookEvery = 10 * time.Second
	tidyEvery = time.Hour
)

// Run enters what waits to be entered, until ctx ends, and removes what is old.
func (i *Importer) Run(ctx context.Context) error {
	i.begin()
	look, tidy := time.NewTicker(lookEvery), time.NewTimer(0)
	defer look.Stop()
	defer tidy.Stop()
	for {
		if err := i.EnterDue(ctx); err != nil && ctx.Err() == nil {
			i.Log.Error("enter an import", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-i.wake:
		case <-tidy.C:
			if err := i.Store.TidyImports(ctx); err != nil && ctx.Err() == nil {
				i.Log.Error("tidy imports", "error", err)
			}
			tidy.Reset(tidyEvery)
		}
	}
}

// EnterDue enters the imports that wait for it.
func (i *Importer) EnterDue(ctx context.Context) error {
	for {
		found, err := i.Store.EnterImport(ctx, func(e *store.Entering) (bool, error) { return i.enter(ctx, e) })
		if err != nil || !found {
			return err
		}
	}
}

// enter reads a file once more, for what is known may have changed since a person saw it, and enters it when nothing is wrong.
func (i *Importer) enter(ctx context.Context, e *store.Entering) (bool, error) {
	fresh, here, fit, err := i.fit(ctx, e.Import, e.Fixes)
	if err != nil || !fit {
		return false, err
	}
	began := time.Now()
	if err := e.Add(ctx, fresh, here); err != nil {
		return false, err
	}
	i.Log.Info("import entered", "import", e.ID, "by", e.By.Email, "expenses", len(fresh), "took", time.Since(began).Round(time.Millisecond))
	return true, nil
}

// fit returns what of a file is to be entered, and how many of it are here already; or that it is not fit to be.
func (i *Importer) fit(ctx context.Context, im store.Import, made []store.ImportFix) (fresh []store.NewExpense, here int, fit bool, err error) {
	done, err := i.turn(ctx)
	if err != nil {
		return nil, 0, false, err
	}
	defer done()
	var f Format
	if err := json.Unmarshal(im.Format, &f); err != nil {
		return nil, 0, false, fmt.Errorf("read format of import %d: %w", im.ID, err)
	}
	companies, err := i.Store.Companies(ctx)
	if err != nil {
		return nil, 0, false, err
	}
	file := &lettersSeen{from: i.Store.ImportFile(ctx, im)}
	b, _ := read(file, f, newFixes(made), companies)
	if file.err != nil {
		return nil, 0, false, file.err
	}
	entries, used, err := compare(ctx, i.Store, b.entries)
	if err != nil || len(b.problems)+len(used) > 0 {
		return nil, 0, false, err
	}
	return newExpenses(entries), len(b.entries) - len(entries), true, nil
}
