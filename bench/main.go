// Bench measures how many code checks a machine can do.
//
// For each store it fills an engine with pending codes, checks wrong and right
// ones from 1 to 256 callers, and prints a table: checks per second,
// median and 99th percentile of a check, allocations of a check, bytes per
// pending code. Beside each row stands a ratio within the same run, because
// absolute figures differ from machine to machine and from minute to minute:
//
//   - memstore against H, one HMAC-SHA-256 with a kept key over the message of
//     a code's MAC: "x H" is the cost of a check in units of that.
//   - boltstore against one bbolt Update per check, which reads, compares and
//     writes a value of the same size with the same options: "x Update" is the
//     throughput in units of that, for the same number of callers.
//   - redisstore against one script per check through the same client, which
//     compares and sets a value of the same size: "x script".
//   - pgstore against one UPDATE per check, on up to 64 connections and with
//     synchronous_commit on: "x UPDATE".
//
// The last two are asked for by name, start private servers unless -redis or
// -postgres names one, and have a third kind of check: a wrong guess at a program
// that has not sent the code, so that its engine does not remember the record
// ("cold").
//
// Both sides of a ratio take turns; the ratio is the median of the rounds'.
//
// The figures of the memory store are for one core with -cpu 1. The garbage
// collection column is one forced full collection with all codes pending.
//
//	go run ./bench                                   # about two minutes
//	go run ./bench -store memstore -cpu 1 -records 1000,1000000,5000000 -callers 1
//	go run ./bench -store boltstore -records 10000,1000000 -callers 1,64,256
//	go run ./bench -store redis,postgres -records 40000 -callers 1,64,256 -rounds 5
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A plan is what to measure.
type plan struct {
	stores   []string
	records  []int
	callers  []int
	rounds   int
	checks   int // the least of each kind in a round of the memory store
	dir      string
	redis    string // URL; "": a private server
	postgres string
	cpu      int
	log      io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p := plan{log: stderr}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	stores := flags.String("store", "memstore,boltstore", "stores to measure, of memstore, boltstore, redis and postgres")
	records := flags.String("records", "1000,100000", "numbers of pending codes")
	callers := flags.String("callers", "1,64,256", "numbers of callers at once")
	flags.IntVar(&p.rounds, "rounds", 3, "rounds in which each pair takes turns")
	flags.IntVar(&p.checks, "checks", 20_000, "least checks of each kind in a round of memstore: fewer codes are filled again and again")
	flags.StringVar(&p.dir, "dir", "", "directory for database files; default a temporary one")
	flags.StringVar(&p.redis, "redis", "", "URL of an empty Redis database to use; default a private server")
	flags.StringVar(&p.postgres, "postgres", "", "URL of a Postgres database to use, in which the table bare and the schema bench are made; default a private server")
	flags.IntVar(&p.cpu, "cpu", runtime.NumCPU(), "processors to use")
	file := flags.String("json", "", "also write the results to this file as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p.stores = strings.Split(*stores, ",")
	for _, name := range p.stores {
		if !slices.Contains([]string{"memstore", "boltstore", "redis", "postgres"}, name) {
			return fmt.Errorf("-store: %q is none of memstore, boltstore, redis and postgres", name)
		}
	}
	var err error
	if p.records, err = numbers("-records", *records); err != nil {
		return err
	}
	if p.callers, err = numbers("-callers", *callers); err != nil {
		return err
	}
	if p.rounds < 1 || p.cpu < 1 || p.checks < 1 {
		return fmt.Errorf("-rounds, -checks and -cpu must be at least 1")
	}
	runtime.GOMAXPROCS(p.cpu)
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "passcode-bench"); err != nil {
			return err
		}
		defer os.RemoveAll(p.dir)
	}

	report := report{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: p.cpu, Began: time.Now().UTC()}
	for _, store := range p.stores {
		for _, n := range p.records {
			rows, err := measure(ctx, p, store, n)
			report.Rows = append(report.Rows, rows...)
			if err != nil {
				return err
			}
		}
	}
	report.print(stdout)
	if *file == "" {
		return nil
	}
	encoded, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*file, append(encoded, '\n'), 0o644)
}

// numbers reads a list of positive numbers such as "1,64,256".
func numbers(name, list string) (all []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.ReplaceAll(part, "_", ""))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is no positive number", name, part)
		}
		all = append(all, n)
	}
	return all, nil
}
