package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckConfig(t *testing.T) {
	t.Parallel()
	one, two := newCarrier(t, "one"), newCarrier(t, "two")
	path, env := configured(t, one, two, `
[[channels.sms.routes]]
regions = ["US"]
split = { one = 90, two = 10 }
`)
	stdout, stderr := newOutput(), newOutput()
	if status := run(t.Context(), []string{"check-config", "-config", path}, lookup(env), stdout, stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	wantText(t, stdout.String(), "is good", "sms", "provider one, reports to /callbacks/one", "provider two\n")
	if len(one.messages())+len(two.messages()) != 0 {
		t.Error("a provider was asked")
	}
}

// TestCheckConfigFinds names what is wrong, and the line it stands in, without
// any secret.
func TestCheckConfigFinds(t *testing.T) {
	t.Parallel()
	const provider = "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"env:KEY\"]\n"
	const sms = "[channels.sms]\nproviders = [\"a\"]\n"
	const whatsapp = "[providers.a.whatsapp]\nphone_number_id = \"123\"\ntoken = \"env:KEY\"\ntemplates = { default = { name = \"login_code\" } }\n"
	const twilio = "[providers.a.twilio]\naccount_sid = \"AC0123456789abcdef0123456789abcdef\"\nsecret = \"env:KEY\"\n"
	const mail = "[providers.a.smtp]\nhost = \"mail.example.com\"\nfrom = \"a@example.com\"\n"
	const email = "[channels.email]\nproviders = [\"a\"]\n"
	for _, c := range []struct {
		name, content string
		want          []string // "LINE: text"
	}{
		{"empty", "", []string{"0: channels: there is none"}},
		{"not TOML", "[channels\n", []string{"1: cannot be read"}},
		{"unknown", provider + sms + "providerz = 1\n[chanels]\n", []string{"6: channels.sms.providerz: there is no such setting"}},
		{"kind", provider + "[channels.sms]\nproviders = 7\n", []string{"5: channels.sms.providers: has a value of the wrong kind"}},
		{"secret in the file", "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"" + webhookKey + "\"]\n" + sms, []string{"3: providers.a.webhook.keys: a secret is not written here"}},
		{"secret is empty", "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"env:NOKEY\"]\n" + sms, []string{"3: providers.a.webhook.keys: env:NOKEY is empty"}},
		{"secret file", "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"file:/nonexistent\"]\n" + sms, []string{"3: providers.a.webhook.keys: ", "no such file"}},
		{"bad key", "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"env:SHORT\"]\n" + sms, []string{"3: providers.a.webhook.keys: "}},
		{"bad URL", "[providers.a.webhook]\nurl = \"http://example.com\"\nkeys = [\"env:KEY\"]\n" + sms, []string{"1: providers.a.webhook: "}},
		{"no kind", "[providers.a]\ntimeout = \"3s\"\n" + sms, []string{"1: providers.a: needs exactly one of"}},
		{"two kinds", provider + "[providers.a.console]\n" + sms, []string{"needs exactly one of"}},
		{"name", "[providers.\"a b\".console]\n" + sms, []string{"a provider's name has"}},
		{"duration", "[providers.a]\ntimeout = \"soon\"\n", []string{"2: "}},
		{"no provider", "[channels.sms]\n", []string{"1: channels.sms.providers: no provider is named"}},
		{"unknown provider", provider + "[channels.sms]\nproviders = [\"b\"]\n", []string{`5: channels.sms.providers: there is no provider "b"`}},
		{"twice", provider + "[channels.sms]\nproviders = [\"a\", \"a\"]\n", []string{"5: channels.sms.providers: "}},
		{"channel", provider + "[channels.fax]\nproviders = [\"a\"]\n", []string{"4: channels.fax: there is no such channel"}},
		{"fallback", provider + sms + "fallback = \"whatsapp\"\n", []string{`6: channels.sms.fallback: "whatsapp" is not`}},
		{"fallback of another class", provider + sms + "fallback = \"email\"\n[channels.email]\nproviders = [\"a\"]\n", []string{"other addresses"}},
		{"after what", provider + sms + "fallback_after = \"3s\"\n", []string{"6: channels.sms.fallback_after: there is no fallback"}},
		{"country", provider + sms + "countries = [\"UK\"]\n", []string{`6: channels.sms.countries: "UK" is no country code`}},
		{"limit", provider + sms + "regions = { US = 0 }\n", []string{"4: channels.sms: ", "US"}},
		{"e-mail", provider + "[channels.email]\nproviders = [\"a\"]\ncountries = [\"US\"]\n", []string{"4: channels.email: e-mail knows no countries"}},
		{"route", provider + sms + "[[channels.sms.routes]]\nregions = [\"US\"]\n", []string{"6: channels.sms.routes.0.providers: no provider is named"}},
		{"both", provider + sms + "[[channels.sms.routes]]\nproviders = [\"a\"]\nsplit = { a = 1 }\n", []string{"6: channels.sms.routes.0: has providers and a split"}},
		{"weight", provider + sms + "[[channels.sms.routes]]\nsplit = { a = -1 }\n", []string{"6: channels.sms.routes: ", "Weight"}},
		{"texts", "[texts]\ndirectory = \"nowhere\"\n" + provider + sms, []string{"2: texts.directory: ", "not a directory"}},
		{"hash", "[texts]\napp_hash = \"x\"\n" + provider + sms, []string{"1: texts: ", "AppHash"}},
		{"callbacks", provider + "report_keys = [\"env:KEY\"]\n" + sms + "[callbacks]\nurl = \"codes.example.com\"\n", []string{"8: callbacks.url: is not a URL"}},
		{"twilio", "[providers.a.twilio]\naccount_sid = \"AC1\"\nsecret = \"env:KEY\"\ntokens = [\"env:KEY\"]\n" + sms, []string{"1: providers.a.twilio: ", "AccountSID", "4: providers.a.twilio.tokens: callbacks need callbacks.url"}},
		{"whatsapp", "[providers.a.whatsapp]\nphone_number_id = \"x\"\ntoken = \"env:KEY\"\n" + sms, []string{"1: providers.a.whatsapp: ", "PhoneNumberID"}},
		{"sns", "[providers.a.sns]\nregion = \"us-east-1\"\naccess_key_id = \"AKIA\"\nmax_price = -1.0\n" + sms, []string{"3: providers.a.sns.access_key_id: goes with secret_key", "1: providers.a.sns: ", "MaxPrice"}},
		{"sns topics", "[providers.a.sns]\nregion = \"us-east-1\"\naccess_key_id = \"AKIA\"\nsecret_key = \"env:KEY\"\ntopics = [\"arn:aws:sns:us-east-1:1:codes\"]\n" + sms,
			[]string{"5: providers.a.sns.topics: callbacks need configuration_set", "1: providers.a.sns: ", "Topics[0] is not the ARN"}},
		{"sns SHA-1", "[providers.a.sns]\nregion = \"us-east-1\"\naccess_key_id = \"AKIA\"\nsecret_key = \"env:KEY\"\nunsafe_sha1 = true\n" + sms, []string{"5: providers.a.sns.unsafe_sha1: there are no topics"}},
		{"smtp", "[providers.a.smtp]\nhost = \"mail.example.com\"\nfrom = \"nobody\"\npassword = \"env:KEY\"\n" + sms, []string{"1: providers.a.smtp: "}},

		// Who cannot carry the messages of a channel.
		{"smtp for sms", "[providers.a.smtp]\nhost = \"mail.example.com\"\nfrom = \"a@example.com\"\n" + sms, []string{`5: channels.sms.providers: "a" carries email alone`}},
		{"whatsapp for sms", whatsapp + sms, []string{`6: channels.sms.providers: "a" carries whatsapp alone`}},
		{"whatsapp for email", whatsapp + "[channels.email]\nproviders = [\"a\"]\n", []string{`6: channels.email.providers: "a" carries whatsapp alone`}},
		{"sns for whatsapp", "[providers.a.sns]\nregion = \"us-east-1\"\n[channels.whatsapp]\nproviders = [\"a\"]\n", []string{`4: channels.whatsapp.providers: "a" carries sms alone`}},
		{"no line for sms", twilio + "whatsapp = { from = \"+12025550100\", templates = { default = \"HX0123456789abcdef0123456789abcdef\" } }\n" + sms, []string{`6: channels.sms.providers: "a" carries whatsapp alone`}},
		{"no line for whatsapp", twilio + "sms = { from = \"+12025550100\" }\n[channels.whatsapp]\n[[channels.whatsapp.routes]]\nlocales = [\"es\"]\nsplit = { a = 1 }\n", []string{`8: channels.whatsapp.routes.0.split: "a" carries sms alone`}},

		// Fallbacks.
		{"fallback that has one", provider + sms + "fallback = \"whatsapp\"\n[channels.whatsapp]\nproviders = [\"a\"]\nfallback = \"sms\"\n",
			[]string{`6: channels.sms.fallback: "whatsapp" has a fallback itself`, `9: channels.whatsapp.fallback: "sms" has a fallback itself`}},
		{"no reports", provider + sms + "fallback = \"whatsapp\"\nfallback_after = \"20s\"\n[channels.whatsapp]\nproviders = [\"a\"]\n",
			[]string{`7: channels.sms.fallback_after: "a" reports nothing`}},
		{"no reports from a share", provider + "report_keys = [\"env:KEY\"]\n[providers.b.console]\n[channels.sms]\nfallback = \"whatsapp\"\nfallback_after = \"20s\"\nroutes = [{ split = { a = 1, b = 1 } }]\n[channels.whatsapp]\nproviders = [\"a\"]\n",
			[]string{`8: channels.sms.fallback_after: "b" reports nothing`}},
		{"late", provider + "report_keys = [\"env:KEY\"]\n" + sms + "fallback = \"whatsapp\"\nfallback_after = \"10m\"\n[channels.whatsapp]\nproviders = [\"a\"]\n",
			[]string{"8: channels.sms.fallback_after: 10m0s is not less than 10m0s"}},

		// Deadlines.
		{"try longer than all", "[providers.a]\ntimeout = \"12001ms\"\n[providers.a.console]\n" + sms, []string{"2: providers.a.timeout: 12.001s is more than the 12s that channels.sms"}},
		{"try longer than said", "[providers.a]\ntimeout = \"5s\"\n[providers.a.console]\n" + sms + "timeout = \"4s\"\n", []string{"2: providers.a.timeout: 5s is more than the 4s that channels.sms"}},
		{"longer than the engine", provider + sms + "timeout = \"15s\"\n", []string{"6: channels.sms.timeout: 15s is more than 14s"}},

		// Lists that became empty would stand for everything.
		{"no country", provider + sms + "countries = []\n", []string{"6: channels.sms.countries: is empty"}},
		{"the world", provider + sms + "countries = [\"001\"]\n", []string{"6: channels.sms.countries: "}},
		{"no region", provider + sms + "[[channels.sms.routes]]\nregions = []\nproviders = [\"a\"]\n", []string{"7: channels.sms.routes.0.regions: is empty"}},
		{"no locale", provider + sms + "[[channels.sms.routes]]\nlocales = []\nproviders = [\"a\"]\n", []string{"7: channels.sms.routes.0.locales: is empty"}},
		{"no purpose", provider + sms + "[[channels.sms.routes]]\npurposes = []\nproviders = [\"a\"]\n", []string{"7: channels.sms.routes.0.purposes: is empty"}},

		// Lines of keys that are written in other ways.
		{"dotted", "providers.a.console = {}\nchannels.sms.providers = [\"b\"]\n", []string{`2: channels.sms.providers: there is no provider "b"`}},
		{"dotted, around", "channels.sms.per_day = -1\nchannels.sms.providers = [\"a\"]\nproviders.a.console = {}\n", []string{"1: channels.sms: ", "PerDay"}},
		{"inline", "[providers.a.console]\n[channels]\nsms = { providers = [\"b\"] }\n", []string{`3: channels.sms.providers: there is no provider "b"`}},
		{"below a list", provider + sms + "[[channels.sms.routes]]\nproviders = [\"a\"]\n[[channels.sms.routes]]\n[channels.sms.routes.split]\nb = 1\n", []string{`9: channels.sms.routes.1.split: there is no provider "b"`}},

		// The files of secrets and roots.
		{"secret that others can write", "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"file:open\"]\n" + sms, []string{"3: providers.a.webhook.keys: ", "0622"}},
		{"secret that is a directory", "[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"file:.\"]\n" + sms, []string{"3: providers.a.webhook.keys: ", "is not a file"}},
		{"no roots", mail + "ca_file = \"none.pem\"\n" + email, []string{"4: providers.a.smtp.ca_file: ", "no such file"}},
		{"bad roots", mail + "ca_file = \"bad.toml\"\n" + email, []string{"4: providers.a.smtp.ca_file: ", "no certificate"}},
		{"roots for nothing", mail + "unsafe_plaintext = true\nca_file = \"none.pem\"\n" + email, []string{"5: providers.a.smtp.ca_file: ", "unsafe_plaintext"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bad.toml")
			write(t, filepath.Join(filepath.Dir(path), "open"), []byte(webhookKey), 0o600)
			if err := os.Chmod(filepath.Join(filepath.Dir(path), "open"), 0o622); err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte(c.content), 0o600)
			stdout, stderr := newOutput(), newOutput()
			env := lookup(map[string]string{"KEY": webhookKey, "SHORT": "correct-horse"})
			if status := run(t.Context(), []string{"check-config", "-config", path}, env, stdout, stderr); status != 1 || stdout.String() != "" {
				t.Fatalf("exit status %d, %s", status, stdout)
			}
			if strings.HasPrefix(stderr.String(), "passcoded: "+path+":0: ") != (c.content == "") {
				t.Errorf("no line: %s", stderr)
			}
			for _, want := range c.want {
				if strings.Contains(want, ": ") {
					want = "bad.toml:" + want
				}
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("no %q in\n%s", want, stderr)
				}
			}
			for _, secret := range []string{webhookKey, "correct-horse"} {
				if strings.Contains(stderr.String(), secret) {
					t.Errorf("%q is printed:\n%s", secret, stderr)
				}
			}
			// The server says the same and does not start.
			again := newOutput()
			args := append(arguments(t.TempDir(), nil)[:4], "-config", path)
			if status := run(t.Context(), args, env, newOutput(), again); status != 1 || again.String() != stderr.String() {
				t.Errorf("the server: exit status %d\n%s", status, again)
			}
		})
	}
}

