package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// digits is the code of these tests.
const digits = "917364"

var sentinels = map[Kind]error{
	Temporary:     ErrTemporary,
	Throttled:     ErrThrottled,
	Rejected:      ErrRejected,
	Configuration: ErrConfiguration,
	Ambiguous:     ErrAmbiguous,
}

func TestErrorIs(t *testing.T) {
	t.Parallel()
	for kind := range sentinels {
		err := fmt.Errorf("wrapped: %w", &Error{Kind: kind})
		for other, sentinel := range sentinels {
			if got := errors.Is(err, sentinel); got != (kind == other) {
				t.Errorf("errors.Is(%s, %v) = %t", kind, sentinel, got)
			}
		}
		if errors.Is(err, context.Canceled) {
			t.Errorf("a %s error is context.Canceled", kind)
		}
	}
	if errors.Is(&Error{Kind: "made up"}, nil) || (&Error{}).Is(nil) {
		t.Error("an error of no kind is nil")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{Kind: Temporary}, "delivery: temporary"},
		{Error{Kind: Rejected, Provider: "acme"}, "delivery: rejected: acme"},
		{Error{Kind: Rejected, Reason: "no such number"}, "delivery: rejected: no such number"},
		{Error{Kind: Throttled, Provider: "acme", Reason: "slow down", RetryAfter: time.Second}, "delivery: throttled: acme: slow down"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error() = %q, want %q", got, tt.want)
		}
	}
}

func TestAsError(t *testing.T) {
	t.Parallel()
	plain := errors.New("boom")
	full := &Error{Kind: Throttled, Provider: "acme", Reason: "slow down", RetryAfter: time.Minute}
	var none *Error
	for _, tt := range []struct {
		name string
		err  error
		want Error
	}{
		{"plain", plain, Error{Kind: Ambiguous, Reason: "boom"}},
		{"wrapped plain", fmt.Errorf("at: %w", plain), Error{Kind: Ambiguous, Reason: "at: boom"}},
		{"deadline", context.DeadlineExceeded, Error{Kind: Ambiguous, Reason: "context deadline exceeded"}},
		{"canceled", context.Canceled, Error{Kind: Ambiguous, Reason: "context canceled"}},
		{"typed", full, *full},
		{"wrapped typed", fmt.Errorf("at: %w", full), *full},
		{"joined", errors.Join(plain, full), *full},
		{"no kind", &Error{Reason: "?"}, Error{Kind: Ambiguous, Reason: "?"}},
		{"kind with the code in it", &Error{Kind: Kind(digits)}, Error{Kind: Ambiguous}},
		{"waits backwards", &Error{Kind: Throttled, RetryAfter: -1}, Error{Kind: Throttled}},
		{"typed nil", none, Error{Kind: Ambiguous, Reason: "the sender returned a nil *Error as its error"}},
	} {
		if got := AsError(tt.err, Message{Code: NewSecret(digits)}); *got != tt.want {
			t.Errorf("%s: AsError = %+v, want %+v", tt.name, *got, tt.want)
		}
	}
	if got := AsError(nil, Message{}); got != nil {
		t.Errorf("AsError(nil) = %v", got)
	}
	if got := AsError(full, Message{}); got == full {
		t.Error("AsError returns the sender's own value, which the sender may still change")
	}
	if err := error(AsError(plain, Message{})); errors.Is(err, plain) {
		t.Error("the result unwraps to an error that is not scrubbed")
	}
}

