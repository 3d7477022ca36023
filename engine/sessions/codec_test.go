package sessions

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/seal"
)

var update = flag.Bool("update", false, "write the golden records anew")

// someRecord returns a record with everything that one can hold.
func someRecord(r *rand.Rand) record {
	rec := record{closed: r.Int64N(2) * (1_790_000_000_000_000_000 + r.Int64N(1e15))}
	n := r.IntN(5)
	if rec.closed == 0 && n == 0 {
		n = 1
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	for range n {
		e := entry{started: r.Int64(), accessed: r.Int64(), expires: r.Int64(), renewed: r.Int64()}
		copy(e.id[:], random(16))
		e.tokens = random(digestSize * (1 + r.IntN(maxTokens)))
		e.sealed = random(seal.Overhead + r.IntN(300))
		rec.entries = append(rec.entries, e)
	}
	return rec
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		want := someRecord(r)
		encoded := want.encode(nil)
		if len(encoded) != want.size() {
			t.Fatalf("%d bytes, size says %d", len(encoded), want.size())
		}
		var got record
		if err := got.decode(encoded); err != nil || !reflect.DeepEqual(got.entries, want.entries) || got.closed != want.closed {
			t.Fatalf("decoded\n%+v, %v, want\n%+v", got, err, want)
		}
		for cut := range encoded {
			if got.decode(encoded[:cut:cut]) == nil {
				t.Fatalf("a record cut to %d of %d bytes was read", cut, len(encoded))
			}
		}
		if got.decode(append(encoded, 0)) == nil {
			t.Fatal("a record with a byte too many was read")
		}
	}
	var empty record
	if empty.encode(nil) != nil {
		t.Error("a record that says nothing is kept")
	}
	if err := empty.decode(nil); err != nil || len(empty.entries) != 0 {
		t.Errorf("%+v, %v", empty, err)
	}
	tokenless := record{entries: []entry{{sealed: make([]byte, seal.Overhead)}}}
	for what, b := range map[string][]byte{
		"no tokens": tokenless.encode(nil), "empty": {}, "says nothing": append([]byte{recordVersion}, make([]byte, 9)...), "other version": append([]byte{2}, make([]byte, 9)...),
		"too many": append(append([]byte{recordVersion}, make([]byte, 8)...), 101), "huge": make([]byte, maxRecord+1),
	} {
		if empty.decode(b) == nil {
			t.Errorf("%s: was read", what)
		}
	}
}

// Records that were written by any released version must be read for ever.
func TestGoldenRecords(t *testing.T) {
	path := filepath.Join("testdata", "records.golden")
	if *update {
		r := rand.New(rand.NewPCG(3, 4))
		var b bytes.Buffer
		for range 4 {
			rec := someRecord(r)
			b.WriteString(hex.EncodeToString(rec.encode(nil)) + "\n")
		}
		for range 2 {
			c := someContent(r)
			b.WriteString(hex.EncodeToString(c.appendTo(nil)) + "\n")
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
		if i < 4 {
			var got record
			if want := someRecord(r); got.decode(encoded) != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("golden record %d reads\n%+v, want\n%+v", i, got, want)
			}
			continue
		}
		var got content
		if want := someContent(r); got.decode(string(encoded)) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("golden content %d reads\n%+v, want\n%+v", i, got, want)
		}
	}
}

func someContent(r *rand.Rand) content {
	at := func() time.Time { return time.Unix(0, 1_790_000_000_000_000_000+r.Int64N(1e15)).UTC() }
	text := func(n int) string { return strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(n)) }
	c := content{userID: text(maxUserID), attributes: Attributes{text(maxIP), text(maxUserAgent)}, factors: []Factor{}}
	for range r.IntN(4) {
		c.roles = append(c.roles, text(maxRole))
	}
	if r.IntN(2) == 0 {
		c.claims = []byte(`{"a":1}`)
	}
	for range r.IntN(maxFactors + 1) {
		c.factors = append(c.factors, Factor{Method: methods[1+r.IntN(5)], ID: text(maxFactorID), Address: text(maxAddress), CreatedAt: at(), LastAt: at()})
	}
	return c
}

func TestContentRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		want := someContent(r)
		encoded := string(want.appendTo(nil))
		var got content
		if err := got.decode(encoded); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded\n%+v, %v, want\n%+v", got, err, want)
		}
		for cut := range encoded {
			if got.decode(encoded[:cut]) == nil {
				t.Fatalf("a content cut to %d of %d bytes was read", cut, len(encoded))
			}
		}
		if got.decode(encoded+"\x00") == nil {
			t.Fatal("a content with a byte too many was read")
		}
	}
}

