package totp

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

var rfcSecret = []byte("12345678901234567890")

// RFC 4226, appendix D.
func TestRFC4226(t *testing.T) {
	t.Parallel()
	want := strings.Fields("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489")
	for step, code := range want {
		got, err := codeAt(base32.StdEncoding.EncodeToString(rfcSecret), int64(step))
		if err != nil || got != code {
			t.Errorf("step %d: %s, %v, want %s", step, got, err, code)
		}
	}
}

// RFC 6238, appendix B. Its codes have eight digits: the last six are the code
// of six. SHA-256 and SHA-512, which apps are not asked for, are tried on the
// library alone.
func TestRFC6238(t *testing.T) {
	t.Parallel()
	seed := func(n int) string {
		return base32.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rfcSecret), 4)[:n]))
	}
	for _, tc := range []struct {
		unix                 int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		step := tc.unix * 1_000_000 / period
		if got, err := codeAt(seed(20), step); err != nil || got != tc.sha1[2:] {
			t.Errorf("%d: %s, %v, want %s", tc.unix, got, err, tc.sha1[2:])
		}
		equal, err := match(seed(20), tc.sha1[2:], step-1)
		if err != nil || equal != [3]bool{false, true, false} {
			t.Errorf("%d: match says %v, %v", tc.unix, equal, err)
		}
		for _, row := range []struct {
			algorithm otp.Algorithm
			size      int
			want      string
		}{{otp.AlgorithmSHA1, 20, tc.sha1}, {otp.AlgorithmSHA256, 32, tc.sha256}, {otp.AlgorithmSHA512, 64, tc.sha512}} {
			got, err := hotp.GenerateCodeCustom(seed(row.size), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsEight, Algorithm: row.algorithm})
			if err != nil || got != row.want {
				t.Errorf("%d, %v: %s, %v, want %s", tc.unix, row.algorithm, got, err, row.want)
			}
		}
	}
}

// Every form of input, with what each of the two readers makes of it.
func TestReaders(t *testing.T) {
	t.Parallel()
	const format = engine.ErrFormat
	for _, tc := range []struct {
		input       string
		code        string
		codeErr     error
		recovery    string
		recoveryErr error
		name        string
	}{
		{"012345", "012345", nil, "", ErrAppCode, "a code"},
		{" 012 345\t\n", "012345", nil, "", ErrAppCode, "spaces"},
		{"012\u00a0345\u202f", "012345", nil, "", ErrAppCode, "spaces that do not break"},
		{"012-345", "", format, "", ErrAppCode, "a hyphen"},
		{"a1b2-c3d4-e5f6", "", ErrRecoveryCode, "a1b2c3d4e5f6", nil, "a recovery code"},
		{" A1B2c3d4 E5F6 ", "", ErrRecoveryCode, "a1b2c3d4e5f6", nil, "capitals, no hyphens"},
		{"a1b2–c3d4−e5f6", "", ErrRecoveryCode, "a1b2c3d4e5f6", nil, "a dash and a minus sign"},
		{"a1b2–c3d4—e5f6", "", ErrRecoveryCode, "a1b2c3d4e5f6", nil, "dashes"},
		{"012345678901", "", ErrRecoveryCode, "012345678901", nil, "twelve digits"},
		{"", "", format, "", format, "nothing"},
		{"  ", "", format, "", format, "spaces only"},
		{"--", "", format, "", format, "hyphens only"},
		{"12345", "", format, "", format, "five digits"},
		{"1234567", "", format, "", format, "seven digits"},
		{"01234567890", "", format, "", format, "eleven characters"},
		{"0123456789012", "", format, "", format, "thirteen characters"},
		{"12345x", "", format, "", format, "a letter"},
		{"+12345", "", format, "", format, "a sign"},
		{"12345\x00", "", format, "", format, "NUL"},
		{"012345\x00", "", format, "", format, "NUL behind a code"},
		{"a1b2-c3d4-e5f\x00", "", format, "", format, "NUL in a recovery code"},
		{"０１２３４５", "", format, "", format, "full-width digits"},
		{"٠١٢٣٤٥", "", format, "", format, "Arabic digits"},
		{"٠١٢", "", format, "", format, "six bytes of Arabic digits"},
		{"ⅠⅡⅢⅣ", "", format, "", format, "twelve bytes of numerals"},
		{"\u212a1b2-c3d4-e5f6", "", format, "", format, "the Kelvin sign, whose small letter is k"},
		{"\u202e012345", "", format, "", format, "a bidi override"},
		{"01234\xff", "", format, "", format, "not UTF-8"},
		{"a1b2-c3d4-e5f_", "", format, "", format, "an underscore"},
		{"012345" + strings.Repeat(" ", maxInput-6), "012345", nil, "", ErrAppCode, "as long as may be"},
		{"012345" + strings.Repeat(" ", maxInput-5), "", format, "", format, "longer"},
		{strings.Repeat("1", 1<<20), "", format, "", format, "a megabyte"},
	} {
		code, err := readCode(tc.input)
		if code != tc.code || !errors.Is(err, tc.codeErr) {
			t.Errorf("%s: readCode: %q, %v, want %q, %v", tc.name, code, err, tc.code, tc.codeErr)
		}
		recovery, err := readRecoveryCode(tc.input)
		want := recoveryCode{}
		copy(want[:], tc.recovery)
		if recovery != want || !errors.Is(err, tc.recoveryErr) {
			t.Errorf("%s: readRecoveryCode: %q, %v, want %q, %v", tc.name, recovery, err, tc.recovery, tc.recoveryErr)
		}
	}
}

