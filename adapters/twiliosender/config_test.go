package twiliosender

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// Every field that is wrong is named, and all of them at once.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	f := newTwilio(t)
	for want, change := range map[string]func(*Config){
		"AccountSID is not":                         func(c *Config) { c.AccountSID = "AC1" },
		"KeyID is not":                              func(c *Config) { c.KeyID = account },
		"Secret is missing":                         func(c *Config) { c.Secret = delivery.Secret{} },
		"Timeout is negative":                       func(c *Config) { c.Timeout = -time.Second },
		"BaseURL is not https":                      func(c *Config) { c.BaseURL = "http://api.twilio.com" },
		"BaseURL has a user":                        func(c *Config) { c.BaseURL = "https://a:b@api.twilio.com" },
		"BaseURL has a query":                       func(c *Config) { c.BaseURL = "https://api.twilio.com?x" },
		"neither SMS nor WhatsApp":                  func(c *Config) { c.SMS, c.WhatsApp = Line{}, Line{} },
		"SMS has neither Service nor From":          func(c *Config) { c.SMS = Line{Templates: map[string]string{"": template}} },
		"SMS.Service is not":                        func(c *Config) { c.SMS.Service = account },
		"SMS.From is neither":                       func(c *Config) { c.SMS.From = "whatsapp:" + from },
		`SMS.Templates["xx"]: there is no such`:     func(c *Config) { c.SMS.Templates = map[string]string{"xx": template} },
		`SMS.Templates["fr"] is not "HX"`:           func(c *Config) { c.SMS.Templates = map[string]string{"fr": "hello"} },
		`SMS.Templates has "fr" twice`:              func(c *Config) { c.SMS.Templates = map[string]string{"fr": template, "FR": template} },
		`WhatsApp.Templates has none of ""`:         func(c *Config) { c.WhatsApp.Templates = map[string]string{"en": template} },
		"WhatsApp.From is not a phone number":       func(c *Config) { c.WhatsApp.From = "12345" },
		"CallbackURL is not an absolute https":      func(c *Config) { c.CallbackURL = "/twilio" },
		"CallbackURL has a parameter message":       func(c *Config) { c.CallbackURL = "https://example.com/?message=1" },
		"CallbackURL has no path":                   func(c *Config) { c.CallbackURL = "https://example.com" },
		"CallbackURL is not https":                  func(c *Config) { c.CallbackURL = "http://example.com/" },
		"AccountSID is not|Secret is missing":       func(c *Config) { c.AccountSID, c.Secret = "", delivery.Secret{} },
		"SMS.From is neither|WhatsApp.From is not ": func(c *Config) { c.SMS.From, c.WhatsApp.From = "a longer name", "Acme" },
	} {
		cfg := f.config()
		change(&cfg)
		s, err := New(cfg)
		if s != nil || !errors.Is(err, ErrConfig) {
			t.Errorf("%s: New = %v, %v", want, s, err)
			continue
		}
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(err.Error(), "twiliosender: not usable: "+part) {
				t.Errorf("the error is %q, want %q in it", err, part)
			}
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != strings.Count(want, "|")+1 {
			t.Errorf("%s: the error has %d lines: %v", want, lines, err)
		}
	}
	for _, sender := range []string{from, "12345", "Acme", "Acme 24 & Co"[:11], "a"} {
		cfg := f.config()
		cfg.SMS.From = sender
		if _, err := New(cfg); err != nil {
			t.Errorf("From %q: %v", sender, err)
		}
	}
}

func TestNewCallbackRefuses(t *testing.T) {
	t.Parallel()
	observe := func(context.Context, delivery.Report) error { return nil }
	good := CallbackConfig{AccountSID: account, Tokens: []delivery.Secret{delivery.NewSecret("t")}, URL: "https://example.com/", Observe: observe}
	if _, err := NewCallback(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*CallbackConfig){
		"AccountSID is not":  func(c *CallbackConfig) { c.AccountSID = "" },
		"Tokens has none":    func(c *CallbackConfig) { c.Tokens = nil },
		"Tokens[1] is empty": func(c *CallbackConfig) { c.Tokens = append(slices.Clone(c.Tokens), delivery.Secret{}) },
		"URL is not":         func(c *CallbackConfig) { c.URL = "" },
		"URL has no path":    func(c *CallbackConfig) { c.URL = "https://example.com" },
		"Observe is missing": func(c *CallbackConfig) { c.Observe = nil },
	} {
		cfg := good
		change(&cfg)
		if c, err := NewCallback(cfg); c != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: NewCallback = %v, %v", want, c, err)
		}
	}
}

// The Config may be changed afterwards.
func TestNewCopies(t *testing.T) {
	t.Parallel()
	f := newTwilio(t)
	cfg := f.config()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	clear(cfg.WhatsApp.Templates)
	if _, err := s.Send(t.Context(), message(delivery.WhatsApp)); err != nil {
		t.Error(err)
	}
}

// The table of the package comment is the one that the code has.
func TestDocumentedKinds(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "// Codes, of answers and of callbacks:\n")
	table, _, _ = strings.Cut(table, "//\tConfiguration  accounts")
	table, more, _ := strings.Cut(table+"//\tAmbiguous      20504 30046 30410\n", "\x00")
	if more != "" || !strings.Contains(string(doc), "//\tAmbiguous      20504 30046 30410\n") {
		t.Fatal("the table is not found")
	}
	documented := map[int]delivery.Kind{}
	kind := delivery.Kind("")
	for _, word := range strings.Fields(strings.ReplaceAll(table, "//", "")) {
		if code, err := strconv.Atoi(word); err == nil {
			documented[code] = kind
		} else {
			kind = delivery.Kind(strings.ToLower(word))
		}
	}
	for code, kind := range kinds {
		if kind != delivery.Configuration && documented[code] != kind {
			t.Errorf("%d is %s, documented as %q", code, kind, documented[code])
		}
	}
	for code, kind := range documented {
		if kinds[code] != kind {
			t.Errorf("%d is documented as %s and is %q", code, kind, kinds[code])
		}
	}
}
