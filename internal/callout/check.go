package callout

import (
	"net"
	"net/url"
	"strings"
)

// URLFault says what is wrong with a URL of a configuration, "" if nothing is:
// it has to be an absolute https URL without user and password. Over http,
// codes and credentials could be read on the way, so that is for loopback
// hosts only, or if plain says so.
func URLFault(raw string, plain bool) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil: // whose text repeats the URL
		return "is not a URL"
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "", u.Hostname() == "":
		return "is not an absolute https URL"
	case u.User != nil:
		return "has a user or a password in it"
	case u.Scheme == "http" && !plain && !loopback(u.Hostname()):
		return "is not https"
	}
	return ""
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// IsNumber reports whether s is a phone number in strict E.164 form: a plus
// sign and 7 to 15 digits, of which the first is not 0.
func IsNumber(s string) bool {
	number, ok := strings.CutPrefix(s, "+")
	return ok && len(number) >= 7 && len(number) <= 15 && number[0] != '0' && consists(number, decimals)
}

// IsID reports whether s may stand for a message in URLs and headers: 1 to 128
// letters, digits, hyphens and underscores, as Message.ID.
func IsID(s string) bool {
	return s != "" && len(s) <= 128 && consists(s, decimals+letters+"-_")
}

// IsSID reports whether s is prefix and 32 hexadecimal digits.
func IsSID(s, prefix string) bool {
	hex, ok := strings.CutPrefix(s, prefix)
	return ok && len(hex) == 32 && consists(hex, decimals+"abcdefABCDEF")
}

// IsDigits reports whether s is 1 to 32 decimal digits.
func IsDigits(s string) bool { return s != "" && len(s) <= 32 && consists(s, decimals) }

const (
	decimals = "0123456789"
	letters  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func consists(s, of string) bool { return strings.Trim(s, of) == "" }
