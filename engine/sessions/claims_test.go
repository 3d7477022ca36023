package sessions_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine/sessions"
)

func TestClaims(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, test := range []struct {
		have, patch, want string // "" for none
		err               error
	}{
		{"", "", "", nil},
		{"", "null", "", nil},
		{"", "{}", "{}", nil},
		{"", `{"b":1,"a":"<é>"}`, `{"a":"<é>","b":1}`, nil},
		{"", `{"a":{"b":null},"c":null}`, `{"a":{}}`, nil},
		{`{"a":{"b":1,"c":{"d":2}}}`, `{"a":{"c":{"d":null,"e":3}}}`, `{"a":{"b":1,"c":{"e":3}}}`, nil},
		{`{"a":{"b":1}}`, `{"a":null}`, `{}`, nil},
		{`{"a":{"b":1}}`, `{"a":[{"b":null}]}`, `{"a":[{"b":null}]}`, nil},
		{`{"a":[1,2]}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`, nil},
		{`{"a":1}`, "", `{"a":1}`, nil},
		{`{"a":1}`, `null`, `{"a":1}`, nil},
		{"", `{"n":12345678901234567890.10,"e":1E400}`, `{"e":1E400,"n":12345678901234567890.10}`, nil},
		{"", `{"iss":"x","sub":"x","aud":"x","exp":1,"nbf":1,"iat":1,"jti":"x","ok":{"iss":1}}`, `{"ok":{"iss":1}}`, nil},
		{"", `{"https://stytch.com/session":{}}`, "", sessions.ErrReserved},
		{"", `{"https://stytch.com/":null}`, "", sessions.ErrReserved},
		{"", `{"https://stytch.com":1}`, `{"https://stytch.com":1}`, nil},
		{"", `[]`, "", sessions.ErrClaims},
		{"", `"x"`, "", sessions.ErrClaims},
		{"", `{`, "", sessions.ErrClaims},
		{"", `{} {}`, "", sessions.ErrClaims},
		{"", `{"a":1} x`, "", sessions.ErrClaims},
		{"", "{\"\xff\":1}", "", sessions.ErrClaims},
		{"", `{"a":1,"a":1}`, "", sessions.ErrClaims},
		{"", `{"a":1,"\u0061":2}`, "", sessions.ErrClaims},
		{"", `{"a":[{"b":{"c":null,"d":1,"c":null}}]}`, "", sessions.ErrClaims},
		{"", `{"iss":1,"iss":1}`, "", sessions.ErrClaims},
		{"", `{"a":{"b":1},"b":[{"b":1},{"b":1}]}`, `{"a":{"b":1},"b":[{"b":1},{"b":1}]}`, nil},
		{"", `{"a":1,}`, "", sessions.ErrClaims},
		{"", `{"a":[1,]}`, "", sessions.ErrClaims},
		{"", `{"a" 1}`, "", sessions.ErrClaims},
		{"", deep(32), deep(32), nil},
		{"", deep(33), "", sessions.ErrClaims},
		{"", `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + "}", `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + "}", nil},
		{"", `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}", "", sessions.ErrClaims},
		{"", `{"a":"` + strings.Repeat("x", 4088) + `"}`, `{"a":"` + strings.Repeat("x", 4088) + `"}`, nil},
		{"", `{"a":"` + strings.Repeat("x", 4089) + `"}`, "", sessions.ErrTooLarge},
		{`{"b":1}`, `{"a":"` + strings.Repeat("x", 4088) + `"}`, "", sessions.ErrTooLarge},
		{`{"b":1}`, `{"a":"` + strings.Repeat("x", 4088) + `","b":null}`, `{"a":"` + strings.Repeat("x", 4088) + `"}`, nil},
	} {
		b := newBench(t)
		first := bySMS()
		first.Claims = json.RawMessage(test.have)
		g := b.grant(first)
		next := byEmail(token(g))
		next.Claims = json.RawMessage(test.patch)
		if err := b.CheckGrant(t.Context(), next); !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%.80s onto %.80s: CheckGrant: %v, want %v", test.patch, test.have, err, test.err)
		}
		got, err := b.Authenticate(t.Context(), sessions.Request{Credential: token(g), Claims: next.Claims})
		if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%.80s onto %.80s: %v, want %v", test.patch, test.have, err, test.err)
			continue
		}
		want := test.want
		if err != nil {
			want = test.have
			got.Session = b.list(user)[0]
		}
		if string(got.Session.Claims) != want || (got.Session.Claims == nil) != (want == "") {
			t.Errorf("%.80s onto %.80s: %.80s, want %.80s", test.patch, test.have, got.Session.Claims, want)
		}
		if kept := b.list(user)[0].Claims; string(kept) != string(got.Session.Claims) {
			t.Errorf("%.80s onto %.80s: kept %.80s", test.patch, test.have, kept)
		}
		if err == nil {
			if checked, err := b.CheckJWT(b.jwt(got.Session)); err != nil || want != "{}" && string(checked.Claims) != want {
				t.Errorf("%.80s onto %.80s: the JWT has %.80s, %v", test.patch, test.have, checked.Claims, err)
			}
		}
	}
}
