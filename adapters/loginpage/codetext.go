package loginpage

import (
	"strings"

	"github.com/passcode-go/passcode/policy"
)

// codeIn returns the code in what somebody typed or pasted. A whole message has
// other words and numbers around it: if exactly one of them has the shape of a
// code, that is what is meant. Everything else is returned as it is, for the
// engine to say what it thinks of it.
//
// Browsers drop the ends of lines from what is pasted, so a code may stand right
// beside the letters of another script: only ASCII counts as part of a word.
func codeIn(shape policy.Code, typed string) string {
	letters := shape.Alphabet != policy.Digits
	inWord := func(r rune) bool {
		return r >= '0' && r <= '9' || letters && (r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}
	found := ""
	for word := range strings.FieldsFuncSeq(typed, func(r rune) bool { return !inWord(r) }) {
		word = strings.ToUpper(word)
		if !shape.Fits(word) || word == found {
			continue
		}
		if found != "" {
			return typed
		}
		found = word
	}
	if found == "" {
		return typed
	}
	return found
}