func TestAsErrorScrubs(t *testing.T) {
	t.Parallel()
	phone := Message{To: NewAddress(canaryPhone), Code: NewSecret(digits), Body: NewSecret("Your code is " + digits + ".\nNever share it.")}
	mail := phone
	mail.To = NewAddress(canaryEmail)
	capital := phone
	capital.Code = NewSecret("CDF467")
	overlap := phone
	overlap.Code = NewSecret("162162")
	for _, tt := range []struct {
		name         string
		m            Message
		reason, want string
	}{
		{"code", phone, "bad text 917364!", "bad text [redacted]!"},
		{"code twice", phone, "917364917364", "[redacted][redacted]"},
		{"code with a space", phone, "bad text 917 364", "bad text [redacted]"},
		{"code with a hyphen", phone, "917-364", "[redacted]"},
		{"code spelled out", phone, "9 1 7 3 6 4", "[redacted]"},
		{"code across lines", phone, "917\r\n364", "[redacted]"},
		{"code around a NUL", phone, "917\x00364", "[redacted]"},
		{"code around broken UTF-8", phone, "917\xff364", "[redacted]"},
		{"code around a zero width space", phone, "917\u200b364", "[redacted]"},
		{"code in small letters", capital, "code cdf467", "code [redacted]"},
		{"part of the code", phone, "error 91736", "error 91736"},
		{"longer number", phone, "id 55917364", "id 55[redacted]"},
		{"phone", phone, "to +12025550162 failed", "to +[redacted] failed"},
		{"phone without plus", phone, "to 12025550162 failed", "to [redacted] failed"},
		{"phone in a URL", phone, "POST /?To=%2B12025550162", "POST /?To=%[redacted]"},
		{"phone as people write it", phone, "(202) 555-0162", "([redacted]"},
		{"phone with international prefix", phone, "0012025550162", "00[redacted]"},
		{"phone and code run together", phone, "12025550162917364", "[redacted][redacted]"},
		{"code that begins inside itself", overlap, "162162162!", "[redacted]!"},
		{"code that begins inside the phone", overlap, "12025550162162!", "[redacted]!"},
		{"e-mail", mail, "<jane.roe@example.com>: unknown", "<[redacted]>: unknown"},
		{"e-mail in capitals", mail, "JANE.ROE@EXAMPLE.COM", "[redacted]"},
		{"e-mail in a URL", mail, "?to=jane.roe%40example.com", "?to=[redacted]"},
		{"body", phone, "cannot send 'Your code is 917364. Never share it.'", "cannot send '[redacted].'"},
		{"lines", phone, "one\r\ntwo\x1b[31m", "one  two [31m"},
		{"hidden direction", phone, "a\u202eb\u2028c", "a b c"},
		{"broken UTF-8", phone, "a\xffb\xe2\x82", "a b  "},
		{"foreign words", phone, "número inválido", "número inválido"},
		{"nothing", phone, "", ""},
	} {
		e := AsError(&Error{Kind: Rejected, Reason: tt.reason, Provider: tt.reason}, tt.m)
		if e.Reason != tt.want || e.Provider != tt.want {
			t.Errorf("%s: %q became %q and %q, want %q", tt.name, tt.reason, e.Reason, e.Provider, tt.want)
		}
		if e := AsError(errors.New(tt.reason), tt.m); e.Reason != tt.want {
			t.Errorf("%s: plain %q became %q, want %q", tt.name, tt.reason, e.Reason, tt.want)
		}
	}
	if got := AsError(errors.New("no secrets here"), Message{}).Reason; got != "no secrets here" {
		t.Errorf("an empty message changed the reason to %q", got)
	}
}

// A secret at any place in a long reason, above all across the cut, leaves no
// part of itself.
func TestAsErrorCuts(t *testing.T) {
	t.Parallel()
	m := Message{To: NewAddress(canaryPhone), Code: NewSecret(digits)}
	for _, secret := range []string{digits, canaryPhone} {
		for at := maxReason - 40; at <= maxReason+10; at++ {
			reason := strings.Repeat("x", at) + secret + strings.Repeat("y", 1000)
			got := AsError(errors.New(reason), m).Reason
			if len(got) > maxReason {
				t.Fatalf("a reason of %d bytes is kept", len(got))
			}
			if tail := strings.Trim(got, "xy+"); tail != "" && tail != redacted {
				t.Fatalf("secret at %d: %q is left", at, tail)
			}
		}
	}
	for _, reason := range []string{strings.Repeat("é", 1<<19), "x" + strings.Repeat("é", 1<<19)} {
		got := AsError(errors.New(reason), m).Reason
		if len(got) > maxReason || len(got) < maxReason-1 || !utf8.ValidString(got) {
			t.Errorf("a reason of a megabyte becomes %d bytes, valid %t", len(got), utf8.ValidString(got))
		}
	}
	got := AsError(errors.New(strings.Repeat(digits, 1<<17)), m).Reason
	if strings.ReplaceAll(got, redacted, "") != "" || len(got) < maxReason-len(redacted) {
		t.Errorf("a megabyte of codes becomes %q", got)
	}
}

func FuzzAsError(f *testing.F) {
	f.Add("to 12025550162: 917 364", digits, canaryPhone)
	f.Add("<a@b.example>\xff\r\n", "CDF467", "A@b.example")
	f.Add("x917364x%2B1202555016212025550162", digits, canaryPhone)
	f.Fuzz(func(t *testing.T, reason, code, to string) {
		m := Message{To: NewAddress(to), Code: NewSecret(code)}
		got := AsError(errors.New(reason), m).Reason
		if len(got) > maxReason || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q is not one short line of text", got)
		}
		for _, secret := range []string{code, to, url.QueryEscape(to)} {
			// Shorter ones may be found in what is left by chance.
			if len(secret) >= 6 && strings.ContainsFunc(secret, significant) && !strings.Contains(redacted, secret) &&
				strings.Contains(strings.ReplaceAll(got, redacted, "|"), secret) {
				t.Fatalf("%q is left in %q", secret, got)
			}
		}
		if again := AsError(&Error{Kind: Rejected, Reason: got}, Message{}); again.Reason != got {
			t.Fatalf("%q is changed again to %q", got, again.Reason)
		}
	})
}
