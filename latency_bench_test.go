package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

// BenchmarkLatency measures how long it takes from a webhook's arrival until the badge has changed, for each of 30 pushes.
func BenchmarkLatency(t *testing.B) {
	const pushes = 30
	w := newWorld(t, 0, sandbox.Current)
	w.addUser("fay@example.com", store.Finance)
	p := w.serve()
	var expenses [][2]string
	for i := range pushes {
		expenses = append(expenses, [2]string{fmt.Sprintf("L-%d", i+1), travel})
	}
	w.enter(expenses...)
	v := p.visit("fay@example.com", password)
	ids := map[string]string{} // by reference
	for _, e := range expenses {
		ids[e[0]] = ""
	}
	for _, row := range rowPattern.FindAllStringSubmatch(v.page("/expenses"), -1) {
		for _, e := range expenses {
			if strings.Contains(row[0], ">"+e[0]+"<") {
				ids[e[0]] = row[1]
			}
		}
	}

	b := openTab(t, p.url)
	b.signIn("fay@example.com")
	b.open("/expenses")
	// The frame after the change is the first that shows it.
	b.do(chromedp.Evaluate[chromedp.Void](`window.turned = {};
			new MutationObserver((changes) => {
				const rows = changes.map((c) => c.target).filter((r) => r.matches("tr") && r.dataset.status === "complete");
				requestAnimationFrame(() => {
					for (const r of rows) turned[r.id] ??= performance.timeOrigin + performance.now();
					document.body.dataset.turned = Object.keys(turned).length;
				});
			}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-status"] })`))
	seen := map[string]time.Time{} // by the stream, by reference
	stream := v.live("topics=expenses")
	for _, e := range expenses {
		w.scenario(fmt.Sprintf(`{"delay":"850ms","reference":%q}`, e[0])) // the page is at rest again by then
		v.post("/expenses/" + ids[e[0]] + "/push")
		seen[e[0]] = stream.awaitExpense(ids[e[0]], "complete").at
	}
	b.until(fmt.Sprintf(`document.body.dataset.turned === "%d"`, pushes))
	screen := evaluate[map[string]float64](b, `turned`) // in milliseconds of Unix time, by id in the DOM

	costs, _ := w.written(northwind)
	var wire, glass []time.Duration
	for _, c := range costs {
		arrived := w.wire.arrived(c.OperationKey)
		if arrived.IsZero() {
			t.Fatalf("no webhook told of %s", c.Reference)
		}
		wire = append(wire, seen[c.Reference].Sub(arrived))
		at := time.UnixMicro(int64(screen["expense-"+ids[c.Reference]] * 1000))
		glass = append(glass, at.Sub(arrived))
	}
	report(t, "stream", wire)
	report(t, "badge", glass)
}

// report tells the median and the longest.
func report(t *testing.B, what string, times []time.Duration) {
	slices.Sort(times)
	t.ReportMetric(inMilliseconds(times[len(times)/2]), what+"-median-ms")
	t.ReportMetric(inMilliseconds(times[len(times)-1]), what+"-max-ms")
}

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
