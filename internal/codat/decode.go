package codat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// decode reads a JSON object as Codat has to be read. What is null, absent or of a type that makes no sense is left at its
// zero value; a number where text is expected is its digits, and the other way round; names nobody here knows are passed
// over. Only what is not one whole JSON object is an error. Names are those of the json tags; an alias tag is the name that
// counts when the first is missing.
//
// encoding/json alone would do none of this: it gives up a string that came as a number, and a whole document over one
// bad number or date.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // amounts stay as they were written
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read JSON: more than one value")
	}
	if _, ok := v.(map[string]any); !ok {
		return errors.New("read JSON: not an object")
	}
	fill(into, v)
	return nil
}

// fill copies decoded JSON into a pointer, and reports whether it was of a type that fits.
func fill(into, from any) bool { return fit(reflect.ValueOf(into).Elem(), from) }

// fromText is a value written as text, such as a time.
type fromText interface{ setText(string) }

var numberType = reflect.TypeFor[json.Number]()

func fit(v reflect.Value, from any) bool {
	if t, ok := v.Addr().Interface().(fromText); ok {
		s, ok := from.(string)
		if ok {
			t.setText(s)
		}
		return ok
	}
	switch v.Kind() {
	case reflect.Struct:
		return fitStruct(v, from)
	case reflect.Slice:
		return fitSlice(v, from)
	case reflect.Map:
		return fitMap(v, from)
	case reflect.Pointer:
		to := reflect.New(v.Type().Elem())
		if !fit(to.Elem(), from) {
			return false
		}
		v.Set(to)
	case reflect.String:
		s, ok := text(from)
		if !ok || v.Type() == numberType && !isNumber(s) {
			return false
		}
		v.SetString(s)
	case reflect.Bool:
		s, _ := text(from)
		b, err := strconv.ParseBool(s)
		v.SetBool(b)
		return err == nil
	case reflect.Int:
		s, _ := text(from)
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return false
		}
		v.SetInt(n)
	case reflect.Interface:
		if from == nil {
			return false
		}
		v.Set(reflect.ValueOf(from))
	default:
		panic(fmt.Sprintf("codat: no way to read a %s", v.Type()))
	}
	return true
}

func fitStruct(v reflect.Value, from any) bool {
	object, ok := from.(map[string]any)
	if !ok {
		return false
	}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		if name == "" {
			continue
		}
		if value, ok := object[name]; ok && value != nil {
			fit(v.Field(i), value)
		} else if value, ok := object[tag.Get("alias")]; ok {
			fit(v.Field(i), value)
		}
	}
	return true
}

// fitSlice leaves out elements that do not fit.
func fitSlice(v reflect.Value, from any) bool {
	list, ok := from.([]any)
	if !ok {
		return false
	}
	all := reflect.MakeSlice(v.Type(), 0, len(list))
	for _, from := range list {
		one := reflect.New(v.Type().Elem()).Elem()
		if fit(one, from) {
			all = reflect.Append(all, one)
		}
	}
	v.Set(all)
	return true
}

func fitMap(v reflect.Value, from any) bool {
	object, ok := from.(map[string]any)
	if !ok {
		return false
	}
	all := reflect.MakeMap(v.Type())
	for name, from := range object {
		one := reflect.New(v.Type().Elem()).Elem()
		if fit(one, from) {
			all.SetMapIndex(reflect.ValueOf(name), one)
		}
	}
	v.Set(all)
	return true
}

// text is a scalar as text, without the NUL characters that a database refuses.
func text(from any) (string, bool) {
	switch v := from.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", ""), true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}

// maxID is longer than any id of Codat's or of an accounting package.
const maxID = 200

// id is s, or "" when it is too long to be an id.
func id(s string) string {
	if len(s) > maxID {
		return ""
	}
	return s
}
