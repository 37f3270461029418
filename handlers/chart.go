package handlers

import (
	"fmt"

	"tallylight/store"
	"tallylight/views"
)

// The picture of pushes per day, in units of its own.
const (
	chartWidth  = 720.0
	chartHeight = 150.0
	chartLeft   = 44.0 // room for the numbers
	chartTop    = 8.0
)

// outcomeChart draws a bar for each day: complete below, then what needs checking, then what failed.
func outcomeChart(days []store.DayOutcomes) views.Chart {
	most, all := 0, store.DayOutcomes{}
	for _, d := range days {
		most = max(most, d.Complete+d.NeedsChecking+d.Failed)
		all.Complete += d.Complete
		all.NeedsChecking += d.NeedsChecking
		all.Failed += d.Failed
	}
	chart := views.Chart{Empty: most == 0, Says: fmt.Sprintf("Pushes on each of the last %d days: %s complete, %s failed, %s needing checking.",
		len(days), number(all.Complete), number(all.Failed), number(all.NeedsChecking))}
	top := roundUp(most)
	for _, n := range []int{0, top / 2, top} {
		if n > 0 || len(chart.Marks) == 0 {
			chart.Marks = append(chart.Marks, views.ChartMark{Y: units(chartTop + chartHeight*(1-float64(n)/float64(top))), Text: number(n)})
		}
	}
	step := (chartWidth - chartLeft) / float64(len(days))
	for i, d := range days {
		x := chartLeft + step*float64(i)
		bar := views.ChartDay{Day: day(d.Day), Complete: number(d.Complete), Failed: number(d.Failed), Checking: number(d.NeedsChecking)}
		if i%7 == len(days)%7-1 || i == len(days)-1 {
			bar.Label, bar.LabelX = d.Day.Format("2 Jan"), units(min(x+step/2, chartWidth-24))
		}
		y := chartTop + chartHeight
		for _, part := range []struct {
			status string
			n      int
		}{{"complete", d.Complete}, {"needs_checking", d.NeedsChecking}, {"failed", d.Failed}} {
			if part.n == 0 {
				continue
			}
			height := chartHeight * float64(part.n) / float64(top)
			if height < 1.5 { // one among thousands is still seen
				height = 1.5
			}
			y -= height
			bar.Parts = append(bar.Parts, views.ChartPart{Status: part.status, X: units(x + step*0.14), Y: units(y), Width: units(step * 0.72), Height: units(height)})
		}
		chart.Days = append(chart.Days, bar)
	}
	return chart
}

func units(u float64) string { return fmt.Sprintf("%.1f", u) }

// roundUp is the next number that begins with 1, 2 or 5 and has only noughts after it, at least 2.
func roundUp(n int) int {
	for scale := 1; ; scale *= 10 {
		for _, first := range []int{2, 5, 10} {
			if first*scale >= n {
				return first * scale
			}
		}
	}
}
