package whatsappsender

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// Every field that is wrong is named, and all of them at once.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"PhoneNumberID is not all digits":            func(c *Config) { c.PhoneNumberID = "+12025550162" },
		"Token is missing":                           func(c *Config) { c.Token = delivery.Secret{} },
		"Token has a space":                          func(c *Config) { c.Token = delivery.NewSecret("EAA\r\nX: y") },
		"Timeout is negative":                        func(c *Config) { c.Timeout = -time.Second },
		"BaseURL is not https":                       func(c *Config) { c.BaseURL = "http://graph.facebook.com" },
		"BaseURL has a query":                        func(c *Config) { c.BaseURL = "https://graph.facebook.com/?a" },
		"Version is not":                             func(c *Config) { c.Version = "25" },
		`Templates has none of ""`:                   func(c *Config) { delete(c.Templates, "") },
		`Templates["xx"]: there is no such locale`:   func(c *Config) { c.Templates["xx"] = Template{Name: "a", Language: "xx"} },
		`Templates["fr"].Name is not`:                func(c *Config) { c.Templates["fr"] = Template{Name: "Log in"} },
		`Templates["fr"].Language is not`:            func(c *Config) { c.Templates["fr"] = Template{Name: "a", Language: "fr-FR"} },
		`Templates has "fr" twice`:                   func(c *Config) { c.Templates["FR"] = Template{Name: "a"} },
		"PhoneNumberID is not|Token is missing|Temp": func(c *Config) { *c = Config{} },
	} {
		cfg := newMeta(t).config()
		change(&cfg)
		s, err := New(cfg)
		if s != nil || !errors.Is(err, ErrConfig) {
			t.Errorf("%s: New = %v, %v", want, s, err)
			continue
		}
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(err.Error(), "whatsappsender: not usable: "+part) {
				t.Errorf("the error is %q, want %q in it", err, part)
			}
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != strings.Count(want, "|")+1 {
			t.Errorf("%s: the error has %d lines: %v", want, lines, err)
		}
	}
}

func TestNewCallbackRefuses(t *testing.T) {
	t.Parallel()
	observe := func(context.Context, delivery.Report) error { return nil }
	for want, change := range map[string]func(*CallbackConfig){
		"":                       func(*CallbackConfig) {},
		"PhoneNumberID is not":   func(c *CallbackConfig) { c.PhoneNumberID = "" },
		"VerifyToken is missing": func(c *CallbackConfig) { c.VerifyToken = delivery.Secret{} },
		"AppSecrets has none":    func(c *CallbackConfig) { c.AppSecrets = nil },
		"AppSecrets[0] is empty": func(c *CallbackConfig) { c.AppSecrets = []delivery.Secret{{}} },
		"Observe is missing":     func(c *CallbackConfig) { c.Observe = nil },
	} {
		cfg := CallbackConfig{PhoneNumberID: numberID, VerifyToken: delivery.NewSecret("v"), AppSecrets: []delivery.Secret{delivery.NewSecret("s")}, Observe: observe}
		change(&cfg)
		c, err := NewCallback(cfg)
		if want == "" && err != nil || want != "" && (c != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: NewCallback = %v, %v", want, c, err)
		}
	}
}

// Meta has a name for every language that messages have.
func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, locale := range delivery.Locales(delivery.WhatsApp) {
		if !language.MatchString(languages[locale]) {
			t.Errorf("%s is %q", locale, languages[locale])
		}
	}
}

// The table of the package comment is the one that the code has.
func TestDocumentedKinds(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(doc), "// Codes, of answers and of webhooks:\n")
	table, _, cut := strings.Cut(table, ", and 100 with subcode 33\n")
	if !found || !cut {
		t.Fatal("the table is not found")
	}
	table = strings.Replace(table, " 200 to 299", "", 1)
	documented := map[int]delivery.Kind{}
	kind := delivery.Kind("")
	for _, word := range strings.Fields(strings.ReplaceAll(table, "//", "")) {
		if code, err := strconv.Atoi(word); err == nil {
			documented[code] = kind
		} else {
			kind = delivery.Kind(strings.ToLower(word))
		}
	}
	if len(documented) != len(kinds) {
		t.Errorf("%d codes are documented, %d are known", len(documented), len(kinds))
	}
	for code, kind := range kinds {
		if documented[code] != kind {
			t.Errorf("%d is %s, documented as %q", code, kind, documented[code])
		}
	}
}
