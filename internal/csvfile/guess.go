package csvfile

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// Guess looks through a file for how it is to be read, where that is what stands between columns ("" = as the header has it). A
// person sees the guess beside cells of the file, and may change it.
func Guess(file io.ReadSeeker, separator string) (Format, error) {
	f := Format{Encoding: UTF8, Separator: separator, Columns: map[string]int{}}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return f, err
	}
	valid, err := isUTF8(file)
	if err != nil {
		return f, err
	}
	if !valid {
		f.Encoding = Windows1252
	}
	f.Dates, f.Decimal, err = written(file, f, func(names []string) map[string]int {
		f.Columns = named(names)
		return f.Columns
	})
	return f, err
}

// written finds out how a file writes dates and amounts, in the columns that place says.
func written(file io.ReadSeeker, f Format, place func(names []string) map[string]int) (order Dates, decimal string, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", "", err
	}
	var votes votes
	records(file, f, func(h header) bool { // what is wrong with the file is said when it is read
		votes.column = place(h.names)
		return true
	}, func(_ int, fields []string, p *Problem) {
		if p == nil {
			votes.count(fields)
		}
	})
	order, decimal = votes.result()
	return order, decimal, nil
}

// isUTF8 reads r to its end.
func isUTF8(r io.Reader) (bool, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, MaxBytes), 64<<10)
	for {
		b, err := in.Peek(max(1, in.Buffered()))
		if len(b) == 0 {
			if err == io.EOF {
				return true, nil
			}
			return false, err
		}
		n := 0
		for n < len(b) {
			if c := b[n]; c < utf8.RuneSelf {
				n++
				continue
			}
			if !utf8.FullRune(b[n:]) {
				break
			}
			r, size := utf8.DecodeRune(b[n:])
			if r == utf8.RuneError && size == 1 {
				return false, nil
			}
			n += size
		}
		if n == 0 { // a letter that the buffer ends within
			if b, _ = in.Peek(utf8.UTFMax); !utf8.FullRune(b) {
				return false, nil
			}
			continue
		}
		in.Discard(n)
	}
}

// named finds our columns by their names, however they are cased and whatever stands between their words.
func named(names []string) map[string]int {
	column := map[string]int{}
	for i, name := range names {
		name = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(name))
		for _, c := range Columns {
			if _, taken := column[c]; name == c && !taken {
				column[c] = i
			}
		}
	}
	return column
}

// votes are the cells that can be read in each way.
type votes struct {
	column              map[string]int
	year, day, month    int
	point, comma        int
	dollars, currencies int
}

func (v *votes) count(fields []string) {
	cell := func(column string) string {
		if i, ok := v.column[column]; ok && i >= 0 {
			return fields[i]
		}
		return ""
	}
	text := cell(date)
	for order, n := range map[Dates]*int{YearFirst: &v.year, DayFirst: &v.day, MonthFirst: &v.month} {
		if _, ok := ReadDate(text, order); ok {
			*n++
		}
	}
	for _, column := range []string{net, tax} {
		text := cell(column)
		if _, ok := ReadNumber(text, ".", true); ok {
			v.point++
		}
		if _, ok := ReadNumber(text, ",", true); ok {
			v.comma++
		}
	}
	switch cell(currency) {
	case "":
	case "USD":
		v.dollars++
		fallthrough
	default:
		v.currencies++
	}
}

// result is what most cells can be read as. Of dates that can be either, those of a file in dollars have the month first.
func (v *votes) result() (order Dates, decimal string) {
	order, decimal = YearFirst, "."
	if v.day > v.year || v.month > v.year {
		order = DayFirst
		if v.month > v.day || v.month == v.day && 2*v.dollars > v.currencies {
			order = MonthFirst
		}
	}
	if v.comma > v.point {
		decimal = ","
	}
	return order, decimal
}
