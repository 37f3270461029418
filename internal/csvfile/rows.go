package csvfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// What we take at most. A file that is larger can be split.
const (
	maxRows  = 100_000
	maxBytes = 64 << 20
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

var (
	columns = []string{company, reference, date, supplier, description, category, currency, net, tax, paidFrom, taxRate, rate, note}
	needed  = columns[:10]
)

// row is one record of the file. Its fields are without spaces around them.
type row struct {
	line   int // of the file, where it begins
	column map[string]int
	fields []string
}

// field returns "" for a column that the file does not have.
func (r row) field(column string) string {
	if i, ok := r.column[column]; ok {
		return r.fields[i]
	}
	return ""
}

// readRows reads the file to its end and says which lines are no rows. Rows without anything in them, as spreadsheets leave
// them, are left out.
func readRows(r io.Reader) ([]row, []Problem) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	switch {
	case err != nil:
		return nil, []Problem{{1, "", "The file could not be read to its end."}}
	case len(data) > maxBytes:
		return nil, []Problem{{1, "", fmt.Sprintf("The file is larger than %d MB. Split it.", maxBytes>>20)}}
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return nil, []Problem{{1, "", "The file is UTF-16. Save it as CSV UTF-8."}}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	c := csv.NewReader(bytes.NewReader(data))
	c.Comma = separator(data)
	c.FieldsPerRecord = -1

	names, err := c.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, []Problem{{1, "", "The file is empty."}}
	case err != nil:
		return nil, []Problem{unreadable(err)}
	}
	headerLine, _ := c.FieldPos(0)
	column, problems := header(names, headerLine)
	if len(problems) > 0 {
		return nil, problems
	}
	var rows []row
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			problems = append(problems, unreadable(err))
			continue
		}
		line, _ := c.FieldPos(0)
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		used := len(fields)
		for used > 0 && fields[used-1] == "" {
			used--
		}
		if used == 0 {
			continue
		}
		if len(fields) < len(names) || used > len(names) {
			problems = append(problems, Problem{line, "", fmt.Sprintf("The line has %d fields and the header has %d.", len(fields), len(names))})
			continue
		}
		if len(rows) == maxRows {
			return nil, append(problems, Problem{line, "", fmt.Sprintf("The file has more than %d rows. Split it.", maxRows)})
		}
		rows = append(rows, row{line, column, fields})
	}
	if len(rows) == 0 && len(problems) == 0 {
		problems = append(problems, Problem{headerLine, "", "There is no expense under the header."})
	}
	return rows, problems
}

// separator is a semicolon when the header is written with them alone, as spreadsheets of many countries do.
func separator(data []byte) rune {
	first, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	if bytes.ContainsRune(first, ';') && !bytes.ContainsRune(first, ',') {
		return ';'
	}
	return ','
}

// header says where each column is.
func header(names []string, line int) (column map[string]int, problems []Problem) {
	column = map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		_, twice := column[name]
		switch {
		case name == "":
			problems = append(problems, Problem{line, "", fmt.Sprintf("Column %d has no name.", i+1)})
		case !slices.Contains(columns, name):
			problems = append(problems, Problem{line, "", fmt.Sprintf("There is no column called %q.", clip(name))})
		case twice:
			problems = append(problems, Problem{line, name, fmt.Sprintf("The column %s is there twice.", name)})
		}
		column[name] = i
	}
	for _, name := range needed {
		if _, ok := column[name]; !ok {
			problems = append(problems, Problem{line, name, fmt.Sprintf("The column %s is missing.", name)})
		}
	}
	return column, problems
}

func unreadable(err error) Problem {
	e, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return Problem{1, "", "The file could not be read to its end."}
	}
	return Problem{e.StartLine, "", "The quotation marks do not match: put text that holds one in quotation marks, and write it twice there."}
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
