package handlers

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"tallylight/internal/csvfile"
	"tallylight/internal/explain"
	"tallylight/internal/xlsx"
	"tallylight/store"
	"tallylight/web"
)

// exports counts those under way in this process, by person.
type exports struct {
	mu      sync.Mutex
	running map[int64]int
}

const exportsAtOnce = 2 // of one person

func (e *exports) begin(user int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		e.running = map[int64]int{}
	}
	if e.running[user] >= exportsAtOnce {
		return false
	}
	e.running[user]++
	return true
}

func (e *exports) end(user int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[user]--; e.running[user] == 0 {
		delete(e.running, user)
	}
}

// exportSheet is a file that is written row by row.
type exportSheet interface {
	add(x store.ExportedExpense) error
	close() error
}

// exportKind is a kind of file that expenses leave as.
type exportKind struct {
	extension, mime string
	begin           func(w io.Writer, in *time.Location) (exportSheet, error)
}

var (
	exportCSV  = exportKind{"csv", csvType, beginCSV}
	exportXLSX = exportKind{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", beginXLSX}
)

// export answers with what the list's filter shows, as a file.
func (h *Handlers) export(kind exportKind) personal {
	return func(w http.ResponseWriter, r *http.Request, who store.User) error {
		ctx := r.Context()
		companies, err := h.companiesWith(ctx, r.URL.Query().Get("company"))
		if err != nil {
			return err
		}
		f := readFilter(r.URL.Query(), companies)
		in := h.zoneOf(who)
		now, err := h.Store.Now(ctx)
		if err != nil {
			return err
		}
		if !h.exports.begin(who.ID) {
			return &web.Error{Status: http.StatusTooManyRequests, Sentence: "Two exports of yours are running already. Try again when one of them has ended."}
		}
		defer h.exports.end(who.ID)
		name := fmt.Sprintf("expenses-%s.%s", now.In(in).Format(time.DateOnly), kind.extension)
		return h.download(w, kind.mime, name, func(out io.Writer) error {
			if r.Method == http.MethodHead {
				return nil
			}
			began := time.Now()
			n, err := writeExport(ctx, h.Store, f, kind, in, out)
			if err == nil {
				h.Log.Info("expenses exported", "by", who.Email, "kind", kind.extension, "filter", listURL(f), "expenses", n,
					"took", time.Since(began).Round(time.Millisecond))
			}
			return err
		})
	}
}

func writeExport(ctx context.Context, s *store.Store, f store.ExpenseFilter, kind exportKind, in *time.Location, w io.Writer) (n int, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	sheet, err := kind.begin(out, in)
	if err != nil {
		return 0, err
	}
	err = s.Export(ctx, f, func(x store.ExportedExpense) error {
		n++
		return sheet.add(x)
	})
	if err != nil && !errors.Is(err, xlsx.ErrFull) {
		return n, err // without an end, which would make it look whole
	}
	return n, cmp.Or(sheet.close(), out.Flush())
}

var exportColumns = []xlsx.Column{
	{Heading: "company", Width: 24}, {Heading: "reference", Width: 16}, {Heading: "date", Width: 12}, {Heading: "supplier", Width: 24},
	{Heading: "description", Width: 32}, {Heading: "category", Width: 24}, {Heading: "currency", Width: 9}, {Heading: "net", Width: 13},
	{Heading: "tax", Width: 13}, {Heading: "total", Width: 13}, {Heading: "paid_from", Width: 20}, {Heading: "status", Width: 16},
	{Heading: "status_since", Width: 20}, {Heading: "cause", Width: 44}, {Heading: "ledger_record", Width: 38}, {Heading: "note", Width: 30},
	{Heading: "time_zone", Width: 18},
}

// exportCause is why the newest push failed, or needs checking, in a sentence or two.
func exportCause(x store.ExportedExpense) string {
	if x.Cause == "" {
		return ""
	}
	return explain.Explain(explain.Cause(x.Cause), x.Subject, explain.Fact{Platform: x.Platform, Kind: x.FailedKind}).Cause
}

// csvSheet is a CSV file that spreadsheets open: with a byte order mark, and without anything that they would take for a formula.
type csvSheet struct {
	out    *csv.Writer
	in     *time.Location
	fields []string
}

func beginCSV(w io.Writer, in *time.Location) (exportSheet, error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, err
	}
	s := &csvSheet{out: csv.NewWriter(w), in: in}
	s.out.UseCRLF = true
	for _, c := range exportColumns {
		s.fields = append(s.fields, c.Heading)
	}
	return s, s.out.Write(s.fields)
}

func (s *csvSheet) add(x store.ExportedExpense) error {
	s.fields = append(s.fields[:0],
		csvfile.Escape(x.Company), csvfile.Escape(x.Reference), x.IssueDate.Format(time.DateOnly), csvfile.Escape(x.Supplier),
		csvfile.Escape(x.Description), csvfile.Escape(x.Category), x.Currency, exactly(x.Net, x.Currency), exactly(x.Tax, x.Currency),
		exactly(x.Total, x.Currency), csvfile.Escape(x.PaidFrom), statusWords[x.Status], x.StatusAt.In(s.in).Format(time.RFC3339),
		csvfile.Escape(exportCause(x)), csvfile.Escape(x.RecordID), csvfile.Escape(x.Note), zoneName(s.in))
	return s.out.Write(s.fields)
}

func (s *csvSheet) close() error {
	s.out.Flush()
	return s.out.Error()
}

// xlsxSheet is an Excel workbook. Its last row says when there are more expenses than rows.
type xlsxSheet struct {
	*xlsx.Writer
	in *time.Location
}

func beginXLSX(w io.Writer, in *time.Location) (exportSheet, error) {
	x, err := xlsx.New(w, "Expenses", exportColumns)
	return xlsxSheet{x, in}, err
}

func (s xlsxSheet) add(x store.ExportedExpense) error {
	s.Row()
	if s.Left() == 1 {
		s.Text(fmt.Sprintf("There are more: a sheet of Excel ends after %s rows. The CSV has them all.", number(xlsx.MaxRows)))
		return cmp.Or(s.End(), xlsx.ErrFull)
	}
	digits := store.Digits(x.Currency)
	s.Text(x.Company)
	s.Text(x.Reference)
	s.Date(x.IssueDate)
	s.Text(x.Supplier)
	s.Text(x.Description)
	s.Text(x.Category)
	s.Text(x.Currency)
	s.Number(exactly(x.Net, x.Currency), digits)
	s.Number(exactly(x.Tax, x.Currency), digits)
	s.Number(exactly(x.Total, x.Currency), digits)
	s.Text(x.PaidFrom)
	s.Text(statusWords[x.Status])
	s.Time(x.StatusAt.In(s.in))
	s.Text(exportCause(x))
	s.Text(x.RecordID)
	s.Text(x.Note)
	s.Text(zoneName(s.in))
	return s.End()
}

func (s xlsxSheet) close() error { return s.Close() }
