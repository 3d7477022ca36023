package smtpsender

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// verifier has a puppet check a login as a server does, in any of the
// mechanisms.
func verifier(c *puppetConn) bool {
	fields := strings.Fields(c.line)
	initial := ""
	if len(fields) > 2 {
		initial = unbase64(fields[2])
	}
	ask := func(challenge string) string {
		say("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))(c)
		line, _ := c.text.ReadLine()
		return unbase64(line)
	}
	good := false
	switch mech := fields[1]; mech {
	case "PLAIN":
		good = initial == "\x00"+testUser+"\x00"+testPassword
	case "LOGIN":
		good = ask("Username:") == testUser && ask("Password:") == testPassword
	case "XOAUTH2":
		good = initial == "user="+testUser+"\x01auth=Bearer "+testToken+"\x01\x01"
	case "CRAM-MD5":
		const challenge = "<1896.697170952@mail.passcode.example>"
		mac := hmac.New(md5.New, []byte(testPassword))
		mac.Write([]byte(challenge))
		good = ask(challenge) == testUser+" "+hex.EncodeToString(mac.Sum(nil))
	case "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS":
		good = scramServer(c, ask, sha1.New, strings.HasSuffix(mech, "PLUS"), 4096, false)
	case "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS":
		good = scramServer(c, ask, sha256.New, strings.HasSuffix(mech, "PLUS"), 4096, false)
	}
	if !good {
		return say("535 5.7.8 no")(c)
	}
	return say("235 2.7.0 welcome")(c)
}

func unbase64(s string) string {
	b, _ := base64.StdEncoding.DecodeString(s)
	return string(b)
}

// scramServer is the server's side of RFC 5802. It reports whether the client
// knows the password.
func scramServer(c *puppetConn, ask func(string) string, h func() hash.Hash, plus bool, iterations int, silent bool) bool {
	mac := func(key []byte, text string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	first := ask("")
	header, bare := "n,,", ""
	binding := ""
	if plus {
		header = "p=tls-exporter,,"
		state := c.wire.(*tls.Conn).ConnectionState()
		key, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return false
		}
		binding = string(key)
	}
	bare, ok := strings.CutPrefix(first, header)
	if !ok || !strings.HasPrefix(bare, "n="+testUser+",r=") {
		return false
	}
	_, nonce, _ := strings.Cut(bare, ",r=")
	salt := "0123456789abcdef"
	serverFirst := fmt.Sprintf("r=%sserver,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString([]byte(salt)), iterations)
	final := ask(serverFirst)
	without, proof, ok := strings.Cut(final, ",p=")
	if !ok || without != "c="+base64.StdEncoding.EncodeToString([]byte(header+binding))+",r="+nonce+"server" {
		return false
	}
	salted, err := pbkdf2.Key(h, testPassword, []byte(salt), iterations, h().Size())
	if err != nil {
		return false
	}
	message := bare + "," + serverFirst + "," + without
	client := mac(salted, "Client Key")
	stored := h()
	stored.Write(client)
	signature := mac(stored.Sum(nil), message)
	for i := range signature {
		signature[i] ^= client[i]
	}
	if proof != base64.StdEncoding.EncodeToString(signature) {
		return false
	}
	if silent {
		return true
	}
	return ask("v="+base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), message))) == ""
}

