package engine

import (
	"bytes"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

func testKeys(t testing.TB) *keySet {
	set, err := newKeySet(Keys{
		Index: Key{0, bytes.Repeat([]byte{'i'}, MinSecret)},
		Ring:  []Key{{1, bytes.Repeat([]byte{'a'}, MinSecret)}, {2, bytes.Repeat([]byte{'b'}, MinSecret)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The longest message of a code's MAC must fit one block of SHA-256, of which
// padding takes 9 bytes.
func TestCodeMACTakesOneBlock(t *testing.T) {
	t.Parallel()
	set := testKeys(t)
	m, index := set.ring[0].pool.Get().(*mac), set.index.Get().(*mac)
	set.ring[0].pool = &sync.Pool{New: func() any { return m }}
	set.index = &sync.Pool{New: func() any { return index }}
	var sum [macSize]byte
	subject := set.subject("t", "p", delivery.ClassPhone, "+12025550162")
	if !set.codeMAC(&sum, 1, 1, subject, new(nonce), "0123456789") {
		t.Fatal("no such key")
	}
	if n := 1 + len(subject) + nonceLen + 10; n > 55 {
		t.Errorf("the message takes %d bytes", n)
	}
	if cap(m.in) > 64 {
		t.Errorf("the buffer grew to %d bytes", cap(m.in))
	}
	if bytes.Contains(m.in[:cap(m.in)], []byte("0123456789")) || bytes.Contains(index.in[:cap(index.in)], []byte("2025550162")) {
		t.Error("a code or an address stays in the buffer")
	}
}

// Every part of the message must count.
func TestCodeMACBindsEveryPart(t *testing.T) {
	t.Parallel()
	set := testKeys(t)
	subject := set.subject("t", "p", delivery.ClassPhone, "+12025550162")
	other := set.subject("t", "p", delivery.ClassPhone, "+12025550163")
	seen := make(map[[macSize]byte]bool)
	for _, key := range []uint32{1, 2} {
		for channel := range byte(3) {
			for _, subject := range []string{subject, other} {
				for _, n := range []nonce{{}, {1}, {21: 1}} {
					for _, code := range []string{"123456", "123457", "1234567"} {
						var sum [macSize]byte
						if !set.codeMAC(&sum, key, channel, subject, &n, code) {
							t.Fatal("no such key")
						}
						if seen[sum] {
							t.Fatal("two messages have one MAC")
						}
						seen[sum] = true
					}
				}
			}
		}
	}
	var sum [macSize]byte
	if set.codeMAC(&sum, 3, 1, subject, new(nonce), "123456") {
		t.Error("a key that is not in the ring signs")
	}
}

// Parts that run together in different places must differ.
func TestSubjectFramesItsParts(t *testing.T) {
	t.Parallel()
	set := testKeys(t)
	seen := make(map[string][]string)
	for _, parts := range [][]string{
		{"", "", "phone", "+12"}, {"a", "", "phone", "+12"}, {"", "a", "phone", "+12"}, {"", "", "phone", "a+12"},
		{"ab", "c", "phone", "+12"}, {"a", "bc", "phone", "+12"}, {"abc", "", "phone", "+12"},
		{"", "", "email", "+12"}, {"", "phone", "", "+12"}, {"", "\x00\x00", "phone", "+12"}, {"\x00\x00", "", "phone", "+12"},
	} {
		subject := set.subject(parts[0], parts[1], delivery.Class(parts[2]), parts[3])
		if before, ok := seen[subject]; ok {
			t.Errorf("%q and %q are one subject", parts, before)
		}
		if len(subject) != 22 {
			t.Errorf("subject %q", subject)
		}
		seen[subject] = parts
	}
}
