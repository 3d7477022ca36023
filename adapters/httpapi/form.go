package httpapi

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/policy"
)

const maxUserAgent = 1024 // bytes of attributes.user_agent

// A form is a JSON object of a request. Its methods read one field each, and
// return the zero value for a field that is absent or null. The first field
// that cannot be read is the form's error, and that of every form around it.
type form struct {
	fields map[string]json.RawMessage
	prefix string // of the field's name in messages
	fault  *error
}

// err returns the form's first error.
func (f *form) err() error { return *f.fault }

func (f *form) fail(err error) {
	if *f.fault == nil {
		*f.fault = err
	}
}

// raw returns a field as it was written, nil for none.
func (f *form) raw(name string) json.RawMessage {
	if raw := f.fields[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// read decodes a field into v, if it is there.
func (f *form) read(name, what string, v any) {
	if raw := f.raw(name); raw != nil && json.Unmarshal(raw, v) != nil {
		f.fail(badRequest("The field " + f.prefix + name + " must be " + what + "."))
	}
}

func (f *form) text(name string) (s string) {
	f.read(name, "a string", &s)
	return s
}

func (f *form) flag(name string) (b bool) {
	f.read(name, "true or false", &b)
	return b
}

// texts returns an array of strings; a null among them is refused.
func (f *form) texts(name string) []string {
	var list []*string
	f.read(name, "an array of strings", &list)
	var all []string
	for _, s := range list {
		if s == nil {
			f.fail(badRequest("The field " + f.prefix + name + " must be an array of strings."))
			return nil
		}
		all = append(all, *s)
	}
	return all
}

// integer returns a number without fraction and exponent, and whether there is
// one. What int64 cannot hold becomes its nearest value.
func (f *form) integer(name string) (n int64, given bool) {
	raw := f.raw(name)
	if raw == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		f.fail(badRequest("The field " + f.prefix + name + " must be an integer."))
	}
	return n, true
}

// object returns a field that is an object, an empty one if there is none.
func (f *form) object(name string) *form {
	inner := &form{prefix: f.prefix + name + ".", fault: f.fault}
	f.read(name, "an object", &inner.fields)
	return inner
}

// lifetime reads expiration_minutes; 0 means the default.
func (f *form) lifetime() time.Duration {
	n, given := f.integer("expiration_minutes")
	if !given || f.err() != nil {
		return 0
	}
	const least, most = int64(policy.MinLifetime / time.Minute), int64(policy.MaxLifetime / time.Minute)
	if n < least || n > most {
		f.fail(errExpiration)
		return 0
	}
	return time.Duration(n) * time.Minute
}

func (f *form) locale(channel delivery.Channel) string {
	locale := f.text("locale")
	if _, ok := delivery.MatchLocale(channel, locale); !ok {
		f.fail(errLocale)
	}
	return locale
}

// attributes checks the end user's address and browser. Nothing uses them yet.
func (f *form) attributes() {
	attributes := f.object("attributes")
	if ip := attributes.text("ip_address"); ip != "" {
		if address, err := netip.ParseAddr(ip); err != nil || address.Zone() != "" {
			f.fail(errIPAddress)
		}
	}
	agent := attributes.text("user_agent")
	if len(agent) > maxUserAgent || strings.ContainsFunc(agent, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		f.fail(errUserAgent)
	}
}