// Of what a server offers, the strongest is taken that may be used.
func TestLogin(t *testing.T) {
	t.Parallel()
	const all = "XOAUTH2 CRAM-MD5 LOGIN PLAIN NTLM SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS"
	token := func(context.Context) (delivery.Secret, error) { return delivery.NewSecret(testToken), nil }
	for _, tt := range []struct {
		offered, mechanism, want string
		token                    bool
	}{
		{offered: all, want: "SCRAM-SHA-256-PLUS"},
		{offered: "PLAIN SCRAM-SHA-1 SCRAM-SHA-256", want: "SCRAM-SHA-256"},
		{offered: "PLAIN SCRAM-SHA-1-PLUS", want: "SCRAM-SHA-1-PLUS"},
		{offered: "LOGIN SCRAM-SHA-1", want: "SCRAM-SHA-1"},
		{offered: "LOGIN PLAIN CRAM-MD5", want: "PLAIN"},
		{offered: "login plain", want: "PLAIN"},
		{offered: "LOGIN", want: "LOGIN"},
		{offered: "CRAM-MD5", want: "CRAM-MD5"},
		{offered: all, mechanism: "LOGIN", want: "LOGIN"},
		{offered: all, token: true, want: "XOAUTH2"},
		{offered: "PLAIN", token: true},
		{offered: "XOAUTH2 NTLM PLAIN-CLIENTTOKEN"},
		{offered: "PLAIN", mechanism: "SCRAM-SHA-256"},
		{offered: ""},
	} {
		t.Run(tt.offered+"/"+tt.mechanism+"/"+tt.want, func(t *testing.T) {
			t.Parallel()
			p := &puppet{tls: serverTLS(), auth: tt.offered, do: map[string]action{"AUTH": verifier}}
			cfg := config(p.start(t).addr)
			cfg.Mechanism = tt.mechanism
			if tt.token {
				cfg.Password, cfg.Token = delivery.Secret{}, token
			}
			_, err := newSender(t, cfg).Send(t.Context(), testMessage())
			said := p.commands()
			if tt.want == "" {
				if kindOfError(err) != string(delivery.Configuration) || strings.Contains(said, "AUTH") {
					t.Errorf("Send = %v; the client said\n%s", err, said)
				}
				return
			}
			if err != nil || !strings.Contains(said, "AUTH "+tt.want) {
				t.Errorf("Send = %v; the client said\n%s", err, said)
			}
		})
	}
}

// Without TLS the password does not go over the wire, whatever is offered.
func TestLoginInClear(t *testing.T) {
	t.Parallel()
	for offered, want := range map[string]string{
		"PLAIN LOGIN XOAUTH2":        "",
		"PLAIN SCRAM-SHA-256-PLUS":   "",
		"PLAIN CRAM-MD5":             "CRAM-MD5",
		"PLAIN CRAM-MD5 SCRAM-SHA-1": "SCRAM-SHA-1",
		"PLAIN LOGIN SCRAM-SHA-256":  "SCRAM-SHA-256",
	} {
		t.Run(offered, func(t *testing.T) {
			t.Parallel()
			p := &puppet{auth: offered, do: map[string]action{"AUTH": verifier}}
			cfg := config(p.start(t).addr)
			cfg.TLS, cfg.UnsafePlaintext = nil, true
			cfg.Host = "localhost" // where libraries like to make an exception
			_, err := newSender(t, cfg).Send(t.Context(), testMessage())
			if said := p.commands(); want == "" && strings.Contains(said, "AUTH") || want != "" && !strings.Contains(said, "AUTH "+want) {
				t.Errorf("the client said\n%s", said)
			}
			if (err == nil) != (want != "") || want == "" && kindOfError(err) != string(delivery.Configuration) {
				t.Errorf("Send = %v", err)
			}
		})
	}
}

// A wrong password is the operator's affair, in every mechanism.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for _, m := range mechanisms {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := &puppet{tls: serverTLS(), auth: m.name, do: map[string]action{"AUTH": verifier}}
			cfg := config(p.start(t).addr)
			cfg.Password = delivery.NewSecret("wrong")
			_, err := newSender(t, cfg).Send(t.Context(), testMessage())
			if err == nil || err.Error() != "delivery: configuration: smtp: AUTH: 535 5.7.8" {
				t.Errorf("Send = %v", err)
			}
			if strings.Contains(p.commands(), "MAIL") {
				t.Error("the client went on")
			}
		})
	}
}

