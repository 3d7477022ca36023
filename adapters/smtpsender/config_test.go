package smtpsender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

func TestNew(t *testing.T) {
	t.Parallel()
	token := func(context.Context) (delivery.Secret, error) { return delivery.Secret{}, nil }
	page := func(text string) *template.Template { return template.Must(template.New("page").Parse(text)) }
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string // of the error; empty: none
	}{
		"as it is":              {func(*Config) {}, ""},
		"no host":               {func(c *Config) { c.Host = "" }, "Host"},
		"host with port":        {func(c *Config) { c.Host = "mail.example:25 " }, "Host"},
		"host with a line":      {func(c *Config) { c.Host = "mail.example\r\n" }, "Host"},
		"host not ASCII":        {func(c *Config) { c.Host = "bücher.example" }, "Host"},
		"IPv6 host":             {func(c *Config) { c.Host = "2001:db8::1" }, ""},
		"negative port":         {func(c *Config) { c.Port = -1 }, "Port"},
		"large port":            {func(c *Config) { c.Port = 65536 }, "Port"},
		"port 465":              {func(c *Config) { c.Port = 465 }, "ImplicitTLS"},
		"port 465, implicit":    {func(c *Config) { c.Port = 465; c.ImplicitTLS = true }, ""},
		"port 25":               {func(c *Config) { c.Port = 25 }, ""},
		"both":                  {func(c *Config) { c.ImplicitTLS, c.UnsafePlaintext = true, true }, "exclude"},
		"unverified":            {func(c *Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }, "InsecureSkipVerify"},
		"old TLS":               {func(c *Config) { c.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} }, "MaxVersion"},
		"no password":           {func(c *Config) { c.Password = delivery.Secret{} }, "neither"},
		"no username":           {func(c *Config) { c.Username = "" }, "Username"},
		"neither":               {func(c *Config) { c.Username, c.Password = "", delivery.Secret{} }, ""},
		"password and token":    {func(c *Config) { c.Token = token }, "exclude"},
		"token":                 {func(c *Config) { c.Token, c.Password = token, delivery.Secret{} }, ""},
		"token in clear":        {func(c *Config) { c.Token, c.Password, c.UnsafePlaintext = token, delivery.Secret{}, true }, "UnsafePlaintext"},
		"NUL in username":       {func(c *Config) { c.Username = "a\x00b" }, "control"},
		"line in password":      {func(c *Config) { c.Password = delivery.NewSecret("a\r\nb") }, "control"},
		"mechanism":             {func(c *Config) { c.Mechanism = "SCRAM-SHA-256" }, ""},
		"unknown mechanism":     {func(c *Config) { c.Mechanism = "NTLM" }, "Mechanism"},
		"mechanism for a token": {func(c *Config) { c.Token, c.Password, c.Mechanism = token, delivery.Secret{}, "PLAIN" }, "Mechanism"},
		"PLAIN in clear":        {func(c *Config) { c.Mechanism, c.UnsafePlaintext = "PLAIN", true }, "UnsafePlaintext"},
		"SCRAM in clear":        {func(c *Config) { c.Mechanism, c.UnsafePlaintext = "SCRAM-SHA-256", true }, ""},
		"no From":               {func(c *Config) { c.From = "" }, "From"},
		"From is a name":        {func(c *Config) { c.From = "codes" }, "From"},
		"From without a domain": {func(c *Config) { c.From = "codes@localhost" }, "From"},
		"From with a header":    {func(c *Config) { c.From = "a <a@b.example>\r\nBcc: x@y.example" }, "From"},
		"From folded":           {func(c *Config) { c.From = "a\r\n <a@b.example>" }, "From"},
		"two of them":           {func(c *Config) { c.From = "a@b.example, c@d.example" }, "From"},
		"quoted local part":     {func(c *Config) { c.From = `"a b"@b.example` }, "From"},
		"From not ASCII":        {func(c *Config) { c.From = "é@b.example" }, "From"},
		"line in encoded name":  {func(c *Config) { c.From = "=?utf-8?q?a=0D=0ABcc:_x@y.example?= <a@b.example>" }, "From"},
		"long name":             {func(c *Config) { c.From = strings.Repeat("a", 65) + " <a@b.example>" }, "From"},
		"name not ASCII":        {func(c *Config) { c.From = "Bücher <a@b.example>" }, ""},
		"bare From":             {func(c *Config) { c.From = "a@b.example" }, ""},
		"Helo with a line":      {func(c *Config) { c.Helo = "a\r\nRSET" }, "Helo"},
		"Helo address":          {func(c *Config) { c.Helo = "[192.0.2.1]" }, ""},
		"Name with a line":      {func(c *Config) { c.Name = "a\nb" }, "Name"},
		"long Name":             {func(c *Config) { c.Name = strings.Repeat("a", 33) }, "Name"},
		"page without the code": {func(c *Config) { c.HTML = page("<p>{{.Subject}}") }, "HTML: the code"},
		"page with a bad field": {func(c *Config) { c.HTML = page("<p>{{.Code}}{{.Kode}}") }, "HTML: "},
		"page that escapes bad": {func(c *Config) { c.HTML = page("<script>'{{.Code}}") }, "HTML: "},
		"page too long":         {func(c *Config) { c.HTML = page("{{.Code}}" + strings.Repeat("x", maxPage)) }, "HTML: "},
		"empty page":            {func(c *Config) { c.HTML = template.New("page") }, "HTML: "},
		"page":                  {func(c *Config) { c.HTML = page("<p>{{.Code}}") }, ""},
		"negative timeout":      {func(c *Config) { c.Timeout = -1 }, "Timeout"},
		"long timeout":          {func(c *Config) { c.Timeout = time.Hour }, "Timeout"},
		"negative connections":  {func(c *Config) { c.MaxConns = -1 }, "MaxConns"},
		"many connections":      {func(c *Config) { c.MaxConns = 65 }, "MaxConns"},
	} {
		cfg := config("")
		tt.change(&cfg)
		s, err := New(cfg)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want == "":
			s.Close()
		case !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want) || s != nil:
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		case strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), testPassword):
			t.Errorf("%s: the error repeats what it is about: %q", name, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg  Config
		port int
	}{
		{Config{Host: "h.example", From: "a@b.example"}, 587},
		{Config{Host: "h.example", From: "a@b.example", ImplicitTLS: true}, 465},
	} {
		s, err := New(tt.cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := s.cfg
		if got.Port != tt.port || got.Name != "smtp" || got.Helo != "b.example" || got.Timeout != 30*time.Second || got.MaxConns != 4 || got.IdleTimeout != 30*time.Second {
			t.Errorf("defaults: %+v", got)
		}
		if got.TLS.ServerName != "h.example" || got.TLS.MinVersion != tls.VersionTLS12 || got.TLS.InsecureSkipVerify {
			t.Error("TLS is not as it should be")
		}
		if tt.cfg.Port != 0 || tt.cfg.TLS != nil {
			t.Error("New changed the caller's configuration")
		}
	}
}

// However a sender or its configuration is printed, the password is not seen.
func TestPrinting(t *testing.T) {
	t.Parallel()
	cfg := config("")
	s := newSender(t, cfg)
	for _, v := range []any{cfg, &cfg, s, *s, struct{ S *Sender }{s}, []Config{cfg}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, testPassword) {
				t.Errorf("%T with %s shows the password: %s", v, verb, out)
			}
		}
	}
}
