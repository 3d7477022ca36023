package delivery

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"
)

// Canaries. The code has letters that are not hexadecimal digits, so that no
// pointer that fmt prints can look like it.
const (
	canaryCode  = "WXY346"
	canaryPhone = "+12025550162"
	canaryEmail = "jane.roe@example.com"
)

// traces are the canaries in every form in which fmt writes a string.
var traces = func() (all []string) {
	for _, c := range []string{canaryCode, canaryPhone[1:], canaryEmail} {
		all = append(all, strings.ToLower(c), fmt.Sprintf("%x", c), fmt.Sprintf("% x", c), fmt.Sprintf("%# x", c),
			strings.Trim(fmt.Sprint([]byte(c)), "[]"))
	}
	return all
}()

// leaks fails the test if shown holds a canary.
func leaks(t *testing.T, how, shown string) {
	t.Helper()
	shown = strings.ToLower(shown)
	for _, trace := range traces {
		if strings.Contains(shown, trace) {
			t.Errorf("%s shows %q: %.300s", how, trace, shown)
		}
	}
}

type holder struct {
	S Secret
	A Address
	P *Secret
	Q *Address
}

type secretive struct {
	s  Secret
	a  Address
	p  *Secret
	m  Message
	in any
	l  []Secret
	k  map[string]Address
	e  struct{ Secret }
}

type embedder struct {
	Secret
	Other Address
}

// canaries returns values that hold a canary in every way that a program might.
func canaries() map[string]any {
	s, to, mail := NewSecret(canaryCode), NewAddress(canaryPhone), NewAddress(canaryEmail)
	m := Message{ID: "id", Channel: SMS, To: to, Code: s, Body: NewSecret("code " + canaryCode), Locale: "en"}
	hidden := secretive{s, to, &s, m, s, []Secret{s}, map[string]Address{"k": mail}, struct{ Secret }{s}}
	return map[string]any{
		"secret":              s,
		"pointer":             &s,
		"pointer to pointer":  func() any { p := &s; return &p }(),
		"phone":               to,
		"email":               mail,
		"pointer to email":    &mail,
		"message":             m,
		"pointer to message":  &m,
		"messages":            []Message{m},
		"slice":               []Secret{s},
		"addresses":           []Address{to, mail},
		"array":               [1]*Secret{&s},
		"map":                 map[string]Secret{"k": s},
		"map of any":          map[string]any{"k": []any{s, &to, m}},
		"struct":              holder{s, to, &s, &mail},
		"pointer to struct":   &holder{s, to, &s, &mail},
		"unexported":          hidden,
		"pointer to hidden":   &hidden,
		"slice of unexported": []secretive{hidden},
		"embedded":            embedder{s, to},
		"anonymous":           struct{ v any }{hidden},
		"channel of secrets":  make(chan Secret),
		"error":               fmt.Errorf("send %v to %s: %w", s, to, errors.New("no")),
		"reflect":             reflect.ValueOf(hidden),
	}
}

func TestFmtRedacts(t *testing.T) {
	t.Parallel()
	verbs := []string{}
	for verb := 'A'; verb <= 'z'; verb++ {
		if verb <= 'Z' || verb >= 'a' {
			for _, flag := range []string{"", "+", "#", " "} {
				verbs = append(verbs, "%"+flag+string(verb))
			}
		}
	}
	for name, v := range canaries() {
		for _, verb := range verbs {
			leaks(t, name+" with "+verb, fmt.Sprintf(verb, v))
			leaks(t, name+" in an error with "+verb, fmt.Errorf(verb, v).Error())
		}
		for _, wrong := range []string{"", "%[2]d", "%*d", "%.*d", "%!", "%"} {
			leaks(t, name+" with the wrong format "+wrong, fmt.Sprintf(wrong, v))
		}
		leaks(t, name+" with Sprint", fmt.Sprint(v))
		leaks(t, name+" with Sprintln", fmt.Sprintln("x", v))
	}
}