// A server that does not do its part of SCRAM does not know the password, or
// wants it guessed.
func TestFalseSCRAM(t *testing.T) {
	t.Parallel()
	ask := func(c *puppetConn) func(string) string {
		return func(challenge string) string {
			say("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))(c)
			line, err := c.text.ReadLine()
			if err != nil {
				return "gone"
			}
			c.p.note("answer: " + unbase64(line))
			return unbase64(line)
		}
	}
	welcome := say("235 2.7.0 welcome")
	empty := func() string { // the server's proof for a client that has computed nothing yet
		key := hmac.New(sha256.New, nil)
		key.Write([]byte("Server Key"))
		return base64.StdEncoding.EncodeToString(hmac.New(sha256.New, key.Sum(nil)).Sum(nil))
	}
	for name, do := range map[string]action{
		"no challenge": welcome,
		"no proof":     func(c *puppetConn) bool { return scramServer(c, ask(c), sha256.New, false, 4096, true) && welcome(c) },
		"early proof":  func(c *puppetConn) bool { ask(c)("v=" + empty()); return welcome(c) },
		"wrong proof": func(c *puppetConn) bool {
			scramServer(c, ask(c), sha256.New, false, 4096, true)
			ask(c)("v=AAAA")
			return welcome(c)
		},
		"1 iteration": func(c *puppetConn) bool { scramServer(c, ask(c), sha256.New, false, 1, false); return welcome(c) },
		"4095":        func(c *puppetConn) bool { scramServer(c, ask(c), sha256.New, false, 4095, false); return welcome(c) },
		"two billion": func(c *puppetConn) bool {
			nonce := ask(c)("")
			_, r, _ := strings.Cut(nonce, "r=")
			ask(c)("r=" + r + "x,s=AAAA,i=2000000000")
			return welcome(c)
		},
		"no iterations": func(c *puppetConn) bool {
			nonce := ask(c)("")
			_, r, _ := strings.Cut(nonce, "r=")
			ask(c)("r=" + r + "x,s=AAAA,x=1")
			return welcome(c)
		},
		"nonsense": func(c *puppetConn) bool { ask(c)("hello"); return welcome(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &puppet{tls: serverTLS(), auth: "SCRAM-SHA-256", do: map[string]action{"AUTH": do}}
			_, err := newSender(t, config(p.start(t).addr)).Send(t.Context(), testMessage())
			if k := kindOfError(err); k != string(delivery.Configuration) && k != string(delivery.Temporary) {
				t.Errorf("Send = %v", err)
			}
			said := p.commands()
			if strings.Contains(said, "MAIL") {
				t.Errorf("the client went on:\n%s", said)
			}
			if strings.Contains(said, ",p=") && !strings.Contains(name, "proof") {
				t.Errorf("the client gave its proof away:\n%s", said)
			}
		})
	}
}

// A token is asked for at each new connection, with the ctx of the Send.
func TestToken(t *testing.T) {
	t.Parallel()
	p := &puppet{tls: serverTLS(), auth: "PLAIN XOAUTH2", do: map[string]action{"AUTH": verifier}}
	cfg := config(p.start(t).addr)
	cfg.Password = delivery.Secret{}
	type key struct{}
	var mu sync.Mutex
	calls := 0
	answer, failure := delivery.NewSecret(testToken), error(nil)
	cfg.Token = func(ctx context.Context) (delivery.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Value(key{}) != "this send" {
			t.Error("it is another ctx")
		}
		calls++
		return answer, failure
	}
	ctx := context.WithValue(t.Context(), key{}, "this send")
	s := newSender(t, cfg)
	for range 3 {
		if _, err := s.Send(ctx, testMessage()); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 1 {
		t.Errorf("the token was asked for %d times on one connection", calls)
	}
	for _, bad := range []struct {
		token string
		err   error
	}{{"", errors.New("no: " + testToken)}, {"", nil}, {"a\x01auth=x", nil}, {"a\r\nMAIL", nil}} {
		answer, failure = delivery.NewSecret(bad.token), bad.err
		_, err := newSender(t, cfg).Send(ctx, testMessage())
		if err == nil || err.Error() != "delivery: temporary: smtp: AUTH: there is no access token" {
			t.Errorf("%q, %v: %v", bad.token, bad.err, err)
		}
	}
}
