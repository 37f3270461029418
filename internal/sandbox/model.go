package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// option is Codat's PushOption: what one property of a write may be.
type option struct {
	Type       string
	Required   bool
	Properties map[string]option
}

var models sync.Map // of options by the names of their files

func (p platform) model(dataType string) option {
	key := p.files + "." + dataType
	if m, ok := models.Load(key); ok {
		return m.(option)
	}
	var m option
	_ = json.Unmarshal(p.options(dataType), &m) // embedded; without one nothing is required
	models.Store(key, m)
	return m
}

// requires reports whether the platform's model says that a property of a cost must be there.
func (p platform) requires(path ...string) bool {
	m := p.model("directCosts")
	for _, name := range path {
		next, ok := m.Properties[name]
		if !ok || !next.Required {
			return false
		}
		m = next
	}
	return true
}

// excused are properties that models require and yet cannot mean: QuickBooks Desktop's names the account of a line and its item, and
// a tax rate where there is no tax.
func (p platform) excused(path string) bool {
	return p.files == "quickbooksdesktop" && slices.Contains([]string{"LineItems.ItemRef", "LineItems.TaxRateRef"}, path)
}

// fits compares a body with the platform's model: nothing else, and all that is required. at is where it is for people, path the
// same without places in lists.
func (j *judge) fits(p platform, at, path string, m option, v any) {
	for _, item := range listed(v) {
		fields, ok := item.value.(map[string]any)
		if !ok || m.Properties == nil { // QuickBooks Desktop's model does not say what is in a reference
			continue
		}
		for name, field := range fields {
			in, known := m.Properties[name]
			here := strings.TrimPrefix(at+item.place+"."+upper(name), ".")
			switch {
			case !known:
				j.say(here, "Is not supported.")
			case !in.takes(field):
				j.say(here, "Must be of the right type.")
			default:
				j.fits(p, here, strings.TrimPrefix(path+"."+upper(name), "."), in, field)
			}
		}
		for name, in := range m.Properties {
			if v, given := fields[name]; in.Required && (!given || v == nil || v == "") && !p.excused(strings.TrimPrefix(path+"."+upper(name), ".")) {
				j.say(strings.TrimPrefix(at+item.place+"."+upper(name), "."), "Must be provided.")
			}
		}
	}
}

// takes reports whether a value is of the option's type. Dates are texts whatever a model says.
func (o option) takes(v any) bool {
	switch v := v.(type) {
	case string:
		return o.Type == "String" || o.Type == "DateTime" || o.Type == "Number" && isDate(v)
	case json.Number:
		return o.Type == "Number"
	case bool:
		return o.Type == "Boolean"
	case []any:
		return o.Type == "Array"
	case map[string]any:
		return o.Type == "Object"
	}
	return true
}

type place struct {
	place string
	value any
}

// listed are the items of a list with their places, or the value itself.
func listed(v any) []place {
	list, ok := v.([]any)
	if !ok {
		return []place{{"", v}}
	}
	var items []place
	for i, item := range list {
		items = append(items, place{fmt.Sprintf("[%d]", i), item})
	}
	return items
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