func TestFmtShows(t *testing.T) {
	t.Parallel()
	s, to := NewSecret(canaryCode), NewAddress(canaryPhone)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(verb, s); got != redacted {
			t.Errorf("Sprintf(%q, Secret) = %q", verb, got)
		}
		if got := fmt.Sprintf(verb, to); got != "+•••62" {
			t.Errorf("Sprintf(%q, Address) = %q", verb, got)
		}
	}
	if got := s.String() + to.String(); got != redacted+"+•••62" {
		t.Errorf("String = %q", got)
	}
	if got := fmt.Sprint(Secret{}, Address{}, "."); got != redacted+" ." {
		t.Errorf("zero values print as %q", got)
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", canaryCode, "a\x00b", "\xff"} {
		if got := NewSecret(s).Reveal(); got != s {
			t.Errorf("NewSecret(%q).Reveal() = %q", s, got)
		}
		if got := NewAddress(s).Reveal(); got != s {
			t.Errorf("NewAddress(%q).Reveal() = %q", s, got)
		}
	}
	var s Secret
	var a Address
	if s.Reveal() != "" || a.Reveal() != "" {
		t.Error("a zero value reveals something")
	}
	if !reflect.DeepEqual(NewSecret("a"), NewSecret("a")) || reflect.DeepEqual(NewSecret("a"), NewSecret("b")) {
		t.Error("reflect.DeepEqual, which tests use, does not go by the text")
	}
	if reflect.TypeFor[Secret]().Comparable() || reflect.TypeFor[Address]().Comparable() {
		t.Error("== compiles and would compare pointers")
	}
}

func TestEncodersRedact(t *testing.T) {
	t.Parallel()
	for name, v := range canaries() {
		if b, err := json.Marshal(v); err == nil {
			leaks(t, name+" as JSON", string(b))
		} else {
			leaks(t, name+" JSON error", err.Error())
		}
		if b, err := xml.Marshal(v); err == nil {
			leaks(t, name+" as XML", string(b))
		} else {
			leaks(t, name+" XML error", err.Error())
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(v); err != nil {
			leaks(t, name+" gob error", err.Error())
		}
		leaks(t, name+" as gob", b.String())
	}
	b, err := json.Marshal(map[string]any{"s": NewSecret(canaryCode), "h": []any{NewAddress(canaryEmail)}})
	if want := `{"h":["j•••@example.com"],"s":"[redacted]"}`; err != nil || string(b) != want {
		t.Errorf("JSON is %s, %v, want %s", b, err, want)
	}
}

func TestSlogRedacts(t *testing.T) {
	t.Parallel()
	for name, v := range canaries() {
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).With("with", v).InfoContext(context.Background(), "m", "k", v, slog.Group("g", slog.Any("in", v)))
		}
		leaks(t, name+" in slog", b.String())
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "code", NewSecret(canaryCode), "to", NewAddress(canaryPhone))
	if got := b.String(); !strings.Contains(got, "code=[redacted] to=+•••62\n") {
		t.Errorf("slog wrote %q", got)
	}
}

func TestTemplatesRedact(t *testing.T) {
	t.Parallel()
	const text = `{{.}} {{print .}} {{printf "%s %v %x" . . .}} {{html .}}`
	plain := template.Must(template.New("").Parse(text))
	html := htmltemplate.Must(htmltemplate.New("").Parse(`<p title="{{.}}">{{.}}</p><script>var x = {{.}}</script><a href="/?q={{.}}">`))
	for name, v := range canaries() {
		var b bytes.Buffer
		if err := plain.Execute(&b, v); err != nil {
			leaks(t, name+" template error", err.Error())
		}
		if err := html.Execute(&b, v); err != nil {
			leaks(t, name+" template error", err.Error())
		}
		leaks(t, name+" in a template", b.String())
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, want string }{
		{"", ""},
		{"+12025550162", "+•••62"},
		{"+1234567", "+•••67"},
		{"+123456", "•••"},
		{"12025550162", "•••"},
		{"+1202555016x", "•••"},
		{"+ééééééé", "•••"},
		{"jane@example.com", "j•••@example.com"},
		{"jürgen@example.com", "j•••@example.com"},
		{"üwe@example.com", "ü•••@example.com"},
		{"a@b@example.com", "a•••@example.com"},
		{"@example.com", "•••"},
		{"secret", "•••"},
		{"jane@example.com\r\nfake log line", "•••"},
		{"jane@\x1b[31mexample.com", "•••"},
		{"jane@\u202eexample.com", "•••"},
		{"jane@\xffexample.com", "•••"},
		{"jane@" + strings.Repeat("x", 250), "•••"},
	} {
		if got := Mask(tt.address); got != tt.want {
			t.Errorf("Mask(%q) = %q, want %q", tt.address, got, tt.want)
		}
		if got := NewAddress(tt.address).String(); got != tt.want {
			t.Errorf("Address(%q) prints as %q, want %q", tt.address, got, tt.want)
		}
	}
}
