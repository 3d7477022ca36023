package history

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/store"
)

func plain(e passcodes) passcodes { return e }

// The model holds an engine to every one of its limits: of engines that allow
// one more of anything, or a second longer, histories are found that it
// refuses.
func TestModelBindsEveryLimit(t *testing.T) {
	t.Parallel()
	for name, stricter := range map[string]func(*rules){
		"tries":     func(r *rules) { r.Tries-- },
		"lifetime":  func(r *rules) { r.Lifetime -= time.Second },
		"lock":      func(r *rules) { r.Lock.After-- },
		"lock time": func(r *rules) { r.Lock.For -= time.Second },
		"day":       func(r *rules) { r.PerDay-- },
		"sends":     func(r *rules) { r.Sends = slices.Clone(r.Sends); r.Sends[0].Limit-- },
		"window":    func(r *rules) { r.Sends = slices.Clone(r.Sends); r.Sends[0].Window -= time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(200) {
				calls, rules, err := engineHistory(t.Context(), []store.Store{newFlawed("")}, seed, plain)
				if err != nil {
					t.Fatal(err)
				}
				stricter(&rules)
				if !porcupine.CheckOperations(engineLevel(rules).model, calls) {
					return
				}
			}
			t.Error("never found")
		})
	}
}

// A seed makes the same history again, call by call, where callers take turns.
// Only the codes differ.
func TestSeedRepeatsHistory(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{2, 3, 6, 7, 10, 11} {
		var before []string
		for range 5 {
			calls, _, err := engineHistory(t.Context(), []store.Store{newFlawed("")}, seed, plain)
			if err != nil {
				t.Fatal(err)
			}
			var history []string
			for _, op := range calls {
				q := op.Input.(request)
				if q.code != "" {
					q.code = "******"
				}
				if q.guess != "" {
					q.guess = "******"
				}
				history = append(history, fmt.Sprint(op.ClientId, op.Call, op.Return, q, op.Output))
			}
			if before != nil && !slices.Equal(before, history) {
				t.Fatalf("seed %d made two histories", seed)
			}
			before = history
		}
	}
}

// A failure says how to repeat it, and its page shows the history.
func TestFailure(t *testing.T) {
	t.Parallel()
	_, err := CheckStore(t.Context(), Options{Seed: 10}, newFlawed("old is ignored"))
	failure, ok := err.(*Failure)
	if !ok {
		t.Fatal(err)
	}
	defer os.Remove(failure.Page)
	text := failure.repeat("TestStores/mine/store")
	want := fmt.Sprintf("go test . -run '^TestStores$/^mine$/^store$' -seed %d -histories 1", failure.Seed)
	if !strings.Contains(text, want) || failure.Seed < 10 || failure.Seed >= 210 {
		t.Errorf("%q, want %q in it", text, want)
	}
	page, err := os.ReadFile(failure.Page)
	if err != nil || !strings.Contains(string(page), "swap nothing for") {
		t.Errorf("the page of %d bytes shows no swap: %v", len(page), err)
	}
	if _, err := CheckStore(t.Context(), Options{Seed: failure.Seed, Histories: 1}, newFlawed("old is ignored")); err == nil {
		t.Error("the seed does not fail again")
	} else {
		os.Remove(err.(*Failure).Page)
	}
}

// A check ends with its context, and blames nobody.
func TestCheckEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, check := range []func() (Report, error){
		func() (Report, error) { return CheckStore(ctx, Options{}, newFlawed("")) },
		func() (Report, error) { return CheckEngine(ctx, Options{}, newFlawed("")) },
	} {
		if report, err := check(); err != context.Canceled || report.Histories != 0 {
			t.Errorf("%v, %v", report, err)
		}
	}
}
