package main

import (
	"bytes"
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
		{"weight", provider + sms + "[[channels.sms.routes]]\nsplit = { a = -1 }\n", []string{"4: channels.sms.routes: ", "Weight"}},
		{"texts", "[texts]\ndirectory = \"nowhere\"\n" + provider + sms, []string{"2: texts.directory: ", "not a directory"}},
		{"hash", "[texts]\napp_hash = \"x\"\n" + provider + sms, []string{"1: texts: ", "AppHash"}},
		{"callbacks", provider + "report_keys = [\"env:KEY\"]\n" + sms + "[callbacks]\nurl = \"codes.example.com\"\n", []string{"8: callbacks.url: is not a URL"}},
		{"twilio", "[providers.a.twilio]\naccount_sid = \"AC1\"\nsecret = \"env:KEY\"\ntokens = [\"env:KEY\"]\n" + sms, []string{"1: providers.a.twilio: ", "AccountSID", "4: providers.a.twilio.tokens: callbacks need callbacks.url"}},
		{"whatsapp", "[providers.a.whatsapp]\nphone_number_id = \"x\"\ntoken = \"env:KEY\"\n" + sms, []string{"1: providers.a.whatsapp: ", "PhoneNumberID"}},
		{"sns", "[providers.a.sns]\nregion = \"us-east-1\"\nmax_price = -1.0\n" + sms, []string{"1: providers.a.sns: needs access_key_id", "1: providers.a.sns: ", "MaxPrice"}},
		{"sns topics", "[providers.a.sns]\nregion = \"us-east-1\"\naccess_key_id = \"AKIA\"\nsecret_key = \"env:KEY\"\ntopics = [\"arn:aws:sns:us-east-1:1:codes\"]\n" + sms,
			[]string{"5: providers.a.sns.topics: callbacks need configuration_set", "1: providers.a.sns: ", "Topics[0] is not the ARN"}},
		{"sns SHA-1", "[providers.a.sns]\nregion = \"us-east-1\"\naccess_key_id = \"AKIA\"\nsecret_key = \"env:KEY\"\nunsafe_sha1 = true\n" + sms, []string{"5: providers.a.sns.unsafe_sha1: there are no topics"}},
		{"smtp", "[providers.a.smtp]\nhost = \"mail.example.com\"\nfrom = \"nobody\"\npassword = \"env:KEY\"\n" + sms, []string{"1: providers.a.smtp: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bad.toml")
			write(t, path, []byte(c.content), 0o600)
			stdout, stderr := newOutput(), newOutput()
			env := lookup(map[string]string{"KEY": webhookKey, "SHORT": "correct-horse"})
			if status := run(t.Context(), []string{"check-config", "-config", path}, env, stdout, stderr); status != 1 || stdout.String() != "" {
				t.Errorf("exit status %d, %s", status, stdout)
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
