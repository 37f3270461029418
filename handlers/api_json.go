package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallylight/web"
)

// deepest is how deep a document may be nested; ours are five deep.
const deepest = 16

// object is a JSON object as it was written. Numbers are json.Number, so that they stay exact.
type object map[string]any

// readJSON reads the one JSON document that a request carries. Names that an object has twice are problems: which of the two was
// meant nobody can say.
func readJSON(r *http.Request) (doc any, problems []fieldProblem, err error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") || r.Header.Get("Content-Encoding") != "" {
		return nil, nil, &web.Error{Status: http.StatusUnsupportedMediaType, Sentence: "Send JSON, uncompressed, with the header Content-Type: application/json."}
	}
	body, err := io.ReadAll(r.Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, nil, &web.Error{Status: http.StatusRequestEntityTooLarge, Sentence: "A request may have 1 MiB. Send the expenses in several.", Cause: err}
	}
	if err != nil {
		return nil, nil, &web.Error{Status: http.StatusBadRequest, Sentence: "The request broke off.", Cause: err}
	}
	if !utf8.Valid(body) {
		return nil, nil, web.BadRequest("The request is not UTF-8 text.")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, nil, web.BadRequest(notJSON(body, err))
	}
	d := document{tokens: json.NewDecoder(bytes.NewReader(body))}
	d.tokens.UseNumber()
	doc, err = d.value("", 0)
	return doc, d.problems, err
}

func notJSON(body []byte, err error) string {
	e, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "The request is empty: send an expense as JSON."
	case !ok || e.Offset >= int64(len(body)):
		return "The request is not JSON: it ends too early."
	}
	return fmt.Sprintf("The request is not JSON: something is wrong on line %d, before byte %d.", 1+bytes.Count(body[:e.Offset], []byte("\n")), e.Offset)
}

// document is JSON text that is known to be well-formed, while it is read.
type document struct {
	tokens   *json.Decoder
	problems []fieldProblem
}

func (d *document) value(at string, depth int) (any, error) {
	token, err := d.tokens.Token()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == deepest {
		return nil, web.BadRequest("The request is nested too deeply to be expenses.")
	}
	if delim == '[' {
		list := []any{}
		for d.tokens.More() {
			v, err := d.value(at+"/"+strconv.Itoa(len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, d.end()
	}
	o := object{}
	for d.tokens.More() {
		token, err := d.tokens.Token()
		if err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		name := token.(string) // it is well-formed
		here := at + "/" + pointerStep(name)
		if _, twice := o[name]; twice {
			d.problems = append(d.problems, fieldProblem{here, "This is there twice."})
		}
		if o[name], err = d.value(here, depth+1); err != nil {
			return nil, err
		}
	}
	return o, d.end()
}

func (d *document) end() error {
	if _, err := d.tokens.Token(); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	return nil
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointerStep is a name as a step of a JSON pointer.
func pointerStep(name string) string { return pointerEscapes.Replace(clipped(name, 100)) }

// fields is an object whose fields are read one by one; what is wrong with them is noted.
type fields struct {
	at       string // its JSON pointer
	of       object
	problems *[]fieldProblem
}

func (f fields) problem(name, format string, args ...any) {
	at := f.at
	if name != "" {
		at += "/" + pointerStep(name)
	}
	*f.problems = append(*f.problems, fieldProblem{at, fmt.Sprintf(format, args...)})
}

// only notes each field that has none of these names.
func (f fields) only(names ...string) {
	unknown := []string{}
	for name := range f.of {
		if !slices.Contains(names, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		f.problem(name, "There is no field %q here. The fields are: %s.", clipped(name, 40), strings.Join(names, ", "))
	}
}

// text is a text, "" where there is none; ok is false for anything else.
func (f fields) text(name string) (s string, ok bool) {
	switch v := f.of[name].(type) {
	case nil:
		return "", true
	case string:
		return v, true
	}
	f.problem(name, "This must be a text, in quotation marks.")
	return "", false
}

// number is a number, or a text that holds one, as it was written.
func (f fields) number(name string) (s string, ok bool) {
	switch v := f.of[name].(type) {
	case nil:
		return "", true
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return plainNumber(v), true
	}
	f.problem(name, "This must be a number, or a text that holds one.")
	return "", false
}

func (f fields) truth(name string) bool {
	switch v := f.of[name].(type) {
	case nil:
		return false
	case bool:
		return v
	}
	f.problem(name, "This must be true or false.")
	return false
}

// plainNumber writes 1.25e2 as 125, exactly: some programs write numbers so. What is too long for that stays as it is.
func plainNumber(n json.Number) string {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(string(n)), "e")
	e, err := strconv.Atoi(exponent)
	if !ok || err != nil || max(e, -e) > 30 {
		return string(n)
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, decimals, _ := strings.Cut(mantissa, ".")
	digits := whole + decimals
	point := len(whole) + e
	if point <= 0 {
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
	if point >= len(digits) {
		return sign + digits + strings.Repeat("0", point-len(digits))
	}
	return sign + digits[:point] + "." + digits[point:]
}
