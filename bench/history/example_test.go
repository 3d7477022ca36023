package history_test

import (
	"context"
	"fmt"

	"github.com/passcode-go/passcode/bench/history"
	"github.com/passcode-go/passcode/store/memstore"
)

// A store is put to the test from a program.
func Example() {
	s, err := memstore.New(memstore.Config{})
	if err != nil {
		panic(err)
	}
	options := history.Options{Histories: 20}
	for _, check := range []func() (history.Report, error){
		func() (history.Report, error) { return history.CheckStore(context.Background(), options, s) },
		func() (history.Report, error) { return history.CheckEngine(context.Background(), options, s) },
	} {
		report, err := check()
		fmt.Println(report.Histories, err)
	}
	// Output:
	// 20 <nil>
	// 20 <nil>
}
