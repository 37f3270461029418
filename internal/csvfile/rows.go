package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// What we take at most. A file that is larger can be split.
const (
	MaxRows    = 100_000
	MaxBytes   = 64 << 20
	maxHeader  = 64 << 10 // bytes
	maxColumns = 1000
)

// The columns, as the header names them.
const (
	company     = "company"
	reference   = "reference"
	date        = "date"
	supplier    = "supplier"
	description = "description"
	category    = "category"
	currency    = "currency"
	net         = "net"
	tax         = "tax"
	paidFrom    = "paid_from"
	taxRate     = "tax_rate"
	rate        = "rate"
	note        = "note"
)

// Columns are all of ours, those that a file must have, or that a person must say it has not, first.
var Columns = []string{company, reference, date, supplier, description, category, currency, net, tax, paidFrom, taxRate, rate, note}

var (
	needed    = Columns[:10]
	essential = []string{company, reference, date, category, currency, net} // no person can say that there are none
)

// Essential reports whether there is no expense without that column.
func Essential(column string) bool { return slices.Contains(essential, column) }

// row is one record of the file. Its fields are without spaces around them.
type row struct {
	line   int // of the file, where it begins
	column map[string]int
	fields []string
	fixed  map[string]string // the cells that were changed
	out    bool              // it is left out
}

// field returns "" for a column that the file does not have.
func (r row) field(column string) string {
	if text, ok := r.fixed[column]; ok {
		return text
	}
	if i, ok := r.column[column]; ok && i != Absent {
		return r.fields[i]
	}
	return ""
}

// header is the first record of a file.
type header struct {
	line   int
	comma  rune
	names  []string
	column map[string]int
}

// records reads a file to its end. It calls begin with the header, and, unless that returns false, each with every record under it,
// or with what makes it none. Records without anything in them, as spreadsheets leave them, are left out.
func records(r io.Reader, f Format, begin func(h header) bool, each func(line int, fields []string, p *Problem)) *Problem {
	limited := &limitedReader{from: r, left: MaxBytes}
	in := bufio.NewReaderSize(limited, maxHeader)
	head, err := in.Peek(maxHeader)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return unreadable(err)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return &Problem{Line: 1, Text: "The file is UTF-16. Save it as CSV UTF-8."}
	case otherKind(head) != "":
		return &Problem{Line: 1, Text: otherKind(head)}
	case err == nil && !bytes.ContainsAny(head, "\r\n"):
		return &Problem{Line: 1, Text: "The first line is longer than 64 KB: it does not name columns."}
	case bytes.HasPrefix(head, mark):
		in.Discard(len(mark))
		head = head[len(mark):]
	}
	text := decoded(in, f.Encoding)
	if bytes.ContainsRune(head, '\r') && !bytes.ContainsRune(head, '\n') {
		text = &lineFeeds{text}
	}
	c := csv.NewReader(text)
	c.Comma = separator(head, f.Separator)
	c.FieldsPerRecord = -1
	names, err := c.Read()
	switch {
	case errors.Is(err, io.EOF):
		return &Problem{Line: 1, Text: "The file is empty."}
	case err != nil:
		return unreadable(err)
	}
	h := header{names: names, comma: c.Comma}
	h.line, _ = c.FieldPos(0)
	if len(names) > maxColumns {
		return &Problem{Line: h.line, Text: fmt.Sprintf("The first line has %d columns. There may be %d.", len(names), maxColumns)}
	}
	for i := range names {
		if names[i] = strings.TrimSpace(names[i]); strings.ContainsRune(names[i], 0) {
			return &Problem{Line: h.line, Text: notText}
		}
	}
	if !begin(h) {
		return nil
	}
	rows := 0
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p := unreadable(err)
			if _, ok := errors.AsType[*csv.ParseError](err); !ok {
				return p
			}
			each(p.Line, nil, p)
			continue
		}
		line, _ := c.FieldPos(0)
		used := 0
		for i := range fields {
			if fields[i] = strings.TrimSpace(unescape(strings.TrimSpace(fields[i]))); fields[i] != "" {
				used = i + 1
			}
		}
		if used == 0 {
			continue
		}
		if rows++; rows > MaxRows {
			return &Problem{Line: line, Text: fmt.Sprintf("The file has more than %d rows. Split it.", MaxRows)}
		}
		if len(fields) < len(names) || used > len(names) {
			each(line, fields, &Problem{Line: line, Text: fmt.Sprintf("The line has %d fields and the header has %d.", len(fields), len(names))})
			continue
		}
		each(line, fields, nil)
	}
	if rows == 0 {
		return &Problem{Line: h.line, Text: "There is no expense under the header."}
	}
	return nil
}

