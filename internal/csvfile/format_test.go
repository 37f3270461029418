package csvfile

import (
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestReadDate(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	for text, orders := range map[string]string{ // in which it is 1 February
		"2026-02-01": "ymd dmy mdy -", "2026/2/1": "ymd", "01.02.2026": "dmy", "1/2/2026": "dmy", "02/01/2026": "mdy", "2-1-2026": "mdy",
		"01.02.26": "", "1.2": "", "": "", "01.02.2026 00:00": "", "2026-02-30": "", "32.02.2026": "", "１.2.2026": "",
	} {
		for _, order := range []Dates{YearFirst, DayFirst, MonthFirst, "-"} {
			got, ok := ReadDate(text, order)
			if is := ok && got.Equal(want); is != strings.Contains(orders, string(order)) {
				t.Errorf("%q with %s is %v, %t", text, order, got, ok)
			}
		}
	}
}

func TestReadNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, mark, want string }{
		{"1204.50", ".", "1204.50"}, {"1,204.50", ".", "1204.50"}, {"-1,204,000", ".", "-1204000"}, {"−5", ".", "-5"}, {"12,50", ".", "no"}, {"1.204,50", ".", "no"},
		{"1204,50", ",", "1204.50"}, {"1.204,50", ",", "1204.50"}, {"1 204,50", ",", "1204.50"}, {"1\u202f204,5", ",", "1204.5"}, {"1’204’000", ",", "1204000"},
		{"1204.50", ",", "no"}, {"1.204.50", ",", "no"}, {"1.2040", ",", "no"}, {"12.34,5", ",", "no"}, {"0.204,5", ",", "0204.5"}, {",5", ",", "no"}, {"5,", ",", "no"},
		{"1,204 000.5", ".", "no"}, {"1e3", ".", "no"}, {"--5", ".", "no"}, {"", ".", "no"}, {"EUR 5", ".", "no"}, {"anything", "", "anything"},
	} {
		got, ok := ReadNumber(tt.text, tt.mark, true)
		if !ok {
			got = "no"
		}
		if got != tt.want {
			t.Errorf("%q with %q is %q, want %q", tt.text, tt.mark, got, tt.want)
		}
	}
	if got, ok := ReadNumber("1,175", ".", false); ok {
		t.Errorf("a rate of 1,175 is %s", got)
	}
}

func TestGuess(t *testing.T) {
	t.Parallel()
	const head = "company,reference,date,currency,net,tax\n"
	for name, tt := range map[string]struct {
		file string
		want Format
	}{
		"plain":          {head + "a,b,2026-01-31,GBP,10.00,2\n", Format{Encoding: UTF8, Dates: YearFirst, Decimal: "."}},
		"german":         {strings.ReplaceAll(head, ",", ";") + "M\xfcller;b;01.02.2026;EUR;10,00;2\nb;c;31.01.2026;EUR;1.000,5;\n", Format{Encoding: Windows1252, Dates: DayFirst, Decimal: ","}},
		"american":       {head + "a,b,01/31/2026,USD,\"1,000.00\",2\n", Format{Encoding: UTF8, Dates: MonthFirst, Decimal: "."}},
		"either, dollar": {head + "a,b,01/02/2026,USD,10,2\n", Format{Encoding: UTF8, Dates: MonthFirst, Decimal: "."}},
		"either, pound":  {head + "a,b,01/02/2026,GBP,10,2\n", Format{Encoding: UTF8, Dates: DayFirst, Decimal: "."}},
		"mark, tabs":     {"\ufeff" + strings.ReplaceAll(head, ",", "\t") + "a\tb\t2026-01-31\tGBP\t10,5\té\n", Format{Encoding: UTF8, Dates: YearFirst, Decimal: ","}},
	} {
		got, err := Guess(strings.NewReader(tt.file), "")
		if err != nil || got.Encoding != tt.want.Encoding || got.Dates != tt.want.Dates || got.Decimal != tt.want.Decimal || len(got.Columns) != 6 {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}

// A letter that two pieces of the file share is one letter.
func TestLettersAreWhole(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 64<<10-1) + "é" + strings.Repeat("€", 1000)
	for name, file := range map[string]string{"whole": text, "cut off": text[:len(text)-1]} {
		valid, err := isUTF8(iotest.OneByteReader(strings.NewReader(file)))
		if err != nil || valid != (name == "whole") {
			t.Errorf("%s: %t, error %v", name, valid, err)
		}
	}
	if err := iotest.TestReader(decoded(strings.NewReader("Caf\xe9 \x80 "+strings.Repeat("\xfc", 9000)), Windows1252), []byte("Café € "+strings.Repeat("ü", 9000))); err != nil {
		t.Error(err)
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"=1+1": "'=1+1", "-12,50": "-12,50", "-1.204,50": "-1.204,50", "+49 30 1": "+49 30 1", "-x": "'-x", "@a": "'@a", "\tx": "'\tx", "＝1": "'＝1", "Pret": "Pret", "": ""} {
		if got := Escape(text); got != want || unescape(got) != text {
			t.Errorf("%q is written %q and read %q", text, got, unescape(got))
		}
	}
}
