package store_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"tallylight/store"
)

func TestImportFileIsKeptAsItCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := strings.Repeat("0123456789", 60_000) // more than two pieces
	id, err := w.AddImport(t.Context(), store.User{Email: "ann@example.com"}, "x.csv", iotest.HalfReader(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	im, _, err := w.Import(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(w.ImportFile(t.Context(), im))
	if err != nil || string(got) != text {
		t.Errorf("%d bytes came back of %d, error %v", len(got), len(text), err)
	}
	broken := io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)) // as a form that ends within its file
	if _, err := w.AddImport(t.Context(), store.User{}, "broken.csv", broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an upload that broke off: %v", err)
	}
	var files, pieces int
	if err := w.sql().QueryRow(`SELECT count(DISTINCT i.id), count(p.n) FROM imports i LEFT JOIN import_parts p ON p.import_id = i.id`).Scan(&files, &pieces); err != nil || files != 1 || pieces != 3 {
		t.Errorf("%d files in %d pieces, error %v", files, pieces, err)
	}

	if err := w.TidyImports(t.Context()); err != nil {
		t.Fatal(err)
	}
	if is, err := w.Imports(t.Context(), 10); err != nil || len(is) != 1 {
		t.Errorf("today's file: %v, error %v", is, err)
	}
	if _, err := w.sql().Exec(`UPDATE imports SET created_at = created_at - interval '8 days'`); err != nil {
		t.Fatal(err)
	}
	if err := w.TidyImports(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Import(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("last week's file: %v", err)
	}
}