const notText = "The file is not text. Save it as CSV UTF-8."

// otherKind says what a file is that is no CSV file.
func otherKind(head []byte) string {
	switch kind := http.DetectContentType(head); {
	case kind == "application/zip", bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return "This is an Excel workbook, or an archive. Save it as CSV UTF-8."
	case kind == "application/pdf", bytes.ContainsFunc(head, binary) && kind != "application/octet-stream" && !strings.HasPrefix(kind, "text/"):
		return notText
	}
	return "" // a text may begin like a picture: BMD
}

func binary(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\f\r", r) }

// lineFeeds ends the lines of a file whose lines end in carriage returns, as old programs write it.
type lineFeeds struct{ from io.Reader }

func (l *lineFeeds) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

var (
	mark        = []byte("\ufeff")
	errTooLarge = errors.New("the file is too large")
)

// limitedReader fails, rather than end, where the file is larger than we take.
type limitedReader struct {
	from io.Reader
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if len(p) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.from.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// separator is what the header is written with most of: commas where it has none of the others.
func separator(head []byte, chosen string) rune {
	for _, s := range separators {
		if chosen == string(s) {
			return s
		}
	}
	first := bytes.TrimLeft(head, "\r\n")
	if end := bytes.IndexAny(first, "\r\n"); end >= 0 {
		first = first[:end]
	}
	best := ','
	for _, s := range separators {
		if bytes.Count(first, []byte(string(s))) > bytes.Count(first, []byte(string(best))) {
			best = s
		}
	}
	return best
}

var separators = []rune{',', ';', '\t'}

// place says where each column is: by the names of the header, which must all be ours, or as a person has said.
func (h *header) place(f Format) (problems []Problem) {
	problem := func(column, format string, args ...any) {
		problems = append(problems, Problem{Line: h.line, Column: column, Text: fmt.Sprintf(format, args...)})
	}
	h.column = map[string]int{}
	if f.Columns != nil {
		for name, i := range f.Columns {
			if i < len(h.names) && i >= Absent {
				h.column[name] = i
			}
		}
		for _, name := range needed {
			i, ok := h.column[name]
			if (!ok || i == Absent && Essential(name)) && (name != company || f.CompanyID == 0) {
				problem(name, "The column %s is missing: say which column of the file it is.", name)
			}
		}
		return problems
	}
	for i, name := range h.names {
		name = strings.ToLower(name)
		_, twice := h.column[name]
		switch {
		case name == "":
			problem("", "Column %d has no name.", i+1)
		case !slices.Contains(Columns, name):
			problem("", "There is no column called %q.", clip(name))
		case twice:
			problem(name, "The column %s is there twice.", name)
		}
		h.column[name] = i
	}
	for _, name := range needed {
		if _, ok := h.column[name]; !ok {
			problem(name, "The column %s is missing.", name)
		}
	}
	return problems
}

func unreadable(err error) *Problem {
	if errors.Is(err, errTooLarge) {
		return &Problem{Line: 1, Text: fmt.Sprintf("The file is larger than %d MB. Split it.", MaxBytes>>20)}
	}
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return &Problem{Line: e.StartLine, Text: "The quotation marks do not match: put text that holds one in quotation marks, and write it twice there."}
	}
	return &Problem{Line: 1, Text: "The file could not be read to its end."}
}

// visible is text as it can be kept and shown.
func visible(s string) string { return strings.ReplaceAll(s, "\x00", "\ufffd") }

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
