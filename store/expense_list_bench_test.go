package store_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"tallylight/store"
	"tallylight/store/storetest"
)

// BenchmarkList reads the first page and a deep one of each kind of list; cpu-µs/op is what a page costs this process and PostgreSQL
// together. "bare" is a page of the expenses table alone, for comparison.
func BenchmarkList(b *testing.B) {
	for _, size := range []int{1000, 10_000, 1_000_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			dsn := storetest.DSN(b)
			s, err := store.Open(b.Context(), dsn)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			if _, err := s.Seed(b.Context(), size); err != nil {
				b.Fatal(err)
			}
			db := storetest.DB(b, dsn)
			db.SetMaxOpenConns(1)
			var company int64
			if err := db.Get(&company, `SELECT min(company_id) FROM expenses`); err != nil {
				b.Fatal(err)
			}
			b.Run("bare", func(b *testing.B) {
				page(b, db, func() error {
					var es []struct {
						ID, CompanyID                                     int64
						Reference, Supplier, Description, Currency, Total string
						Status, IssueDate, StatusAt                       string
					}
					return db.Select(&es, `SELECT id, company_id AS companyid, reference, issue_date AS issuedate, supplier, description, currency, total, status, status_at AS statusat
						FROM expenses WHERE status = 'complete' AND (issue_date, id) < ($1::date, $2::bigint) ORDER BY issue_date DESC, id DESC LIMIT 51`, "2099-01-01", 0)
				})
			})
			year := time.Now().AddDate(-1, 0, 0).UTC().Truncate(24 * time.Hour)
			for name, f := range map[string]store.ExpenseFilter{
				"all": {}, "complete": {Status: store.Complete}, "failed": {Status: store.Failed}, "company": {CompanyID: company},
				"company+status": {CompanyID: company, Status: store.Complete}, "month": {From: year.AddDate(0, -1, 0), To: year},
				"amount": {Sort: store.SortAmount}, "changed": {Sort: store.SortChanged}, "month by amount": {From: year.AddDate(0, -1, 0), To: year, Sort: store.SortAmount},
				"cause": {Cause: "period_closed"}, "currency": {Currency: "JPY"}, "supplier": {Supplier: "Proseware"}, "text frequent": {Text: "ex-"}, "text 1 in 20": {Text: "trade fair"},
				"text one": {Text: "EX-0000777"}, "text none": {Text: "nothing like it"}, "text one letter": {Text: "q"}, "text letters, none": {Text: "qz"},
			} {
				b.Run(name+"/first", func(b *testing.B) {
					page(b, db, func() error { _, err := s.ExpensePage(b.Context(), f, "", ""); return err })
				})
				cursor := ""
				for range min(100, size/100) {
					p, err := s.ExpensePage(b.Context(), f, cursor, "")
					if err != nil {
						b.Fatal(err)
					}
					if p.After == "" {
						break
					}
					cursor = p.After
				}
				b.Run(name+"/deep", func(b *testing.B) {
					page(b, db, func() error { _, err := s.ExpensePage(b.Context(), f, cursor, ""); return err })
				})
			}
			b.Run("counts", func(b *testing.B) {
				page(b, db, func() error { _, err := s.StatusCounts(b.Context(), 0); return err })
			})
			b.Run("causes", func(b *testing.B) {
				page(b, db, func() error { _, err := s.CauseGroups(b.Context(), store.ExpenseFilter{}); return err })
			})
		})
	}
}

func page(b *testing.B, db *sqlx.DB, read func() error) {
	before := cpu(b, db)
	for b.Loop() {
		if err := read(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b, db)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is what this process and its PostgreSQL connections have used.
func cpu(b *testing.B, db *sqlx.DB) time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	var pids []int
	if err := db.Select(&pids, `SELECT pid FROM pg_stat_activity WHERE datname = current_database()`); err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has just ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, ticks := range fields[11:13] { // of 10 ms
			n, _ := strconv.Atoi(ticks)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
