package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// sheet is what a reader of workbooks looks at.
type sheet struct {
	Rows []struct {
		Cells []struct {
			Style int    `xml:"s,attr"`
			Type  string `xml:"t,attr"`
			Value string `xml:"v"`
			Text  string `xml:"is>t"`
		} `xml:"c"`
	} `xml:"sheetData>row"`
}

// read returns the sheet of a workbook, all of whose parts are XML.
func read(t *testing.T, workbook []byte) (s sheet) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(workbook), int64(len(workbook)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var part any = &struct{}{}
		if f.Name == "xl/worksheets/sheet1.xml" {
			part = &s
		}
		if err := xml.Unmarshal(text, part); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	return s
}

func TestCells(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := New(&b, "A & B", []Column{{"Text", 20}, {"Amount", 12}, {"Date", 12}, {"Time", 20}})
	if err != nil {
		t.Fatal(err)
	}
	text := "=1+1 <b>\"é\" & \x01\ufffe\r\n " + strings.Repeat("x", maxText)
	berlin := time.FixedZone("", 3600)
	w.Row()
	w.Text(text)
	w.Number("-1204.50", 2)
	w.Date(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	w.Time(time.Date(2026, 1, 31, 18, 0, 0, 0, berlin))
	if err := errors.Join(w.End(), w.Close()); err != nil {
		t.Fatal(err)
	}
	s := read(t, b.Bytes())
	if len(s.Rows) != 2 || s.Rows[0].Cells[1].Text != "Amount" {
		t.Fatalf("rows %+v", s.Rows)
	}
	c := s.Rows[1].Cells
	if got := c[0].Text; c[0].Type != "inlineStr" || !strings.HasPrefix(got, "=1+1 <b>\"é\" & \r\n x") || len([]rune(got)) > maxText {
		t.Errorf("text %q… of %d", got[:20], len([]rune(got)))
	}
	if c[1].Type != "" || c[1].Value != "-1204.50" || c[1].Style != styleNumber2 {
		t.Errorf("number %+v", c[1])
	}
	if c[2].Value != "46053" || c[2].Style != styleDate { // as Excel's DATEVALUE("2026-01-31")
		t.Errorf("date %+v", c[2])
	}
	if c[3].Value != "46053.75000000" || c[3].Style != styleTime {
		t.Errorf("time %+v", c[3])
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	w, err := New(io.Discard, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.rows = MaxRows - 1
	w.Row()
	if err := w.End(); err != nil || w.Left() != 0 {
		t.Errorf("last row: %v, left %d", err, w.Left())
	}
	if err := w.End(); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
}
