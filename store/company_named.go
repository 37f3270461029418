package store

import (
	"fmt"
	"strings"
)

// CompanyNames finds companies by how people and other systems call them.
type CompanyNames struct {
	byName map[string][]Company
	byID   map[string]Company
}

// NamesOf makes those companies findable.
func NamesOf(companies []Company) CompanyNames {
	n := CompanyNames{map[string][]Company{}, map[string]Company{}}
	for _, c := range companies {
		name := spaced(strings.ToLower(c.Name))
		n.byName[name] = append(n.byName[name], c)
		n.byID[strings.ToLower(c.CodatID)] = c
	}
	return n
}

// Find returns the company with that name or Codat id, in any case, or a sentence that says why there is none.
func (n CompanyNames) Find(text string) (c Company, problem string) {
	text = strings.TrimSpace(text)
	if c, ok := n.byID[strings.ToLower(text)]; ok {
		return c, ""
	}
	switch found := n.byName[spaced(strings.ToLower(text))]; {
	case text == "":
		return c, "The company is missing."
	case len(found) == 0:
		return c, fmt.Sprintf("There is no company %q.", clip(text))
	case len(found) > 1:
		return c, fmt.Sprintf("%d companies are called %q: use Codat's id of the one you mean.", len(found), clip(text))
	default:
		return found[0], ""
	}
}

// spaced has one space between words, whatever kinds of space a spreadsheet set there.
func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }
