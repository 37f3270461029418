package handlers

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"tallylight/internal/csvfile"
	"tallylight/store"
	"tallylight/store/storetest"
)

const inout = 100_000 // expenses

// BenchmarkImport uploads, reads and enters a file of 100,000 lines.
func BenchmarkImport(b *testing.B) {
	s := storetest.New(b)
	user, err := s.SaveUser(b.Context(), "bench@example.com", "x", store.Finance)
	if err != nil {
		b.Fatal(err)
	}
	err = s.InTx(b.Context(), func(tx *store.Tx) error {
		_, err := tx.SaveCompany(b.Context(), "c", "Northwind", "")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	imports := &csvfile.Importer{Store: s, Log: slog.New(slog.DiscardHandler)}
	run := 0
	var upload, read, enter time.Duration
	peak := peakHeap(b, func() {
		for b.Loop() {
			run++
			file, w := io.Pipe()
			go func() {
				io.WriteString(w, imported)
				for n := range inout {
					fmt.Fprintf(w, "Northwind,R-%d-%d,2026-01-%02d,Supplier %d,Train to the customer,Travel - National,GBP,%d.50,2.00,Business Account\r\n", run, n, n%28+1, n%500, n%900+1)
				}
				w.Close()
			}()
			began := time.Now()
			id, err := s.AddImport(b.Context(), user, "bench.csv", file)
			if err != nil {
				b.Fatal(err)
			}
			im, _, err := s.Import(b.Context(), id)
			if err == nil {
				err = imports.Guess(b.Context(), im, "")
			}
			upload += time.Since(began)
			began = time.Now()
			if err == nil {
				im, _, err = s.Import(b.Context(), id)
			}
			if err != nil {
				b.Fatal(err)
			}
			if _, p, err := imports.Preview(b.Context(), im, nil); err != nil || p.Problems > 0 || p.Expenses != inout {
				b.Fatalf("%d expenses, %d problems, error %v", p.Expenses, p.Problems, err)
			}
			read += time.Since(began)
			began = time.Now()
			if err := s.StartImport(b.Context(), user, id); err != nil {
				b.Fatal(err)
			}
			if err := imports.EnterDue(b.Context()); err != nil {
				b.Fatal(err)
			}
			enter += time.Since(began)
		}
	})
	n := float64(b.N)
	b.ReportMetric(upload.Seconds()/n, "s-upload")
	b.ReportMetric(read.Seconds()/n, "s-preview")
	b.ReportMetric(enter.Seconds()/n, "s-enter")
	b.ReportMetric(inout*n/enter.Seconds(), "expenses/s")
	b.ReportMetric(peak, "MB-peak-heap")
}

// BenchmarkExport writes 10,000 expenses, and 100,000: what it takes of memory is the same.
func BenchmarkExport(b *testing.B) {
	s := storetest.New(b)
	for _, expenses := range []int{inout / 10, inout} {
		if _, err := s.Seed(b.Context(), expenses); err != nil {
			b.Fatal(err)
		}
		for _, kind := range []exportKind{exportCSV, exportXLSX} {
			b.Run(fmt.Sprintf("%s/%d", kind.extension, expenses), func(b *testing.B) {
				written := 0
				peak := peakHeap(b, func() {
					for b.Loop() {
						n, err := writeExport(b.Context(), s, store.ExpenseFilter{}, kind, time.UTC, io.Discard)
						if err != nil || n != expenses {
							b.Fatalf("%d expenses, error %v", n, err)
						}
						written += n
					}
				})
				b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "expenses/s")
				b.ReportMetric(peak, "MB-peak-heap")
			})
		}
	}
}

// peakHeap is the most that the heap held while do ran, in MB.
func peakHeap(b *testing.B, do func()) float64 {
	b.Helper()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var most uint64
	look := func() {
		metrics.Read(sample)
		most = max(most, sample[0].Value.Uint64())
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			look()
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	do()
	close(stop)
	watching.Wait()
	return float64(most) / (1 << 20)
}