// Every character is as likely as any other: bytes taken modulo 36 would favour
// four of them by a seventh.
func TestRecoveryCodesAreUniform(t *testing.T) {
	t.Parallel()
	const codes = 30_000
	var count [256]int
	for range codes {
		code := newRecoveryCode()
		for _, c := range code {
			count[c]++
		}
	}
	expected := float64(codes*recoverySize) / float64(len(recoveryAlphabet))
	chi := 0.0
	for i := range len(recoveryAlphabet) {
		n := float64(count[recoveryAlphabet[i]])
		chi += (n - expected) * (n - expected) / expected
	}
	// 35 degrees of freedom: above 101 once in 10^8.
	if chi > 101 {
		t.Errorf("chi-square is %.1f", chi)
	}
}

func TestNewContents(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		c := newContents()
		seen[c.base32()] = true
		for i := range c.recovery {
			seen[c.recovery[i].show().Reveal()] = true
		}
		if len(c.base32()) != 32 {
			t.Fatalf("the secret has %d characters", len(c.base32()))
		}
	}
	if len(seen) != 1000*(1+RecoveryCodes) {
		t.Errorf("%d different secrets", len(seen))
	}
}

func FuzzReadCode(f *testing.F) {
	for _, seed := range []string{"012345", " 012 345", "٠١٢٣٤٥", "a1b2-c3d4-e5f6", "12345\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		code, err := readCode(input)
		_, recoveryErr := readRecoveryCode(input)
		switch {
		case err == nil:
			if !isAppCode(code) {
				t.Fatalf("%q reads as %q", input, code)
			}
			if again, err := readCode(code); again != code || err != nil {
				t.Fatalf("%q does not read as itself", code)
			}
			if !errors.Is(recoveryErr, ErrAppCode) {
				t.Fatalf("%q is a code, and readRecoveryCode says %v", input, recoveryErr)
			}
		case errors.Is(err, ErrRecoveryCode) != (recoveryErr == nil):
			t.Fatalf("%q: the readers say %v and %v", input, err, recoveryErr)
		case code != "":
			t.Fatalf("%q with %v", code, err)
		}
		if err != nil && len(input) > 5 && strings.Contains(fmt.Sprintf("%+v", err), input) {
			t.Fatalf("%v repeats the input", err)
		}
	})
}

func FuzzReadRecoveryCode(f *testing.F) {
	for _, seed := range []string{"a1b2-c3d4-e5f6", "A1B2C3D4E5F6", "a1b2–c3d4—e5f6", "012345", "\u212a1b2-c3d4-e5f6"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		code, err := readRecoveryCode(input)
		if err != nil {
			if code != (recoveryCode{}) {
				t.Fatalf("%q with %v", code, err)
			}
			return
		}
		for _, c := range code {
			if !strings.ContainsRune(recoveryAlphabet, rune(c)) {
				t.Fatalf("%q reads as %q", input, code)
			}
		}
		if again, err := readRecoveryCode(code.show().Reveal()); again != code || err != nil {
			t.Fatalf("%q does not read as itself", code)
		}
	})
}
