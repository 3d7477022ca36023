package delivery

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of ParseEmail. ErrNotASCII is an ErrEmail too. No error repeats what
// was parsed.
var (
	ErrEmail    = errors.New("delivery: malformed e-mail address")
	ErrNotASCII = fmt.Errorf("%w: it is not ASCII (write an internationalised domain in its xn-- form)", ErrEmail)
)

// Limits of RFC 5321 §4.5.3.1; the path's 256 bytes include angle brackets.
const (
	maxEmail = 254
	maxLocal = 64
	maxLabel = 63
)

// ParseEmail checks an e-mail address that a person typed and returns it in
// the form to send to and to remember. It fits engine's Parser: region and
// kind are always empty.
//
// It takes a strict subset of what RFC 5322 calls an addr-spec: a dot-atom of
// at most 64 bytes, one "@", and a domain name of two or more labels, 254
// bytes in all. Display names, comments, quoted local parts, address literals,
// white space (also around the address) and anything outside ASCII are
// refused: parsers disagree on them, and mail has been misrouted, and SMTP
// commands smuggled, through the difference. So are local parts with "%" or
// "!", which some relays take for a route to another host, and those that
// begin with "-", which a mail program might take for an option.
//
// The result is in lower case, the local part too. Mailboxes that differ only
// in case are one mailbox in practice; taken apart, each spelling would have
// a send budget of its own, and flood the one mailbox behind them, and a user
// of its own. Use [ParseEmailExact] where that is not wanted.
func ParseEmail(raw string) (address, region, kind string, err error) {
	address, _, _, err = ParseEmailExact(raw)
	return strings.ToLower(address), "", "", err
}

// ParseEmailExact is [ParseEmail], except that it keeps the case of the local
// part, as RFC 5321 §2.4 has it. The domain is in lower case.
func ParseEmailExact(raw string) (address, region, kind string, err error) {
	if len(raw) > maxEmail {
		return "", "", "", fmt.Errorf("%w: longer than %d bytes", ErrEmail, maxEmail)
	}
	for i := range len(raw) {
		if raw[i] >= 0x80 {
			return "", "", "", ErrNotASCII
		}
	}
	local, domain, ok := strings.Cut(raw, "@")
	if !ok {
		return "", "", "", fmt.Errorf("%w: no @", ErrEmail)
	}
	if fault := localFault(local); fault != "" {
		return "", "", "", fmt.Errorf("%w: local part %s", ErrEmail, fault)
	}
	domain = strings.ToLower(domain)
	if fault := hostFault(domain); fault != "" {
		return "", "", "", fmt.Errorf("%w: domain %s", ErrEmail, fault)
	}
	return local + "@" + domain, "", "", nil
}

// localFault says what is wrong with a local part, "" if nothing is.
func localFault(local string) string {
	switch {
	case local == "":
		return "is empty"
	case len(local) > maxLocal:
		return "is longer than 64 bytes"
	case local[0] == '-':
		return "begins with a hyphen"
	case local[0] == '.', local[len(local)-1] == '.', strings.Contains(local, ".."):
		return "has a dot with nothing before or after it"
	}
	for i := range len(local) {
		// atext of RFC 5322 §3.2.3, less "%" and "!"
		if c := local[i]; !alphanumeric(c) && strings.IndexByte(".#$&'*+-/=?^_`{|}~", c) < 0 {
			return "has a character that is not taken"
		}
	}
	return ""
}

// hostFault says what is wrong with a host name in lower case, "" if nothing
// is: RFC 1123 §2.1, with at least one dot and none at the end.
func hostFault(host string) string {
	labels := strings.Split(host, ".")
	if len(labels) < 2 {
		return "has no dot"
	}
	if len(host) > 253 {
		return "is longer than 253 bytes"
	}
	for _, label := range labels {
		if label == "" || len(label) > maxLabel {
			return "has a label that is empty or longer than 63 bytes"
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return "has a label that begins or ends with a hyphen"
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && (!alphanumeric(c) || c >= 'A' && c <= 'Z') {
				return "has a character that is not a small letter, a digit, a hyphen or a dot"
			}
		}
	}
	// Top-level domains are letters or xn--; this keeps IP addresses out,
	// those with a hexadecimal end as well.
	if top := labels[len(labels)-1]; top[0] < 'a' {
		return "ends in a label that begins with a digit"
	}
	return ""
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
