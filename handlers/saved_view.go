package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const viewsPath = "/views"

// savedViews are a person's views as links to lists.
func savedViews(saved []store.SavedView, current expenseQuery) []views.SavedView {
	var out []views.SavedView
	for _, v := range saved {
		out = append(out, views.SavedView{ID: v.ID, Name: v.Name, Href: viewURL(v.Query), Current: v.Query == current.query()})
	}
	return out
}

// viewURL is a list of ours, whatever the query says: the list reads it as it reads any address.
func viewURL(query string) string {
	if query == "" {
		return "/expenses"
	}
	return "/expenses?" + query
}

// viewSave keeps the list that a person looks at by a name.
func (h *Handlers) viewSave(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	asked, err := url.ParseQuery(r.PostForm.Get("query"))
	if err != nil {
		asked = url.Values{}
	}
	companies, err := h.companiesWith(r.Context(), asked.Get("company"))
	if err != nil {
		return err
	}
	l := readExpenseQuery(asked, companies)
	name, problem := viewName(r)
	if problem == "" && len(l.query()) > store.ViewQueryMost {
		problem = "That is more than a view can keep. Search for shorter texts."
	}
	if problem != "" {
		return h.tell(w, r, l.url(), flash{Said: problem, Bad: true})
	}
	replaced, err := h.Store.SaveView(r.Context(), who.ID, name, l.query())
	switch {
	case errors.Is(err, store.ErrViewsMost):
		return h.tell(w, r, l.url(), flash{Said: fmt.Sprintf("You have %d saved views, and that is the most. Delete one first.", store.ViewsMost), Bad: true})
	case err != nil:
		return err
	case replaced:
		return h.done(w, r, l.url(), "Your view “"+name+"” shows this list from now on.")
	}
	return h.done(w, r, l.url(), "The view “"+name+"” is saved. You find it under Views.")
}

// viewName is the name in a form, or what is wrong with it.
func viewName(r *http.Request) (name, problem string) {
	name = strings.Join(strings.Fields(plain(r.FormValue("name"))), " ")
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", "A view needs a name."
	case n > store.ViewNameMost:
		return "", fmt.Sprintf("The name has %d characters; a view’s has at most %d.", n, store.ViewNameMost)
	}
	return name, ""
}

// viewList is where a person's views are renamed and deleted.
func (h *Handlers) viewList(w http.ResponseWriter, r *http.Request, who store.User) error {
	saved, err := h.Store.SavedViews(r.Context(), who.ID)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", "Saved views")
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.SavedViews(views.SavedViewsPage{Frame: s.Frame, Views: savedViews(saved, expenseQuery{})}))
}

func (h *Handlers) viewRename(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	name, problem := viewName(r)
	if problem == "" {
		err = h.Store.RenameView(r.Context(), who.ID, id, name)
		if errors.Is(err, store.ErrViewName) {
			problem = "You have another view called “" + name + "”. Nothing was changed."
		} else if err != nil {
			return err
		}
	}
	if problem != "" {
		return h.tell(w, r, viewsPath, flash{Said: problem, Bad: true})
	}
	return h.done(w, r, viewsPath, "The view is called “"+name+"” now.")
}

func (h *Handlers) viewDelete(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	name, err := h.Store.DeleteView(r.Context(), who.ID, id)
	if err != nil {
		return err
	}
	return h.done(w, r, viewsPath, "The view “"+name+"” is deleted. No expense was touched.")
}
