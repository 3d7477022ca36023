package delivery

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("l", 64) + "@" + strings.Repeat(strings.Repeat("d", 61)+".", 3) + "com"
	for _, tt := range []struct{ raw, exact string }{
		{"jane@example.com", "jane@example.com"},
		{"Jane.ROE@Example.COM", "Jane.ROE@example.com"},
		{"jane+Tag@example.com", "jane+Tag@example.com"},
		{"a@b.co", "a@b.co"},
		{"1@2.example", "1@2.example"},
		{"o'neil@example.com", "o'neil@example.com"},
		{"_#$&'*+/=?^_`{|}~-@example.com", "_#$&'*+/=?^_`{|}~-@example.com"},
		{"a.b.c@a-b.c--d.example", "a.b.c@a-b.c--d.example"},
		{"jane@XN--BCHER-KVA.example", "jane@xn--bcher-kva.example"},
		{"jane@example.xn--p1ai", "jane@example.xn--p1ai"},
		{longest, longest},
		{"a@" + strings.Repeat("d", 63) + ".com", "a@" + strings.Repeat("d", 63) + ".com"},
	} {
		address, region, kind, err := ParseEmailExact(tt.raw)
		if err != nil || address != tt.exact || region != "" || kind != "" {
			t.Errorf("ParseEmailExact(%q) = %q, %q, %q, %v, want %q", tt.raw, address, region, kind, err, tt.exact)
		}
		address, region, kind, err = ParseEmail(tt.raw)
		if want := strings.ToLower(tt.exact); err != nil || address != want || region != "" || kind != "" {
			t.Errorf("ParseEmail(%q) = %q, %q, %q, %v, want %q", tt.raw, address, region, kind, err, want)
		}
	}
	if len(longest) != 254 {
		t.Fatalf("the longest address has %d bytes", len(longest))
	}
}

func TestParseEmailRefuses(t *testing.T) {
	t.Parallel()
	for name, raws := range map[string][]string{
		"not an address":  {"", "@", "jane", "jane@", "@example.com", "example.com", "jane@@example.com", "jane@example.com@example.com", "a@b@c.com"},
		"quoted":          {`"jane"@example.com`, `"a@b"@example.com`, `"a> ORCPT=rfc822;x@evil.example"@example.com`, `"<x@evil.example> "@example.com`, `""@example.com`, `jane\@x@example.com`},
		"comments":        {"jane(x)@example.com", "(x)jane@example.com", "jane@example.com(x)", "jane@(x)example.com", "((((((((x@y.com"},
		"display names":   {"Jane <jane@example.com>", "<jane@example.com>", `"Jane" <jane@example.com>`, "jane@example.com>", "Jane: jane@example.com;"},
		"lists":           {"a@example.com,b@example.com", "a@example.com, b@example.com", "a@example.com;b@example.com", "a@example.com\nb@example.com"},
		"white space":     {" jane@example.com", "jane@example.com ", "jane @example.com", "jane@ example.com", "ja ne@example.com", "\tjane@example.com", "jane@example.com\u00a0"},
		"headers":         {"jane@example.com\r\nBcc: x@evil.example", "jane@example.com\n", "\njane@example.com", "jane\r@example.com", "jane@example.com\r\nRCPT TO:<x@evil.example>"},
		"controls":        {"jane\x00@example.com", "jane@example.com\x00", "jane@exam\x00ple.com", "jane\x7f@example.com", "jane@\x1b[31m.com"},
		"invisible":       {"jane\u202e@example.com", "jane@exam\u200bple.com", "\ufeffjane@example.com", "jane@example.com\u2028"},
		"other scripts":   {"jürgen@example.com", "jane@bücher.example", "jane@ехample.com", "ｊane@example.com", "jane＠example.com", "jane@example。com", "\xff@example.com", "jane@\xc3.com", "ſ@example.com", "jane@eхample.\u212aom"},
		"dots":            {".jane@example.com", "jane.@example.com", "ja..ne@example.com", ".@example.com", "jane@.example.com", "jane@example.com.", "jane@example..com", "jane@."},
		"domains":         {"jane@localhost", "jane@com", "jane@-example.com", "jane@example-.com", "jane@exam_ple.com", "jane@example.com-", "jane@example.c-", "jane@exam!ple.com", "jane@example.com:25", "jane@example.com/x"},
		"IP addresses":    {"jane@[127.0.0.1]", "jane@[IPv6:::1]", "jane@127.0.0.1", "jane@10.1", "jane@0x7f.0x1", "jane@example.123", "jane@::1"},
		"routes":          {"jane%evil.example@example.com", "evil.example!jane@example.com", "@relay.example:jane@example.com"},
		"options":         {"-oQ/tmp@example.com", "--@example.com"},
		"lengths":         {strings.Repeat("l", 65) + "@example.com", "a@" + strings.Repeat("d", 64) + ".com", strings.Repeat("l", 64) + "@" + strings.Repeat(strings.Repeat("d", 61)+".", 3) + "info", strings.Repeat("a", 1<<20), "a@" + strings.Repeat("a.", 1<<19) + "com"},
		"other addresses": {"+12025550162", "mailto:jane@example.com?cc=x", "jane@example.com?subject=x", "https://jane@example.com"},
	} {
		for _, raw := range raws {
			for _, parse := range []func(string) (string, string, string, error){ParseEmail, ParseEmailExact} {
				address, _, _, err := parse(raw)
				if !errors.Is(err, ErrEmail) || address != "" {
					t.Errorf("%s: %.80q is taken as %.80q, %v", name, raw, address, err)
				} else if len(raw) > 3 && strings.Contains(err.Error(), raw) {
					t.Errorf("%s: the error repeats the input: %v", name, err)
				}
			}
			if _, _, _, err := ParseEmail(raw); name == "other scripts" && !errors.Is(err, ErrNotASCII) {
				t.Errorf("%q: %v is not ErrNotASCII", raw, err)
			}
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	f.Add("jane.roe+tag@mail.example.com")
	f.Fuzz(func(t *testing.T, raw string) {
		exact, _, _, err := ParseEmailExact(raw)
		address, region, kind, lowerErr := ParseEmail(raw)
		if (err == nil) != (lowerErr == nil) {
			t.Fatalf("%q: ParseEmailExact says %v, ParseEmail %v", raw, err, lowerErr)
		}
		if err != nil {
			if !errors.Is(err, ErrEmail) || exact+address != "" {
				t.Fatalf("%q: %q, %q, %v", raw, exact, address, err)
			}
			return
		}
		if region != "" || kind != "" || address != strings.ToLower(raw) || !strings.EqualFold(exact, raw) {
			t.Fatalf("%q: %q, %q, %q, %q", raw, exact, address, region, kind)
		}
		if again, _, _, err := ParseEmail(address); err != nil || again != address {
			t.Fatalf("%q parses again as %q, %v", address, again, err)
		}
		if again, _, _, err := ParseEmailExact(exact); err != nil || again != exact {
			t.Fatalf("%q parses again as %q, %v", exact, again, err)
		}
		for _, a := range []string{exact, address} {
			if std, err := mail.ParseAddress(a); err != nil || std.Address != a || std.Name != "" {
				t.Fatalf("net/mail reads %q as %v, %v", a, std, err)
			}
		}
	})
}
