package delivery

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSMSLength(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text         string
		units, limit int
	}{
		{"", 0, 160},
		{"Your code is 123456.", 20, 160},
		{"@£$¥èéùìòÇ\nØø\rÅå", 16, 160},
		{"Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ", 15, 160},
		{"¤¡ÄÖÑÜ§¿äöñüà", 13, 160},
		{"^{}\\[~]|€", 18, 160},
		{"\f", 2, 160},
		{"12 €", 5, 160},
		// letters that look as if they were in the alphabet, and are not
		{"ê", 1, 70}, {"á", 1, 70}, {"í", 1, 70}, {"ó", 1, 70}, {"ú", 1, 70}, {"ç", 1, 70},
		{"À", 1, 70}, {"È", 1, 70}, {"â", 1, 70}, {"ã", 1, 70}, {"õ", 1, 70}, {"ı", 1, 70},
		{"`", 1, 70}, {"’", 1, 70}, {"“", 1, 70}, {"–", 1, 70}, {"…", 1, 70}, {"\t", 1, 70}, {"\x1b", 1, 70},
		{"\u00a0", 1, 70}, {"Α", 1, 70}, {"Ω\u2126", 2, 70}, {"e\u0301", 2, 70},
		// one of them makes everything sixteen bits wide
		{"€uro ó", 6, 70},
		{"code 😀", 7, 70},
		{"код 123456", 10, 70},
		{"\xff", 1, 70},
		{strings.Repeat("x", 161), 161, 160},
		{strings.Repeat("я", 71), 71, 70},
	} {
		if units, limit := SMSLength(tt.text); units != tt.units || limit != tt.limit {
			t.Errorf("SMSLength(%q) = %d, %d, want %d, %d", tt.text, units, limit, tt.units, tt.limit)
		}
	}
}

// Seven bits are 128 characters, less the escape; with the extension all of
// printable ASCII is there but the backtick.
func TestGSMAlphabet(t *testing.T) {
	t.Parallel()
	seen := map[rune]bool{}
	for _, r := range gsmBasic + gsmExtension {
		if seen[r] {
			t.Errorf("%q is there twice", r)
		}
		seen[r] = true
	}
	if n := utf8.RuneCountInString(gsmBasic); n != 127 {
		t.Errorf("%d characters, want 127", n)
	}
	if n := utf8.RuneCountInString(gsmExtension); n != 10 {
		t.Errorf("%d characters in the extension, want 10", n)
	}
	for r := ' '; r <= '~'; r++ {
		if want := r != '`'; seen[r] != want {
			t.Errorf("%q in the alphabet: %t", r, seen[r])
		}
	}
}
