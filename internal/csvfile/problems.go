package csvfile

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"tallylight/store"
)

// problemColumn is what is added to a file that is to be mended elsewhere.
const problemColumn = "problem"

// WriteProblems writes an uploaded file with what was changed in it, and in a last column what is wrong with each line.
func (i *Importer) WriteProblems(ctx context.Context, w io.Writer, im store.Import, made []store.ImportFix) error {
	done, err := i.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	var f Format
	if err := json.Unmarshal(im.Format, &f); err != nil {
		return fmt.Errorf("read format of import %d: %w", im.ID, err)
	}
	companies, err := i.Store.Companies(ctx)
	if err != nil {
		return err
	}
	changed := newFixes(made)
	file := &lettersSeen{from: i.Store.ImportFile(ctx, im)}
	b, _ := read(file, f, changed, companies)
	if file.err != nil {
		return file.err
	}
	_, used, err := compare(ctx, i.Store, b.entries)
	if err != nil {
		return err
	}
	said := map[int][]string{}
	for _, p := range append(b.problems, used...) {
		text := p.Text
		if p.Column != "" {
			text = p.Column + ": " + text
		}
		said[p.Line] = append(said[p.Line], text)
	}
	file = &lettersSeen{from: i.Store.ImportFile(ctx, im)}
	if err := annotate(w, file, f, changed, said); err != nil {
		return err
	}
	return file.err
}

func annotate(w io.Writer, file io.Reader, f Format, changed fixes, said map[int][]string) error {
	if _, err := w.Write(mark); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	at, width := -1, 0 // where an earlier problem column is
	var column map[string]int
	added := changed.columns()
	write := func(line int, fields []string) {
		texts := strings.Join(said[line], " ")
		if line == 0 {
			texts = problemColumn
		}
		record := make([]string, 0, width+1)
		for n := range max(width, len(fields)) {
			switch {
			case n == at:
			case n < len(fields):
				record = append(record, Escape(fields[n]))
			default:
				record = append(record, "")
			}
		}
		out.Write(append(record, texts)) // Error below tells of it
	}
	records(file, f, func(h header) bool {
		h.place(f)
		added = slices.DeleteFunc(added, func(name string) bool {
			i, has := h.column[name]
			return has && i != Absent
		})
		for i, name := range added {
			h.column[name] = len(h.names) + i
		}
		h.names = append(h.names, added...)
		column, width, out.Comma = h.column, len(h.names), h.comma
		for n, name := range h.names {
			if strings.EqualFold(name, problemColumn) {
				at = n
			}
		}
		said[0] = nil
		write(0, h.names)
		return true
	}, func(line int, fields []string, p *Problem) {
		cells, leftOut := changed.at(line)
		if leftOut {
			return
		}
		if p != nil && len(fields) == 0 {
			said[line] = append(said[line], "What the line holds stands in the uploaded file only.")
		}
		fields = append(fields, make([]string, max(0, width-len(fields)))...)
		for name, text := range cells {
			if n, ok := column[name]; ok {
				fields[n] = text
			}
		}
		write(line, fields)
	})
	out.Flush()
	return out.Error()
}
