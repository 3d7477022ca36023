package totp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/store/memstore"
)

var update = flag.Bool("update", false, "write the golden records anew")

// someRecord returns a record with whatever a record can hold.
func someRecord(r *rand.Rand) record {
	now := int64(1_790_000_000_000_000) + r.Int64N(1e15)
	rec := record{state: state(r.IntN(3))}
	rec.row = r.IntN(maxCount + 1)
	if r.IntN(2) == 0 {
		rec.day, rec.began = 1+r.IntN(maxCount), now
	}
	if r.IntN(2) == 0 || rec.day == 0 {
		rec.until = now + 1 + r.Int64N(1e12)
	}
	if rec.state == stateNone {
		return rec
	}
	for i := range rec.id {
		rec.id[i] = byte(r.Uint32())
	}
	for i := range rec.sealed {
		rec.sealed[i] = byte(r.Uint32())
	}
	if rec.state == statePending {
		rec.window = now
	} else {
		rec.next, rec.used = now/period, uint16(r.IntN(1<<RecoveryCodes))
	}
	return rec
}

func encoded(r record) []byte { return r.appendTo(nil) }

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := someRecord(r)
		value := want.appendTo(nil)
		var got record
		if err := got.decode(value); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("decoded\n%+v, want\n%+v", got, want)
		}
		for cut := range value {
			if got.decode(value[:cut]) == nil {
				t.Fatalf("a record cut to %d of %d bytes was read", cut, len(value))
			}
		}
		if got.decode(append(value, 0)) == nil {
			t.Fatal("a record with a byte too many was read")
		}
	}
}

// What could not have been written is not read.
func TestRecordIsStrict(t *testing.T) {
	t.Parallel()
	for name, rec := range map[string]record{
		"row too long":                {state: stateVerified, guesses: guesses{row: maxCount + 1}},
		"day too long":                {state: stateVerified, guesses: guesses{day: maxCount + 1, began: 1}},
		"a day without guesses":       {state: stateVerified, guesses: guesses{began: 1}},
		"a lock before 1970":          {state: stateVerified, guesses: guesses{until: -1}},
		"a lock beyond all time":      {state: stateVerified, guesses: guesses{until: 2 * maxTime}},
		"a day beyond all time":       {state: stateVerified, guesses: guesses{day: 1, began: 2 * maxTime}},
		"a step before the first":     {state: stateVerified, next: -1},
		"a window beyond all time":    {state: statePending, window: 2 * maxTime},
		"an eleventh recovery code":   {state: stateVerified, used: 1 << RecoveryCodes},
		"a code used before the app":  {state: statePending, used: 1},
		"unknown state":               {state: stateVerified + 1},
		"a record that says nothing":  {},
		"a row that nobody will read": {guesses: guesses{row: 3}},
	} {
		var got record
		if got.decode(rec.appendTo(nil)) == nil {
			t.Errorf("%s was read", name)
		}
	}
	good := encoded(record{state: stateVerified})
	for _, version := range []byte{0, 2, 15} {
		good[0] = version<<4 | good[0]&0x0f
		if new(record).decode(good) == nil {
			t.Errorf("version %d was read", version)
		}
	}
	if new(record).decode([]byte{}) == nil {
		t.Error("an empty value was read")
	}
	if err := new(record).decode(nil); err != nil {
		t.Errorf("no record: %v", err)
	}
}

