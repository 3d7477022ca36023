package engine

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "add the present encoding to the golden records")

// someRecord returns a record with everything that a record can hold.
func someRecord(r *rand.Rand) record {
	now := int64(1_790_000_000_000_000_000) + r.Int64N(1e17)
	rec := record{row: r.IntN(101)}
	if r.IntN(3) == 0 {
		rec.until = now + r.Int64N(1e15)
	}
	rec.sends = sendLog{}
	for i := range r.IntN(5) {
		rec.wrong.add(now + int64(i)*int64(time.Hour))
	}
	for i := range r.IntN(100) {
		rec.sends = rec.sends.add(now + int64(i)*int64(time.Second))
	}
	rec.code.state = codeState(r.IntN(int(codeUnsent) + 1))
	if rec.code.state != codeNone {
		rec.code.channel = byte(r.IntN(4))
		rec.code.tries = byte(r.IntN(11))
		rec.code.issued, rec.code.life = now, uint32(2*time.Minute/time.Microsecond)
		for i := range rec.code.nonce {
			rec.code.nonce[i] = byte(r.Uint32())
		}
	}
	if rec.code.state == codeLive {
		rec.code.key = r.Uint32()
		for i := range rec.code.mac {
			rec.code.mac[i] = byte(r.Uint32())
		}
	}
	return rec
}

// someBoundRecord returns one whose code belongs to a client.
func someBoundRecord(r *rand.Rand) record {
	for {
		rec := someRecord(r)
		if rec.code.state == codeLive {
			rec.code.client.ip[0] = byte(r.IntN(256))
			rec.code.client.agent[7] = byte(1 + r.IntN(255))
			return rec
		}
	}
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := someRecord(r)
		if r.IntN(4) == 0 {
			want = someBoundRecord(r)
		}
		encoded := want.appendTo(nil)
		var got record
		if err := got.decode(encoded); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded\n%+v, want\n%+v", got, want)
		}
		for cut := range encoded {
			if got.decode(encoded[:cut]) == nil {
				t.Fatalf("a record cut to %d of %d bytes was read", cut, len(encoded))
			}
		}
		if got.decode(append(encoded, 0)) == nil {
			t.Fatal("a record with a byte too many was read")
		}
	}
}

func TestDeadCodeKeepsNoMAC(t *testing.T) {
	t.Parallel()
	c := code{state: codeLive, key: 7, mac: [macSize]byte{1, 2, 3}, client: clientMAC{ip: [8]byte{4}}}
	c.end(codeUsed)
	if c != (code{state: codeUsed}) {
		t.Fatalf("%+v", c)
	}
}

// Records that were written by any released version must be read for ever. To
// add the present encoding after a change of version, run with -update.
func TestGoldenRecords(t *testing.T) {
	path := filepath.Join("testdata", "records.golden")
	if *update {
		r := rand.New(rand.NewPCG(3, 4))
		var b bytes.Buffer
		for range 12 {
			rec := someRecord(r)
			b.WriteString(hex.EncodeToString(rec.appendTo(nil)) + "\n")
		}
		for range 4 {
			rec := someBoundRecord(r)
			b.WriteString(hex.EncodeToString(rec.appendTo(nil)) + "\n")
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i, line := range strings.Fields(string(golden)) {
		encoded, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		var got record
		if err := got.decode(encoded); err != nil {
			t.Errorf("golden record %d: %v", i, err)
		}
		make := someRecord
		if i >= 12 {
			make = someBoundRecord
		}
		if want := make(r); !reflect.DeepEqual(got, want) {
			t.Errorf("golden record %d reads\n%+v, want\n%+v", i, got, want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 8 {
		rec := someRecord(r)
		f.Add(rec.appendTo(nil))
		rec = someBoundRecord(r)
		f.Add(rec.appendTo(nil))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec record
		if b == nil || rec.decode(b) != nil {
			return
		}
		if again := rec.appendTo(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x decodes, but encodes to %x", b, again)
		}
		// Whatever a record holds, a step on it must not fail.
		now := int64(1_790_000_000_000_000_000)
		rec.settle(now, time.Hour)
		rec.sends.add(now)
		rec.wrong.add(now)
		rec.keepUntil()
	})
}
