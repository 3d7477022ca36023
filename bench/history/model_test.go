package history

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store/storetest"
)

// op is a call from one stamp to another.
func op(call, ret int64, input, output any) porcupine.Operation {
	return porcupine.Operation{Input: input, Output: output, Call: call, Return: ret}
}

var a, b, empty, nothing = value{true, "a"}, value{true, "b"}, value{true, ""}, value{}

func swap(old, new value) ask { return ask{op: storetest.CompareAndSwap, key: "k", old: old, new: new} }

func add(delta int64) ask { return ask{op: storetest.Add, key: "k", delta: delta} }

// What is and what is not a history of a register and of a counter.
func TestStoreModel(t *testing.T) {
	t.Parallel()
	type ops = []porcupine.Operation
	read := func(call, ret int64, found value) porcupine.Operation {
		return op(call, ret, ask{op: storetest.Get, key: "k"}, reply{current: found})
	}
	swapped, unknown := reply{swapped: true}, reply{unknown: true}
	for _, test := range []struct {
		name  string
		calls ops
		ok    bool
	}{
		{"nothing yet", ops{read(1, 2, nothing)}, true},
		{"something from nowhere", ops{read(1, 2, a)}, false},
		{"made, read, deleted, read", ops{op(1, 2, swap(nothing, a), swapped), read(3, 4, a), op(5, 6, swap(a, nothing), swapped), read(7, 8, nothing)}, true},
		{"read before it was made, at the same time", ops{op(1, 4, swap(nothing, a), swapped), read(2, 3, nothing)}, true},
		{"not yet there after it was made", ops{op(1, 2, swap(nothing, a), swapped), read(3, 4, nothing)}, false},
		{"there, and then not yet", ops{op(1, 8, swap(nothing, a), swapped), read(2, 3, a), read(4, 5, nothing)}, false},
		{"empty is not absent", ops{op(1, 2, swap(nothing, empty), swapped), read(3, 4, nothing)}, false},
		{"empty is read as empty", ops{op(1, 2, swap(nothing, empty), swapped), read(3, 4, empty)}, true},
		{"nothing for nothing", ops{op(1, 2, swap(nothing, nothing), swapped), read(3, 4, nothing)}, true},
		{"two made it", ops{op(1, 4, swap(nothing, a), swapped), op(2, 3, swap(nothing, b), swapped)}, false},
		{"one made it, the other found that", ops{op(1, 4, swap(nothing, a), swapped), op(2, 3, swap(nothing, b), reply{current: a})}, true},
		{"refused, and found what it compared with", ops{op(1, 2, swap(nothing, a), swapped), op(3, 4, swap(a, b), reply{current: a})}, false},
		{"refused, and found nothing", ops{op(1, 2, swap(nothing, a), swapped), op(3, 4, swap(b, a), reply{current: nothing})}, false},
		{"swapped, and returned what it replaced", ops{op(1, 2, swap(nothing, a), swapped), op(3, 4, swap(a, b), reply{swapped: true, current: a})}, false},
		{"unknown, and it happened", ops{op(1, 2, swap(nothing, a), unknown), read(3, 4, a)}, true},
		{"unknown, and it did not happen", ops{op(1, 2, swap(nothing, a), unknown), read(3, 4, nothing)}, true},
		{"unknown, and it happened late", ops{op(1, 2, swap(nothing, a), unknown), read(3, 4, nothing), read(5, 6, a)}, true},
		{"unknown, and it happened before it began", ops{read(1, 2, a), op(3, 4, swap(nothing, a), unknown)}, false},
		{"unknown, and it was undone", ops{op(1, 2, swap(nothing, a), unknown), read(3, 4, a), read(5, 6, nothing)}, false},
		{"unknown, and it happened twice", ops{op(1, 2, add(1), unknown), op(3, 4, add(1), reply{sum: 3})}, false},
		{"a failed Get says nothing", ops{op(1, 2, ask{op: storetest.Get, key: "k"}, unknown), read(3, 4, nothing)}, true},
		{"sums", ops{op(1, 2, add(1), reply{sum: 1}), op(3, 6, add(2), reply{sum: 8}), op(4, 5, add(5), reply{sum: 6})}, true},
		{"one sum for two", ops{op(1, 4, add(1), reply{sum: 1}), op(2, 3, add(1), reply{sum: 1})}, false},
		{"a sum that was lost", ops{op(1, 2, add(1), reply{sum: 1}), op(3, 4, add(0), reply{sum: 0})}, false},
		{"the counter is not the value", ops{op(1, 2, swap(nothing, a), swapped), op(3, 4, add(1), reply{sum: 1}), read(5, 6, a)}, true},
	} {
		if got := porcupine.CheckOperations(storeLevel().model, test.calls); got != test.ok {
			t.Errorf("%s: legal %t, want %t", test.name, got, test.ok)
		}
	}
}

// testRules are those of the histories below.
var testRules = rules{
	policy.Policy{Tries: 2, Lock: policy.Lock{After: 3, For: time.Hour}, PerDay: 3, Lifetime: time.Minute,
		Sends: []policy.Budget{{Limit: 2, Window: time.Minute}, {Limit: 50, Window: policy.Day}}}.WithDefaults(),
	time.Date(2026, time.January, 15, 12, 30, 0, 0, time.UTC),
}

