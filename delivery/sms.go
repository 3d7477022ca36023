package delivery

import (
	"strings"
	"unicode/utf16"
)

// The alphabet of 3GPP TS 23.038 §6.2.1 (GSM 03.38), without the escape
// character, and its extension table, whose characters take two septets.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ" +
		" !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// What one SMS holds: 140 bytes of septets or of UTF-16.
const (
	maxSeptets = 160
	maxUTF16   = 70
)

// What each of several SMS holds that are put together again: seven septets or
// three UTF-16 units less, for the header that says which is which (3GPP TS
// 23.040 §9.2.3.24.1). A character that takes two units is not cut in two,
// which is why a text may take one message more than its units say.
const (
	partSeptets = 153
	partUTF16   = 67
)

// SMSParts returns how many messages a text travels as.
func SMSParts(text string) int {
	units, limit := SMSLength(text)
	if units <= limit {
		return 1
	}
	parts, left := 0, 0
	for _, r := range text {
		size, part := 1, partSeptets
		switch {
		case limit == maxUTF16:
			size, part = utf16.RuneLen(r), partUTF16
		case strings.ContainsRune(gsmExtension, r):
			size = 2
		}
		if size > left {
			parts, left = parts+1, part
		}
		left -= size
	}
	return parts
}

// SMSLength returns how long text is and how long it may be to travel as one
// SMS: 160 septets while all of it is in the GSM 03.38 alphabet, where the
// characters ^{}\[~]| and € count two, else 70 UTF-16 units. A longer text is
// cut into several messages, each of which is paid for.
func SMSLength(text string) (units, limit int) {
	septets, wide := 0, false
	for _, r := range text {
		units += utf16.RuneLen(r)
		switch {
		case strings.ContainsRune(gsmBasic, r):
			septets++
		case strings.ContainsRune(gsmExtension, r):
			septets += 2
		default:
			wide = true
		}
	}
	if wide {
		return units, maxUTF16
	}
	return septets, maxSeptets
}
