// Package xlsx writes a table as an Excel workbook with one sheet, row by row, in memory that does not grow with the rows.
//
// Amounts are numbers, dates are dates, and text is text: no cell is ever a formula.
package xlsx

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxRows is how many rows a sheet of Excel has, its header among them.
const MaxRows = 1 << 20

// ErrFull means that the sheet has no room for a row.
var ErrFull = errors.New("the sheet is full")

const maxText = 32767 // characters that Excel takes in a cell

// Column is a column's heading and how wide it is, in characters.
type Column struct {
	Heading string
	Width   int
}

// Writer writes a workbook. Close must be called, or it is none.
type Writer struct {
	zip  *zip.Writer
	out  *bufio.Writer // the sheet
	buf  []byte        // the row being written
	rows int
}

// New begins a workbook on w whose sheet has that name and a first row with the headings.
func New(w io.Writer, sheet string, columns []Column) (*Writer, error) {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	for _, part := range parts {
		f, err := z.Create(part.name)
		if err == nil {
			_, err = io.WriteString(f, xml.Header+strings.ReplaceAll(part.text, "SHEET", escaped(sheet)))
		}
		if err != nil {
			return nil, fmt.Errorf("begin workbook: %w", err)
		}
	}
	f, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, fmt.Errorf("begin sheet: %w", err)
	}
	x := &Writer{zip: z, out: bufio.NewWriterSize(f, 32<<10)}
	x.out.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews>` +
		`<sheetView workbookViewId="0" tabSelected="1"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`)
	for i, c := range columns {
		fmt.Fprintf(x.out, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, c.Width)
	}
	x.out.WriteString(`</cols><sheetData>`)
	x.Row()
	for _, c := range columns {
		x.text(c.Heading, styleHeading)
	}
	return x, x.End()
}

// Row begins a row, whose cells follow from the left; End ends it.
func (x *Writer) Row() { x.buf = append(x.buf[:0], "<row>"...) }

// Text adds a cell of text. What XML cannot hold is left out, and what Excel has no room for.
func (x *Writer) Text(s string) { x.text(s, styleText) }

// Number adds a cell with the number that decimal spells, shown with that many decimals.
func (x *Writer) Number(decimal string, digits int) {
	x.open(numberStyle(digits))
	x.buf = append(append(append(x.buf, "><v>"...), decimal...), "</v></c>"...)
}

// Date adds a cell with a day.
func (x *Writer) Date(t time.Time) { x.moment(t, styleDate) }

// Time adds a cell with a moment, to the second, as the clocks of t's location show it.
func (x *Writer) Time(t time.Time) { x.moment(t, styleTime) }

// End writes the row, or returns ErrFull where there is no room for it.
func (x *Writer) End() error {
	if x.rows == MaxRows {
		return ErrFull
	}
	x.rows++
	_, err := x.out.Write(append(x.buf, "</row>"...))
	return err
}

// Left is how many more rows there is room for.
func (x *Writer) Left() int { return MaxRows - x.rows }

// Close ends the workbook.
func (x *Writer) Close() error {
	x.out.WriteString(`</sheetData></worksheet>`)
	if err := x.out.Flush(); err != nil {
		return fmt.Errorf("end sheet: %w", err)
	}
	if err := x.zip.Close(); err != nil {
		return fmt.Errorf("end workbook: %w", err)
	}
	return nil
}

func (x *Writer) open(style int) {
	x.buf = append(x.buf, `<c s="`...)
	x.buf = strconv.AppendInt(x.buf, int64(style), 10)
	x.buf = append(x.buf, '"')
}

func (x *Writer) text(s string, style int) {
	x.open(style)
	if s == "" {
		x.buf = append(x.buf, "/>"...)
		return
	}
	x.buf = append(x.buf, ` t="inlineStr"><is><t xml:space="preserve">`...)
	n := 0
	for _, r := range s {
		if n++; n > maxText {
			break
		}
		switch {
		case r == '<':
			x.buf = append(x.buf, "&lt;"...)
		case r == '>':
			x.buf = append(x.buf, "&gt;"...)
		case r == '&':
			x.buf = append(x.buf, "&amp;"...)
		case r == '\r': // a reader of XML would make a line feed of it
			x.buf = append(x.buf, "&#13;"...)
		case r < ' ' && r != '\t' && r != '\n', r == utf8.RuneError, r == 0xfffe, r == 0xffff:
		default:
			x.buf = utf8.AppendRune(x.buf, r)
		}
	}
	x.buf = append(x.buf, "</t></is></c>"...)
}

// moment writes a time as Excel counts it: days since the end of 1899, a second being their smallest part.
func (x *Writer) moment(t time.Time, style int) {
	_, offset := t.Zone()
	seconds := t.Unix() + int64(offset) - epoch
	x.open(style)
	x.buf = append(x.buf, "><v>"...)
	if seconds%86400 == 0 {
		x.buf = strconv.AppendInt(x.buf, seconds/86400, 10)
	} else {
		x.buf = strconv.AppendFloat(x.buf, float64(seconds)/86400, 'f', 8, 64)
	}
	x.buf = append(x.buf, "</v></c>"...)
}

var epoch = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix()

func escaped(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
