package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
)

// A step is a request to try, with what to know about it.
type step struct{ about, path, body string }

// steps are the requests of the quick start: the first two log somebody in,
// the others add a second factor to a user whom the program has made, and keep
// that user logged in.
var steps = [...]step{
	{"Log in, or sign up:", "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`},
	{"Check the code that appears here (put in the phone_id of the answer, and the code):", "/v1/otps/authenticate", `{"method_id": "PHONE_ID", "code": "CODE"}`},
	{"Or make a user first:", "/v1/users", `{"phone_number": "+12025550163"}`},
	{"and send that user a code:", "/v1/otps/sms/send", `{"phone_number": "+12025550163"}`},
	{"Check that as above, and ask for a session of an hour:", "/v1/otps/authenticate", `{"method_id": "PHONE_ID", "code": "CODE", "session_duration_minutes": 60}`},
}

// A banner is what the program prints when it is ready.
type banner struct {
	address net.Addr
	cfg     config
	project credentials
}

// print writes the banner in one piece. Its last line is the one that scripts
// wait for.
func (b banner) print(w io.Writer) error {
	var t strings.Builder
	fmt.Fprintf(&t, "%s\n\n", version())
	if b.cfg.usesFile() {
		fmt.Fprintf(&t, "Database: %s\n", b.cfg.db)
	}
	if !b.cfg.store.file() {
		fmt.Fprintf(&t, "Records:  %s\n", b.cfg.store)
	}
	if !b.cfg.users.file() {
		fmt.Fprintf(&t, "Users:    %s\n", b.cfg.users)
	}
	fmt.Fprintf(&t, "Keys:     %s\n", b.cfg.keys)
	if b.cfg.file != "" {
		fmt.Fprintf(&t, "Messages: as %s says\n", b.cfg.file)
	} else {
		fmt.Fprintf(&t, "Messages appear here, codes in clear, and are sent to nobody.\n")
	}
	if b.cfg.outbox != "" {
		fmt.Fprintf(&t, "INSECURE: every message is also written to %s.\n", b.cfg.outbox)
	}
	if b.cfg.loginPages {
		fmt.Fprintf(&t, "Sign in:  %s/login/\n", b.reachable())
	}
	for _, s := range steps {
		fmt.Fprintf(&t, "\n%s\n\n", s.about)
		fmt.Fprintf(&t, "curl --request POST \\\n  --url %s%s \\\n  -u %s \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'\n",
			b.reachable(), s.path, b.user(), s.body)
	}
	fmt.Fprintf(&t, "\nlistening on http://%s\n", b.address)
	_, err := io.WriteString(w, t.String())
	return err
}

// reachable returns a URL by which this machine reaches the server, also when
// that listens on every address.
func (b banner) reachable() string {
	at, err := netip.ParseAddrPort(b.address.String())
	if err == nil && at.Addr().IsUnspecified() {
		local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if at.Addr().Is6() {
			local = netip.IPv6Loopback()
		}
		at = netip.AddrPortFrom(local, at.Port())
		return "http://" + at.String()
	}
	return "http://" + b.address.String()
}

// user returns the argument of curl's -u. A secret that came from the
// environment stays there.
func (b banner) user() string {
	if b.cfg.fixed != (credentials{}) {
		return `"` + b.project.projectID + `:$PASSCODED_SECRET"`
	}
	return quote(b.project.projectID + ":" + b.project.secret)
}

// quote returns a text as one word of a shell command.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// isLoopback reports whether only this machine reaches the address.
func isLoopback(a net.Addr) bool {
	at, err := netip.ParseAddrPort(a.String())
	return err == nil && at.Addr().IsLoopback()
}