// TestOneFaultAtATime has a secret missing: nothing else is wrong with what it
// belongs to.
func TestOneFaultAtATime(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"webhook":  "[providers.a.webhook]\nurl = \"https://sms.example.com\"\nkeys = [\"env:NONE\"]\n[channels.sms]\nproviders = [\"a\"]\n",
		"reports":  "[providers.a.webhook]\nurl = \"https://sms.example.com\"\nkeys = [\"env:KEY\"]\nreport_keys = [\"file:none\"]\n[channels.sms]\nproviders = [\"a\"]\n",
		"twilio":   "[providers.a.twilio]\naccount_sid = \"AC0123456789abcdef0123456789abcdef\"\nsecret = \"env:NONE\"\nsms = { from = \"+12025550100\" }\n[channels.sms]\nproviders = [\"a\"]\n",
		"whatsapp": "[providers.a.whatsapp]\nphone_number_id = \"123\"\ntoken = \"env:KEY\"\nverify_token = \"env:NONE\"\napp_secrets = [\"env:KEY\"]\ntemplates = { default = { name = \"login_code\" } }\n[channels.whatsapp]\nproviders = [\"a\"]\n",
		"smtp":     "[providers.a.smtp]\nhost = \"mail.example.com\"\nfrom = \"a@example.com\"\nusername = \"a\"\npassword = \"file:none\"\n[channels.email]\nproviders = [\"a\"]\n",
		"sns":      "[providers.a.sns]\nregion = \"us-east-1\"\naccess_key_id = \"AKIA\"\nsecret_key = \"env:NONE\"\n[channels.sms]\nproviders = [\"a\"]\n",
		"in clear": "[channels.sms]\nproviders = [\"a\"]\n[providers.a.webhook]\nurl = \"https://sms.example.com\"\nkeys = [\"" + webhookKey + "\"]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bad.toml")
			write(t, path, []byte(content), 0o600)
			stderr := newOutput()
			status := run(t.Context(), []string{"check-config", "-config", path}, lookup(map[string]string{"KEY": webhookKey}), newOutput(), stderr)
			if status != 1 || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("exit status %d:\n%s", status, stderr)
			}
		})
	}
}

