package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"tallylight/store"
)

func TestSavedViews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, err := w.SaveUser(t.Context(), "ada@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := w.SaveUser(t.Context(), "bob@example.com", "hash", store.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	save := func(who store.User, name, query string) bool {
		t.Helper()
		replaced, err := w.SaveView(t.Context(), who.ID, name, query)
		if err != nil {
			t.Fatal(err)
		}
		return replaced
	}
	views := func(who store.User) (said []string) {
		t.Helper()
		vs, err := w.SavedViews(t.Context(), who.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range vs {
			said = append(said, v.Name+": "+v.Query)
		}
		return said
	}
	if save(ada, "Month end", "status=failed") || save(ada, "also", "") || save(bob, "month end", "q=taxi") {
		t.Error("a first view of a name is said to replace one")
	}
	if !save(ada, "month END", "status=on_hold") {
		t.Error("a second view of a name, in other letters, is not said to replace the first")
	}
	if got, want := views(ada), []string{"also: ", "month END: status=on_hold"}; !slices.Equal(got, want) {
		t.Errorf("views %q, want %q", got, want)
	}

	vs, _ := w.SavedViews(t.Context(), bob.ID)
	his := vs[0].ID
	if _, err := w.DeleteView(t.Context(), ada.ID, his); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a colleague's view is deleted: %v", err)
	}
	if err := w.RenameView(t.Context(), ada.ID, his, "Mine"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a colleague's view is renamed: %v", err)
	}
	vs, _ = w.SavedViews(t.Context(), ada.ID)
	if err := w.RenameView(t.Context(), ada.ID, vs[0].ID, "MONTH end"); !errors.Is(err, store.ErrViewName) {
		t.Errorf("two views of one name: %v", err)
	}
	if err := w.RenameView(t.Context(), ada.ID, vs[0].ID, "Also"); err != nil {
		t.Errorf("other letters for the same name: %v", err)
	}
	if name, err := w.DeleteView(t.Context(), ada.ID, vs[0].ID); err != nil || name != "Also" {
		t.Errorf("deleted %q, %v", name, err)
	}
	if _, err := w.SaveView(t.Context(), ada.ID, strings.Repeat("ä", store.ViewNameMost+1), ""); err == nil {
		t.Error("a name that is too long is kept")
	}

	// Ten at once do not get past the most.
	for i := range store.ViewsMost - 5 {
		save(ada, fmt.Sprint("view ", i), "")
	}
	var saving sync.WaitGroup
	for i := range 10 {
		saving.Go(func() {
			if _, err := w.SaveView(t.Context(), ada.ID, fmt.Sprint("last ", i), ""); err != nil && !errors.Is(err, store.ErrViewsMost) {
				t.Error(err)
			}
		})
	}
	saving.Wait()
	if n := len(views(ada)); n != store.ViewsMost {
		t.Errorf("%d views, want %d", n, store.ViewsMost)
	}
	if !save(ada, "Month end", "q=new") {
		t.Error("who has the most cannot put another list behind a name")
	}
}
