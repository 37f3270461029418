package views

import (
	"maps"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// lineName is the name a problem of a line's field has: lines.1.net.
func lineName(n int, field string) string { return "lines." + digits(n) + "." + field }

// fieldID is the id of the input of that name. No id but a row's starts with "expense-".
func fieldID(name string) string { return strings.ReplaceAll(name, ".", "-") }

// problemFields are the fields with a problem, in the order of the form.
func problemFields(ps map[string]string) []string {
	order := []string{"company", "reference", "date", "supplier", "currency", "rate", "paid_from", "lines", "note", "name", "description", "tags"}
	place := func(name string) int {
		head, _, _ := strings.Cut(name, ".")
		return slices.Index(order, head)
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(ps)), func(name string) bool { return name == "" })
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	return names
}

// problem ties an input to what is wrong with it.
func problem(ps map[string]string, name string) templ.Attributes {
	if ps[name] == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": fieldID(name) + "-problem"}
}

// input is how a field of that kind is typed: text, date, or decimal. suggestions is the id of its list, "" for none.
func input(kind, suggestions string) templ.Attributes {
	as := templ.Attributes{"type": "text", "autocomplete": "off"}
	switch kind {
	case "date":
		as["type"] = "date"
	case "decimal":
		as["inputmode"], as["class"] = "decimal", "num"
	}
	if suggestions != "" {
		as["list"] = suggestions
	}
	return as
}

// formTitle heads the form.
func formTitle(p ExpenseForm) string {
	if p.ID == 0 {
		return "New expense"
	}
	return "Edit"
}

// formPath is where the form is sent, and where who changes their mind goes.
func formPath(p ExpenseForm) string {
	if p.ID == 0 {
		return "/expenses"
	}
	return expensePath(p.ID)
}

// leaveWord is for who changes their mind, or has to.
func leaveWord(p ExpenseForm) string {
	if p.Locked {
		return "Back to the expense"
	}
	return "Cancel"
}