// TestSecretFiles has secrets in files as Docker and Kubernetes mount them,
// which everybody may read, and beside the configuration.
func TestSecretFiles(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o400, 0o444, 0o600, 0o644} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "key"), []byte(webhookKey+"\n"), 0o600)
		if err := os.Chmod(filepath.Join(dir, "key"), mode); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{"file:key", "file:" + filepath.Join(dir, "key")} {
			path := filepath.Join(dir, "passcoded.toml")
			write(t, path, fmt.Appendf(nil, "[providers.a.webhook]\nurl = \"https://sms.example.com\"\nkeys = [%q]\n[channels.sms]\nproviders = [\"a\"]\n", ref), 0o600)
			stderr := newOutput()
			if status := run(t.Context(), []string{"check-config", "-config", path}, lookup(nil), newOutput(), stderr); status != 0 {
				t.Errorf("%s, %04o: exit status %d: %s", ref, mode, status, stderr)
			}
		}
	}
}

// TestManual checks the file that the manual shows.
func TestManual(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(source), "// # Messages\n")
	text, _, _ = strings.Cut(text, "\n// A provider that is down")
	var content strings.Builder
	for line := range strings.Lines(text) {
		if shown, ok := strings.CutPrefix(line, "//\t"); ok {
			content.WriteString(shown)
		}
	}
	const hex = "0123456789abcdef0123456789abcdef"
	filled := strings.NewReplacer("AC…", "AC"+hex, "SK…", "SK"+hex, "MG…", "MG"+hex, "AKIA…", "AKIA0", `"1055…"`, `"105500000000000"`,
		`"+1…"`, `"+12025550100"`, "arn:aws:sns:…", "arn:aws:sns:eu-central-1:123456789012:codes", "file:/run/secrets/smtp", "file:smtp").Replace(content.String())
	dir := t.TempDir()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	server.Close()
	write(t, filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600)
	write(t, filepath.Join(dir, "smtp"), []byte("correct-horse"), 0o600)
	if err := os.Mkdir(filepath.Join(dir, "texts"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "manual.toml")
	write(t, path, []byte(filled), 0o600)
	stdout, stderr := newOutput(), newOutput()
	secrets := func(name string) string {
		if strings.HasPrefix(name, "PASSCODED_") {
			return ""
		}
		return webhookKey
	}
	if status := run(t.Context(), []string{"check-config", "-config", path}, secrets, stdout, stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	wantText(t, stdout.String(), "whatsapp, falls back to sms after 20s", "provider mail", "provider us, reports to", "provider aws, reports to", "provider meta, reports to", "provider own, reports to", "provider print")
}

func FuzzConfigFile(f *testing.F) {
	f.Add([]byte("[providers.a.webhook]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"env:KEY\"]\n[channels.sms]\nproviders = [\"a\"]\n"))
	f.Add([]byte("[[channels.sms.routes]]\nsplit = { a = 1 }\n"))
	f.Add([]byte("a.b.c = 1\n[a.b]\n[[x]]\n[[x]]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.Contains(content, []byte("file:")) || bytes.Contains(content, []byte("directory")) {
			return // reads what is on the machine
		}
		path := filepath.Join(t.TempDir(), "fuzz.toml")
		write(t, path, content, 0o600)
		stdout, stderr := newOutput(), newOutput()
		env := lookup(map[string]string{"KEY": webhookKey})
		status := run(t.Context(), []string{"check-config", "-config", path}, env, stdout, stderr)
		if (status == 0) != (stderr.String() == "") || strings.Contains(stderr.String(), webhookKey) {
			t.Fatalf("exit status %d: %s", status, stderr)
		}
	})
}
