package httpapi

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
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

// objects returns an array of objects.
func (f *form) objects(name string) []*form {
	var list []map[string]json.RawMessage
	f.read(name, "an array of objects", &list)
	var all []*form
	for _, fields := range list {
		if fields == nil {
			f.fail(badRequest("The field " + f.prefix + name + " must be an array of objects."))
		}
		all = append(all, &form{fields: fields, prefix: f.prefix + name + "[].", fault: f.fault})
	}
	return all
}

// minutes returns a number of minutes within bounds, 0 for none.
func (f *form) minutes(name string, least, most time.Duration, refusal error) time.Duration {
	n, given := f.integer(name)
	if !given || f.err() != nil {
		return 0
	}
	if n < int64(least/time.Minute) || n > int64(most/time.Minute) {
		f.fail(refusal)
		return 0
	}
	return time.Duration(n) * time.Minute
}

// lifetime returns how long a passcode should live, 0 for the default.
func (f *form) lifetime() time.Duration {
	return f.minutes("expiration_minutes", policy.MinLifetime, policy.MaxLifetime, errExpiration)
}

// window returns how long an authenticator app should wait for its first code,
// 0 for the default.
func (f *form) window() time.Duration {
	return f.minutes("expiration_minutes", totp.MinWindow, totp.MaxWindow, errWindow)
}

// userID returns user_id. That none is given is for the accounts to say: nobody
// has the empty id.
func (f *form) userID() string {
	id := f.text("user_id")
	if id != "" && !accounts.IsUserID(id) {
		f.fail(errUserID)
	}
	return id
}

func (f *form) locale(channel delivery.Channel) string {
	locale := f.text("locale")
	if _, ok := delivery.MatchLocale(channel, locale); !ok {
		f.fail(errLocale)
	}
	return locale
}

// attributes returns the end user's address, in one form for each, and
// browser.
func (f *form) attributes() engine.Client {
	attributes := f.object("attributes")
	ip, agent := attributes.text("ip_address"), attributes.text("user_agent")
	if ip != "" {
		address, err := netip.ParseAddr(ip)
		if err != nil || address.Zone() != "" {
			f.fail(errIPAddress)
		}
		ip = address.Unmap().String()
	}
	if len(agent) > maxUserAgent || strings.ContainsFunc(agent, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		f.fail(errUserAgent)
	}
	return engine.Client{IP: ip, UserAgent: agent}
}

// credential returns the token or the JWT of a session, of which there may be
// neither.
func (f *form) credential() sessions.Credential {
	c := sessions.Credential{Token: f.text("session_token"), JWT: f.text("session_jwt")}
	if c.Token != "" && c.JWT != "" {
		f.fail(errTwoSessions)
	}
	return c
}

// duration returns session_duration_minutes, 0 for none. 0 is none on the wire
// too: clients of some languages cannot tell them apart.
func (f *form) duration() time.Duration {
	const name = "session_duration_minutes"
	if n, _ := f.integer(name); n == 0 {
		return 0
	}
	return f.minutes(name, sessions.MinDuration, sessions.MaxDuration, sessions.ErrDuration)
}

// claims returns session_custom_claims, nil for none.
func (f *form) claims() json.RawMessage {
	raw := f.raw("session_custom_claims")
	if len(raw) > 0 && raw[0] != '{' {
		f.fail(sessions.ErrClaims)
	}
	return raw
}

// session returns what session a code should begin or go on with.
func (f *form) session(client engine.Client) accounts.SessionRequest {
	return accounts.SessionRequest{
		Credential: f.credential(),
		Duration:   f.duration(),
		Claims:     f.claims(),
		Attributes: sessions.Attributes{IPAddress: client.IP, UserAgent: client.UserAgent},
	}
}
