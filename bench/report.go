package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A row is one measurement.
type row struct {
	Store     string        `json:"store"`
	Records   int           `json:"records"`
	Callers   int           `json:"callers"`
	Guess     string        `json:"guess"` // "right", "wrong", or "cold": wrong, by an engine that does not remember the record
	PerSecond float64       `json:"checks_per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	Allocs    float64       `json:"allocations_per_check"`
	Bytes     float64       `json:"bytes_per_pending_code,omitempty"`
	GC        time.Duration `json:"full_gc_ns,omitempty"`
	Unit      string        `json:"unit"`    // "H", "Update", "script" or "UPDATE"
	UnitNanos float64       `json:"unit_ns"` // cost of one unit in the same rounds
	UnitP50   time.Duration `json:"unit_p50_ns,omitempty"`
	Ratio     float64       `json:"ratio"` // memstore: cost in units; others: throughput in units
	P50Ratio  float64       `json:"p50_ratio,omitempty"`
}

// A report is the outcome of a run.
type report struct {
	Go    string    `json:"go"`
	OS    string    `json:"os"`
	Arch  string    `json:"arch"`
	CPUs  int       `json:"cpus"`
	Began time.Time `json:"began"`
	Rows  []row     `json:"rows"`
}

func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s/%s, %d CPUs\n\n", r.Go, r.OS, r.Arch, r.CPUs)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "store\tcodes\tcallers\tguess\tchecks/s\tp50\tp99\tallocs\tB/code\tfull GC\tratio\tp50 ratio\t")
	for _, row := range r.Rows {
		p50, size := "", ""
		if row.Bytes != 0 {
			size = fmt.Sprintf("%.0f", row.Bytes)
		}
		if row.P50Ratio != 0 {
			p50 = fmt.Sprintf("%.2f x", row.P50Ratio)
		}
		gc := ""
		if row.GC != 0 {
			gc = row.GC.Round(100 * time.Microsecond).String()
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%.0f\t%v\t%v\t%.1f\t%s\t%s\t%.2f x %s\t%s\t\n", row.Store, row.Records, row.Callers, row.Guess,
			row.PerSecond, row.P50.Round(10*time.Nanosecond), row.P99.Round(10*time.Nanosecond), row.Allocs, size, gc, row.Ratio, row.Unit, p50)
	}
	table.Flush()
}
