package cursor_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/internal/cursor"
	"github.com/passcode-go/passcode/store"
)

func TestCursors(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "user-001", "\x00", strings.Repeat("é", 200)} {
		if got, err := cursor.Parse(cursor.After(id)); got != id || err != nil {
			t.Errorf("the cursor after %q is one after %q, %v", id, got, err)
		}
	}
	good := cursor.After("user-001")
	for _, bad := range []string{
		"x", "user-001", good[1:], good[:len(good)-1], good + "A", good + "=", " " + good, "\n" + good,
		cursor.After(""), base64.RawURLEncoding.EncodeToString([]byte("1234user-001")), "é",
	} {
		if id, err := cursor.Parse(bad); err != store.ErrCursor {
			t.Errorf("%q is a cursor after %q, %v", bad, id, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "AAAA", cursor.After("user-001"), cursor.After("é"), "n o"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		id, err := cursor.Parse(in)
		if in != "" {
			if back, err := cursor.Parse(cursor.After(in)); back != in || err != nil {
				t.Errorf("the cursor after %q leads to %q, %v", in, back, err)
			}
		}
		if err != nil || in == "" {
			return
		}
		if again := cursor.After(id); again != in {
			t.Errorf("%q and %q are both cursors after %q", in, again, id)
		}
	})
}
