package accounts

import (
	"errors"
	"regexp"
	"strconv"
	"testing"

	"github.com/passcode-go/passcode/store"
)

var cursorForm = regexp.MustCompile(`(?s)\A(-1|0|[1-9][0-9]{0,18})\..+\z`)

// FuzzCursor checks that a cursor is what Search puts together, and nothing
// else.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", ".", "-1.x", "0.x", "12.a.b", "-2.x", "+1.x", "01.x", "x", "5", "5.", "9223372036854775807.x", "9223372036854775808.x", " 1.x", "١.x", "-0.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		total, inner, err := splitCursor(cursor)
		switch {
		case cursor == "":
			if total != -1 || inner != "" || err != nil {
				t.Errorf("the first page: %d, %q, %v", total, inner, err)
			}
		case err != nil:
			if !errors.Is(err, store.ErrCursor) || total != 0 || inner != "" {
				t.Errorf("%q: %d, %q, %v", cursor, total, inner, err)
			}
			if cursorForm.MatchString(cursor) && len(cursor) < 19 {
				t.Errorf("%q refused", cursor)
			}
		case !cursorForm.MatchString(cursor) || strconv.Itoa(total)+"."+inner != cursor:
			t.Errorf("%q taken as %d and %q", cursor, total, inner)
		}
	})
}
