package smtpsender

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"html/template"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/servertest"
)

// A postfix is a private Postfix, with a configuration, a queue and mailboxes
// of its own. Cyrus SASL does the logins.
type postfix struct {
	dir           string
	submission    int // STARTTLS required
	submissions   int // TLS from the first byte
	binary        string
	configuration string
}

// newPostfix starts one for a test. The test is skipped, or fails, where there
// is none: see servertest.SkipIfMissing.
func newPostfix(t *testing.T) *postfix {
	t.Helper()
	p, err := setUpPostfix(t)
	servertest.SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	p.run(t, "start")
	t.Cleanup(func() { p.run(t, "abort") })
	return p
}

func (p *postfix) run(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.Command(p.binary, "-c", p.configuration, command).CombinedOutput(); err != nil {
		t.Fatalf("postfix %s: %v\n%s\n%s", command, err, out, p.log())
	}
}

// abort ends Postfix at once. The command does not wait for that.
func (p *postfix) abort(t *testing.T) {
	t.Helper()
	p.run(t, "abort")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if exec.Command(p.binary, "-c", p.configuration, "status").Run() != nil {
			return
		}
		<-tick.C
	}
	t.Fatalf("postfix does not end\n%s", p.log())
}

func (p *postfix) log() string {
	out, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(out)
}

func setUpPostfix(t *testing.T) (*postfix, error) {
	paths := make(map[string]string)
	for name, package_ := range map[string]string{"postfix": "postfix", "saslpasswd2": "sasl2-bin and libsasl2-modules"} {
		path, err := exec.LookPath(name)
		if err != nil {
			path, err = exec.LookPath("/usr/sbin/" + name)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s, of %s", servertest.ErrMissing, name, package_)
		}
		paths[name] = path
	}
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: root, as whom Postfix must be started", servertest.ErrMissing)
	}
	dir, err := os.MkdirTemp("", "passcode-postfix") // t.TempDir cannot be entered by Postfix
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &postfix{dir: dir, binary: paths["postfix"], configuration: filepath.Join(dir, "etc")}
	p.submission, p.submissions = servertest.FreePort(t), servertest.FreePort(t)
	cert := newAuthority().issue(testHost, time.Now().Add(time.Hour))
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("$dir", dir, "$host", testHost, "$to", testTo, "$submissions", fmt.Sprint(p.submissions), "$submission", fmt.Sprint(p.submission))
	for name, text := range map[string]string{
		"etc/main.cf":         postfixMain,
		"etc/master.cf":       postfixMaster,
		"etc/cert.pem":        string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
		"etc/key.pem":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		"etc/sasl/smtpd.conf": postfixSASL, // where Debian looks
		"queue/.keep":         "", "data/.keep": "", "mail/.keep": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(fill.Replace(text)), 0o600); err != nil {
			return nil, err
		}
	}
	passwd := exec.Command(paths["saslpasswd2"], "-p", "-c", "-f", dir+"/etc/sasl/sasldb2", "-u", testHost, testUser)
	passwd.Stdin = strings.NewReader(testPassword)
	for _, command := range []*exec.Cmd{
		passwd,
		exec.Command("chown", "-R", "postfix", dir+"/data", dir+"/etc/sasl"),
		exec.Command("chown", "-R", "nobody", dir+"/mail"),
		exec.Command("chmod", "755", dir),
	} {
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w: %s", command.Args[0], err, out)
		}
	}
	return p, nil
}

const (
	postfixMain = `compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file = $dir/log
maillog_file_prefixes = $dir
myhostname = $host
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
message_size_limit = 30000
virtual_transport = virtual
virtual_mailbox_domains = recipient.example
virtual_mailbox_base = $dir/mail
virtual_mailbox_maps = inline:{ $to=jane/, grey@recipient.example=grey/ }
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = $dir/etc/cert.pem
smtpd_tls_key_file = $dir/etc/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = $host
cyrus_sasl_config_path = $dir/etc/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_restrictions = check_sender_access inline:{ { bad@passcode.example = 553 5.7.1 not yours } }
smtpd_recipient_restrictions = check_recipient_access inline:{ { grey@recipient.example = 450 4.7.1 come back later } }
smtpd_delay_reject = no
`
	postfixMaster = `127.0.0.1:$submission inet n - n - - smtpd
127.0.0.1:$submissions inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
`
	postfixSASL = `pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $dir/etc/sasl/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256
`
)