// Records that were written by any released version must be read for ever.
func TestGoldenRecords(t *testing.T) {
	path := filepath.Join("testdata", "records.golden")
	const n = 9
	if *update {
		r := rand.New(rand.NewPCG(3, 4))
		var b bytes.Buffer
		for range n {
			b.WriteString(hex.EncodeToString(encoded(someRecord(r))) + "\n")
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(golden))
	if len(lines) != n {
		t.Fatalf("%d golden records, want %d", len(lines), n)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i, line := range lines {
		value, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		var got record
		if err := got.decode(value); err != nil {
			t.Errorf("golden record %d: %v", i, err)
		}
		want := someRecord(r)
		if got != want {
			t.Errorf("golden record %d reads\n%+v, want\n%+v", i, got, want)
		}
		if !bytes.Equal(want.appendTo(nil), value) {
			t.Errorf("golden record %d is written otherwise now", i)
		}
	}
}

// An app that was sealed by any released version must be opened for ever, by
// the same keys and for the same tenant and user.
func TestGoldenApp(t *testing.T) {
	path := filepath.Join("testdata", "app.golden")
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	key := func(id uint32, b byte) engine.Key {
		return engine.Key{ID: id, Secret: bytes.Repeat([]byte{b}, engine.MinSecret)}
	}
	apps, err := New(Config{Store: memory, Issuer: "Example", Tenant: "tenant",
		Keys: engine.Keys{Index: key(0, 'i'), Ring: []engine.Key{key(2, 'b'), key(1, 'a')}}})
	if err != nil {
		t.Fatal(err)
	}
	owner, _ := apps.owner("user-test-ada")
	want := contents{secret: [secretSize]byte(rfcSecret)}
	for i := range want.recovery {
		copy(want.recovery[i][:], "abcdefghijkl")
		want.recovery[i][0] = byte('0' + i)
	}
	if *update {
		rec := record{state: stateVerified, id: appID{1, 2, 3}, next: 4, used: 5}
		owner.seal(&rec.sealed, rec.id, &want)
		if err := os.WriteFile(path, fmt.Appendf(nil, "%s\n%x\n", owner.key(), rec.appendTo(nil)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name, line, _ := strings.Cut(strings.TrimSpace(string(golden)), "\n")
	if name != owner.key() {
		t.Errorf("the record's key is %s, was %s", owner.key(), name)
	}
	value, err := hex.DecodeString(line)
	if err != nil {
		t.Fatal(err)
	}
	var rec record
	if err := rec.decode(value); err != nil {
		t.Fatal(err)
	}
	got, err := owner.open(&rec)
	if err != nil || *got != want {
		t.Errorf("opened %v, %v", got, err)
	}
	// The ids of recovery codes stand in sessions and logs.
	if id := apps.recoveryID(owner, rec.id, 3); id != "totp-recovery-code-test-61b87ce0-31ef-8de7-9715-aa41ce3ebbef" {
		t.Errorf("the id of a recovery code is %s", id)
	}

	// For anybody else, and for another app, it does not open.
	other, _ := apps.owner("user-test-eve")
	moved := rec
	moved.id[15]++
	for name, open := range map[string]func() (*contents, error){
		"another user's record": func() (*contents, error) { return other.open(&rec) },
		"another app's record":  func() (*contents, error) { return owner.open(&moved) },
	} {
		if _, err := open(); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is read is the one encoding of what was read, and settling it at any
// moment leaves something that can be written.
func FuzzRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 6 {
		f.Add(encoded(someRecord(r)), int64(1_790_000_000_000_000))
	}
	f.Fuzz(func(t *testing.T, value []byte, now int64) {
		var rec record
		if rec.decode(value) != nil || value == nil {
			return
		}
		if again := rec.appendTo(nil); !bytes.Equal(again, value) {
			t.Fatalf("%x is written as %x", value, again)
		}
		now = max(now, -now, 0) % maxTime
		rules := rules{lockAfter: 3, lockFor: oneDay, perDay: 5}
		rec.settle(&rules, now)
		if rec.settle(&rules, now) {
			t.Fatal("a settled record was settled again")
		}
		if rec == (record{}) {
			return
		}
		if refusal := rec.locked(&rules, now); refusal != nil && refusal.RetryAfter <= 0 {
			t.Fatalf("locked for %v", refusal.RetryAfter)
		}
		if rec.state == stateNone && rec.keepUntil() <= now {
			t.Fatal("kept for nothing")
		}
		if err := new(record).decode(rec.appendTo(nil)); err != nil {
			t.Fatalf("%+v cannot be read back", rec)
		}
	})
}
