package push

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
)

// option is Codat's PushOption: what one property of a write may be. Those in testdata/options are its published ones.
type option struct {
	Type       string
	Required   bool
	Properties map[string]option
	Options    []struct{ Value string }
	Validation struct {
		Warnings, Information []struct{ Field, Details string }
	}
}

func optionsOf(t *testing.T, name string) option {
	t.Helper()
	b, err := os.ReadFile("testdata/options/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var o option
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// says are the sentences of a property's validation.
func (o option) says() []string {
	var all []string
	for _, s := range append(o.Validation.Warnings, o.Validation.Information...) {
		all = append(all, s.Details)
	}
	return all
}

// at is a property by its dotted path.
func (o option) at(path string) (option, bool) {
	ok := true
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		if o, ok = o.Properties[name]; !ok {
			return o, false
		}
	}
	return o, true
}

// waived are what the models of a platform say and cannot mean.
var waived = map[string]string{
	"quickbooks-desktop lineItems.itemRef": "a line is of an account or of an item, as the model of QuickBooks Online says",
	"sage-50 issueDate":                    "it is a Number here and a DateTime in Codat's schema and all other models",
}

var (
	mostOf = regexp.MustCompile(`(?i)(?:not exceed|longer than|no more than|max(?:imum)? length of|maximum of) (\d+)`)
	underN = regexp.MustCompile(`(?i)less than (\d+) characters`)
	single = regexp.MustCompile(`(?i)^(?:exactly one|only one line|must contain a single|must have exactly one)`)
	guid   = regexp.MustCompile(`(?i)must be a valid guid`)
)

// objections are what a model has against a body: what is missing, what is not in the model, what is of another type, not among
// the options, or longer than a sentence of the model allows.
func objections(platform string, m option, body []byte) []string {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return []string{err.Error()}
	}
	// Codat's Sandbox names everything as required, an account and an item and what must never be sent: it says nothing by it.
	c := check{platform: platform, required: platform != "sandbox"}
	c.value("", m, v)
	slices.Sort(c.found)
	return c.found
}

type check struct {
	platform string
	required bool
	found    []string
}

func (c *check) say(path, format string, args ...any) {
	if _, ok := waived[c.platform+" "+path]; !ok {
		c.found = append(c.found, path+": "+fmt.Sprintf(format, args...))
	}
}

func (c *check) value(path string, m option, v any) {
	switch v := v.(type) {
	case map[string]any:
		if m.Type != "Object" {
			c.say(path, "is an object, must be %s", m.Type)
		}
		c.fields(path, m, v)
	case []any:
		if m.Type != "Array" {
			c.say(path, "is a list, must be %s", m.Type)
		}
		for _, s := range m.says() {
			if single.MatchString(s) && len(v) != 1 {
				c.say(path, "has %d, and %s", len(v), s)
			}
		}
		for _, item := range v {
			fields, ok := item.(map[string]any)
			if !ok {
				c.say(path, "has an item that is no object")
			}
			c.fields(path, m, fields)
		}
	case json.Number:
		if m.Type != "Number" {
			c.say(path, "is a number, must be %s", m.Type)
		}
		for _, s := range m.says() {
			if s == "Must be 1 or -1." && v != "1" && v != "-1" {
				c.say(path, "is %s: %s", v, s)
			}
		}
	case string:
		c.text(path, m, v)
	default:
		c.say(path, "is %v", v)
	}
}

func (c *check) fields(path string, m option, v map[string]any) {
	for name, field := range v {
		here := strings.TrimPrefix(path+"."+name, ".")
		in, ok := m.Properties[name]
		switch {
		case m.Properties == nil: // the model does not say what is in it
		case !ok:
			c.say(here, "is not in the model")
		default:
			c.value(here, in, field)
		}
	}
	for name, in := range m.Properties {
		if _, ok := v[name]; in.Required && !ok && c.required {
			c.say(strings.TrimPrefix(path+"."+name, "."), "is missing")
		}
	}
}

var date = regexp.MustCompile(`^\d{4}-\d\d-\d\dT00:00:00$`)

func (c *check) text(path string, m option, v string) {
	if m.Type == "DateTime" && !date.MatchString(v) || m.Type != "DateTime" && m.Type != "String" {
		c.say(path, "is %q, must be %s", v, m.Type)
	}
	if m.Required && v == "" {
		c.say(path, "is empty")
	}
	if len(m.Options) > 0 && !slices.ContainsFunc(m.Options, func(o struct{ Value string }) bool { return strings.EqualFold(o.Value, v) }) {
		c.say(path, "is %q, which is no option", v)
	}
	n := utf8.RuneCountInString(v)
	for _, s := range m.says() {
		if limit := mostOf.FindStringSubmatch(s); limit != nil {
			if most, _ := strconv.Atoi(limit[1]); n > most {
				c.say(path, "has %d characters: %s", n, s)
			}
		}
		if limit := underN.FindStringSubmatch(s); limit != nil {
			if under, _ := strconv.Atoi(limit[1]); n >= under {
				c.say(path, "has %d characters: %s", n, s)
			}
		}
		if guid.MatchString(s) && uuid.Validate(v) != nil {
			c.say(path, "is %q: %s", v, s)
		}
	}
}

// TestObjections shows that the check above can fail.
func TestObjections(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"contactRef":{"id":"1","dataType":"suppliers"},"lineItems":[],"paymentAllocations":[]}`:                                                                                    "paymentAllocations: has 0",
		`{"contactRef":{"id":"1","dataType":"customers"},"lineItems":[],"paymentAllocations":[{"payment":{"accountRef":{"id":"1"}}}]}`:                                               "which is no option",
		`{"contactRef":{"id":"1"},"lineItems":[],"paymentAllocations":[{"payment":{"accountRef":{"id":"1"}}}]}`:                                                                      "contactRef.dataType: is missing",
		`{"total":1,"contactRef":{"id":"1","dataType":"suppliers"},"lineItems":[],"paymentAllocations":[{"payment":{"accountRef":{"id":"1"}}}]}`:                                     "total: is not in the model",
		`{"reference":"` + strings.Repeat("x", 22) + `","contactRef":{"id":"1","dataType":"suppliers"},"lineItems":[],"paymentAllocations":[{"payment":{"accountRef":{"id":"1"}}}]}`: "reference: has 22 characters",
		`{"reference":1,"contactRef":{"id":"1","dataType":"suppliers"},"lineItems":[],"paymentAllocations":[{"payment":{"accountRef":{"id":"1"}}}]}`:                                 "reference: is a number",
	} {
		if got := objections("quickbooks-online", optionsOf(t, "quickbooks-online"), []byte(body)); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s\nobjections %q, want one with %q", body, got, want)
		}
	}
}
