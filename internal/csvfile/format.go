package csvfile

import (
	"bufio"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Dates is the order in which a file writes dates. 2026-01-31 is understood whatever the order.
type Dates string

const (
	YearFirst  Dates = "ymd" // 2026-01-31, 2026/1/31
	DayFirst   Dates = "dmy" // 31.01.2026, 31/1/2026
	MonthFirst Dates = "mdy" // 01/31/2026
)

// example is a date as a file of that order writes it.
func (d Dates) example() string {
	switch d {
	case DayFirst:
		return "31.01.2026"
	case MonthFirst:
		return "01/31/2026"
	}
	return "2026-01-31"
}

// Encoding is how a file writes letters.
type Encoding string

const (
	UTF8        Encoding = "utf-8"
	Windows1252 Encoding = "windows-1252"
)

// Format is how a file is read. The zero Format is the one that the package's documentation describes: UTF-8, columns by name, dates
// such as 2026-01-31 and amounts such as 1204.50 alone.
type Format struct {
	Encoding  Encoding       `json:"encoding,omitempty"`
	Separator string         `json:"separator,omitempty"` // "" = as the header has it
	Dates     Dates          `json:"dates,omitempty"`
	Decimal   string         `json:"decimal,omitempty"`    // "." or ","; thousands may then be set apart
	Columns   map[string]int `json:"columns,omitempty"`    // which field of a row each of our columns is; Absent for none
	CompanyID int64          `json:"company_id,omitempty"` // whose expenses they are where no column says so
}

// Absent is the place of a column that a person said the file does not have.
const Absent = -1

// ReadDate reads a date in that order.
func ReadDate(text string, order Dates) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, true
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '.' || r == '/' || r == '-' })
	if len(parts) != 3 || len(text) > len("31/01/2026") {
		return time.Time{}, false
	}
	year, month, day := 0, 1, 2
	switch order {
	case YearFirst:
	case DayFirst:
		year, month, day = 2, 1, 0
	case MonthFirst:
		year, month, day = 2, 0, 1
	default:
		return time.Time{}, false
	}
	if len(parts[year]) != 4 {
		return time.Time{}, false
	}
	t, err := time.Parse("2006 1 2", parts[year]+" "+parts[month]+" "+parts[day])
	return t, err == nil
}

// ReadNumber spells a number as a plain decimal. The mark is what the file sets before decimals, "." or ","; "" takes plain decimals alone
// and leaves them to be judged by others. With grouped, thousands may be set apart.
func ReadNumber(text, mark string, grouped bool) (string, bool) {
	if mark == "" {
		return text, true
	}
	sign, digits := "", strings.Replace(text, "−", "-", 1)
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	whole, fraction, pointed := strings.Cut(digits, mark)
	if pointed && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
		return "", false
	}
	if grouped {
		whole = ungroup(whole, mark)
	}
	if whole == "" || strings.Trim(whole, "0123456789") != "" {
		return "", false
	}
	if pointed {
		return sign + whole + "." + fraction, true
	}
	return sign + whole, true
}

// ungroup takes out what sets thousands apart: all of one kind, with three digits after each. Anything else it leaves.
func ungroup(whole, mark string) string {
	for _, apart := range []string{",", ".", " ", "\u00a0", "\u202f", "'", "’"} {
		groups := strings.Split(whole, apart)
		if apart == mark || len(groups) < 2 || len(groups[0]) < 1 || len(groups[0]) > 3 {
			continue
		}
		for _, g := range groups[1:] {
			if len(g) != 3 {
				return whole
			}
		}
		return strings.Join(groups, "")
	}
	return whole
}

// Decode spells bytes in UTF-8.
func Decode(b []byte, from Encoding) string {
	if from != Windows1252 {
		return strings.ToValidUTF8(string(b), "�")
	}
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(windows1252(c))
	}
	return s.String()
}

func windows1252(c byte) rune {
	if c >= 0x80 && c < 0xa0 {
		return high[c-0x80]
	}
	return rune(c)
}

// high are the letters of Windows-1252 that are not those of Latin-1.
var high = [32]rune{
	'€', utf8.RuneError, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', utf8.RuneError, 'Ž', utf8.RuneError,
	utf8.RuneError, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', utf8.RuneError, 'ž', 'Ÿ',
}

// decoder reads Windows-1252 as UTF-8.
type decoder struct {
	from *bufio.Reader
	rest []byte
}

func (d *decoder) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		raw, err := d.from.Peek(max(1, min(d.from.Buffered(), 4096)))
		if len(raw) == 0 {
			return 0, err
		}
		d.rest = d.rest[:0]
		for _, c := range raw {
			d.rest = utf8.AppendRune(d.rest, windows1252(c))
		}
		d.from.Discard(len(raw)) // they are there
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func decoded(r io.Reader, from Encoding) io.Reader {
	if from != Windows1252 {
		return r
	}
	return &decoder{from: bufio.NewReaderSize(r, 16<<10)}
}