// config returns the configuration to send through the server.
func (p *postfix) config(implicit bool) Config {
	cfg := config(fmt.Sprintf("127.0.0.1:%d", p.submission))
	if implicit {
		cfg = config(fmt.Sprintf("127.0.0.1:%d", p.submissions))
		cfg.ImplicitTLS = true
	}
	return cfg
}

// arrived waits for the message of an id to be in the mailbox.
func (p *postfix) arrived(t *testing.T, id string) parsed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		names, _ := filepath.Glob(p.dir + "/mail/jane/new/*")
		for _, name := range names {
			letter, err := os.ReadFile(name)
			if err != nil || !strings.Contains(string(letter), id) {
				continue
			}
			got, err := parse(string(letter))
			if err != nil {
				t.Fatalf("%v in\n%s", err, letter)
			}
			return got
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("message %s does not arrive\n%s", id, p.log())
		}
	}
}

// Against a server that people run: every way to log in that it has, messages
// that arrive, and what it refuses.
func TestPostfix(t *testing.T) {
	t.Parallel()
	p := newPostfix(t)
	t.Run("delivers", func(t *testing.T) {
		for _, mechanism := range []string{"", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"} {
			cfg := p.config(mechanism == "LOGIN")
			cfg.Mechanism = mechanism
			s := newSender(t, cfg)
			for range 2 {
				m := testMessage()
				receipt, err := s.Send(t.Context(), m)
				if err != nil {
					t.Fatalf("%q: %v\n%s", mechanism, err, p.log())
				}
				got := p.arrived(t, receipt.ID)
				if got.text != m.Body.Reveal() || !strings.Contains(got.html, ">"+testCode+"<") {
					t.Errorf("%q: %q arrived", mechanism, got.text)
				}
				if got.header.Get("Return-Path") != "<"+testFrom+">" || got.header.Get("Auto-Submitted") != "auto-generated" ||
					!strings.Contains(got.header.Get("Received"), "with ESMTPSA") {
					t.Errorf("%q: headers %q", mechanism, got.header)
				}
			}
			if n := len(s.pool.idle); n != 1 {
				t.Errorf("%q: %d connections are kept", mechanism, n)
			}
		}
	})
	for name, tt := range map[string]struct {
		change func(*Config)
		to     string
		want   delivery.Kind
		reason string
	}{
		"wrong password":    {func(c *Config) { c.Password = delivery.NewSecret("wrong") }, testTo, delivery.Configuration, "AUTH: 535 5.7.8"},
		"unknown user":      {func(c *Config) { c.Username = "nobody" }, testTo, delivery.Configuration, "AUTH: 535 5.7.8"},
		"unknown recipient": {nil, "nobody@recipient.example", delivery.Rejected, "RCPT: 550 5.1.1"},
		"greylisted":        {nil, "grey@recipient.example", delivery.Temporary, "RCPT: 450 4.7.1"},
		"no relay":          {func(c *Config) { c.Username, c.Password = "", delivery.Secret{} }, "a@elsewhere.example", delivery.Temporary, "RCPT: 554 5.7.1"},
		"another's address": {func(c *Config) { c.From = "bad@passcode.example" }, testTo, delivery.Configuration, "MAIL: 553 5.7.1"},
		"too large": {func(c *Config) {
			c.HTML = template.Must(template.New("").Parse("{{.Code}}" + strings.Repeat("long ", 10_000)))
		},
			testTo, delivery.Configuration, "end of message: 552 5.3.4"},
		"no trust":     {func(c *Config) { c.TLS = nil }, testTo, delivery.Configuration, "certificate"},
		"no TLS":       {func(c *Config) { c.UnsafePlaintext = true }, testTo, delivery.Configuration, "AUTH: "},
		"no TLS, anon": {func(c *Config) { c.UnsafePlaintext, c.Username, c.Password = true, "", delivery.Secret{} }, testTo, delivery.Configuration, "MAIL: 530 5.7.0"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := p.config(false)
			if tt.change != nil {
				tt.change(&cfg)
			}
			s := newSender(t, cfg)
			m := testMessage()
			m.To = delivery.NewAddress(tt.to)
			_, err := s.Send(t.Context(), m)
			if kindOfError(err) != string(tt.want) || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("Send = %v, want %s: %s", err, tt.want, tt.reason)
			}
			if err != nil && strings.Contains(err.Error(), tt.to) {
				t.Errorf("the error shows the address: %v", err)
			}
		})
	}
	t.Run("restart", func(t *testing.T) { // while a connection is kept
		s := newSender(t, p.config(false))
		send(t, s)
		p.abort(t)
		p.run(t, "start")
		m := testMessage()
		receipt, err := s.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		p.arrived(t, receipt.ID)
	})
}