// Each promise is missed when it is broken, and by the model too.
func TestInvariants(t *testing.T) {
	t.Parallel()
	type ops = []porcupine.Operation
	sent := func(call, ret int64, number int, at time.Duration) porcupine.Operation {
		return op(call, ret, request{action: start, number: number, code: strings.Repeat(string(rune('0'+number)), 6), at: at}, answer{expires: at + time.Minute})
	}
	guess := func(call, ret int64, challenge int, guess string, at time.Duration) porcupine.Operation {
		return op(call, ret, request{action: verify, challenge: challenge, guess: guess, at: at}, answer{proved: at})
	}
	wrong := func(call int64, challenge, left int) porcupine.Operation {
		return op(call, call+1, request{action: verify, challenge: challenge, guess: "000000"}, answer{kind: engine.ErrWrong, left: left})
	}
	lost := func(op porcupine.Operation) porcupine.Operation {
		op.Output = answer{kind: engine.ErrUnavailable}
		return op
	}
	byAddress := request{action: verifyAddress, guess: "111111"}
	for _, test := range []struct {
		name  string
		calls ops
		want  string // "" if it is legal
	}{
		{"right", ops{sent(1, 2, 1, 0), guess(3, 4, 1, "111111", 0)}, ""},
		{"right by address", ops{sent(1, 2, 1, 0), op(3, 4, byAddress, answer{})}, ""},
		{"twice", ops{sent(1, 2, 1, 0), guess(3, 6, 1, "111111", 0), guess(4, 5, 1, "111111", 0)}, "#1: accepted 2 times"},
		{"twice, by address", ops{sent(1, 2, 1, 0), guess(3, 6, 1, "111111", 0), op(4, 5, byAddress, answer{})}, "#1: accepted 2 times"},
		{"twice, but one is unknown", ops{sent(1, 2, 1, 0), lost(guess(3, 6, 1, "111111", 0)), guess(4, 5, 1, "111111", 0)}, ""},
		{"another code", ops{sent(1, 2, 1, 0), guess(3, 4, 1, "222222", 0)}, "accepted, though the code is 111111"},
		{"a code that nobody sent", ops{sent(1, 2, 1, 0), op(3, 4, request{action: verifyAddress, guess: "222222"}, answer{})}, "no such code was sent"},
		{"expired", ops{sent(1, 2, 1, 0), guess(3, 4, 1, "111111", time.Minute)}, "accepted after it had expired at 1m0s"},
		{"cancelled", ops{sent(1, 2, 1, 0), op(3, 4, request{action: cancel, challenge: 1}, answer{}), guess(5, 6, 1, "111111", 0)}, "accepted after it was cancelled"},
		{"being cancelled", ops{sent(1, 2, 1, 0), op(3, 5, request{action: cancel, challenge: 1}, answer{}), guess(4, 6, 1, "111111", 0)}, ""},
		{"replaced", ops{sent(1, 2, 1, 0), sent(3, 4, 2, 0), guess(5, 6, 1, "111111", 0)}, "accepted after #2 had replaced it"},
		{"being replaced", ops{sent(1, 2, 1, 0), sent(3, 6, 2, 0), guess(4, 5, 1, "111111", 0)}, ""},
		{"tries", ops{sent(1, 2, 1, 0), wrong(3, 1, 1), wrong(5, 1, 0)}, ""},
		{"a try too many", ops{sent(1, 2, 1, 0), wrong(3, 1, 1), wrong(5, 1, 0), guess(7, 8, 1, "111111", 0)}, "#1: 3 guesses compared, of 2"},
		{"a day's guesses forgotten by a resend", ops{sent(1, 2, 1, 0), wrong(3, 1, 1), wrong(5, 1, 0),
			op(7, 8, request{action: resend, challenge: 1, number: 2, code: "222222"}, answer{expires: time.Minute}),
			wrong(9, 2, 1), wrong(11, 2, 0)}, "address 0: 4 wrong guesses in a day, of 3"},
		{"a code too many", ops{sent(1, 2, 1, 0), sent(3, 4, 2, 0), sent(5, 6, 3, time.Minute-1)}, "address 0: more than 2 codes in 1m0s"},
		{"a code in time", ops{sent(1, 2, 1, 0), sent(3, 4, 2, 0), sent(5, 6, 3, time.Minute)}, ""},
	} {
		broken := invariants(testRules, test.calls)
		if test.want == "" && len(broken) > 0 || test.want != "" && !slices.ContainsFunc(broken, func(s string) bool { return strings.HasSuffix(s, test.want) }) {
			t.Errorf("%s: broken %q, want %q", test.name, broken, test.want)
		}
		if legal := porcupine.CheckOperations(engineLevel(testRules).model, test.calls); legal != (test.want == "") {
			t.Errorf("%s: legal to the model: %t", test.name, legal)
		}
	}
}

// An answer from a state that is past is no sound one, even if it accepts
// nothing: who answers from a stale cache is found.
func TestEngineModelFindsStaleAnswers(t *testing.T) {
	t.Parallel()
	began := op(1, 2, request{action: start, number: 1, code: "111111"}, answer{expires: time.Minute})
	usedUp := op(3, 4, request{action: verify, challenge: 1, guess: "111111"}, answer{kind: engine.ErrUsed})
	if porcupine.CheckOperations(engineLevel(testRules).model, []porcupine.Operation{began, usedUp}) {
		t.Error("a live code may be called used")
	}
	usedUp.Call = 1
	began.Call, began.Return = 2, 3
	if !porcupine.CheckOperations(engineLevel(testRules).model, []porcupine.Operation{began, usedUp}) {
		t.Error("a code that is being sent may not be called used")
	}
}