// A factor without a method is none that this package wrote.
func TestContentOfNoMethod(t *testing.T) {
	t.Parallel()
	c := content{userID: "u", factors: []Factor{{ID: "f", CreatedAt: time.Unix(0, 0), LastAt: time.Unix(0, 0)}}}
	if c.decode(string(c.appendTo(nil))) == nil {
		t.Error("it was read")
	}
}

// fit ends who was accessed least recently, and never the one that stays.
func TestFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		accessed []int64
		n, keep  int
		want     []int64
	}{
		{[]int64{1, 2, 3}, 3, 0, []int64{1, 2, 3}},
		{[]int64{3, 1, 2}, 2, 0, []int64{3, 2}},
		{[]int64{3, 1, 2}, 1, 1, []int64{1}},
		{[]int64{1, 1, 1}, 1, 2, []int64{1}},
		{[]int64{5, 4, 3, 2, 1}, 2, 4, []int64{5, 1}},
		{[]int64{1}, 0, 0, []int64{1}},
	} {
		var r record
		for i, at := range test.accessed {
			r.entries = append(r.entries, entry{accessed: at, id: [16]byte{byte(i)}})
		}
		r.fit(test.n, [16]byte{byte(test.keep)})
		var got []int64
		for _, e := range r.entries {
			got = append(got, e.accessed)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("fit(%d, %d) of %v: %v, want %v", test.n, test.keep, test.accessed, got, test.want)
		}
	}
	var r record
	for i := range 3 {
		r.entries = append(r.entries, entry{id: [16]byte{byte(i)}, sealed: make([]byte, 30_000)})
	}
	if r.fit(10, [16]byte{2}); len(r.entries) != 2 || r.size() > maxRecord {
		t.Errorf("%d sessions of 30,000 bytes", len(r.entries))
	}
}

// An id leads to the record that made it, and is a UUID of version 8.
func TestIDsNameTheirRecord(t *testing.T) {
	t.Parallel()
	seen := make(map[[16]byte]bool)
	for i := range 1000 {
		n := name{byte(i), 1, 2, 3, 4, 5, byte(i >> 3), 7, 8, byte(255 - i)}
		id := newID(n)
		if nameIn(id) != n || id[6]>>4 != 8 || id[8]>>6 != 2 || seen[id] {
			t.Fatalf("%x of %x", id, n)
		}
		seen[id] = true
		secret, digest := newToken(n)
		got, d, ok := parseToken(secret.Reveal())
		if !ok || got != n || d != digest {
			t.Fatalf("a token of %x leads to %x", n, got)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 6 {
		rec := someRecord(r)
		f.Add(rec.encode(nil))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec record
		if b == nil || rec.decode(b) != nil {
			return
		}
		if again := rec.encode(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x decodes, but encodes to %x", b, again)
		}
		rec.keepUntil()
	})
}

func FuzzContent(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 6 {
		c := someContent(r)
		f.Add(string(c.appendTo(nil)))
	}
	f.Fuzz(func(t *testing.T, s string) {
		var c content
		if c.decode(s) != nil {
			return
		}
		if again := string(c.appendTo(nil)); again != s {
			t.Fatalf("%x decodes, but encodes to %x", s, again)
		}
	})
}

func FuzzToken(f *testing.F) {
	good, _ := newToken(name{1})
	f.Add(good.Reveal())
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		n, _, ok := parseToken(s)
		if ok && (len(s) != tokenLen || n != name(mustDecode(t, s)[:len(n)])) {
			t.Fatalf("%q", s)
		}
	})
}

func mustDecode(t *testing.T, s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), []byte(`{"a":{"b":null,"c":[1,{"d":2}]},"iss":1}`))
	f.Add([]byte(`{}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, have, patch []byte) {
		claims, err := mergeClaims(nil, have)
		if err != nil {
			return
		}
		merged, err := mergeClaims(claims, patch)
		if err != nil {
			return
		}
		if len(merged) > MaxClaims {
			t.Fatalf("%d bytes", len(merged))
		}
		again, err := mergeClaims(merged, patch)
		if err != nil || !bytes.Equal(again, merged) {
			t.Fatalf("%s onto %s is %s, and once more %s, %v", patch, claims, merged, again, err)
		}
		if merged != nil {
			if kept, err := mergeClaims(nil, merged); err != nil || !bytes.Equal(kept, merged) {
				t.Fatalf("%s is kept as %s, %v", merged, kept, err)
			}
		}
	})
}
