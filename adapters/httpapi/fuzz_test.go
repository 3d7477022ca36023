package httpapi

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// FuzzDecode checks what the decoder takes against encoding/json.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"phone_number": "+12025550162", "attributes": {"ip_address": "192.0.2.1"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil && len(body) > 0 {
			t.Fatalf("took what is no JSON object: %v", err)
		}
		if len(want) != len(form.fields) || len(want) > 0 && !reflect.DeepEqual(want, form.fields) {
			t.Fatalf("fields %q, want %q", form.fields, want)
		}
		var tree any
		if err := json.Unmarshal(body, &tree); err != nil && len(body) > 0 {
			t.Fatalf("took what cannot be decoded: %v", err)
		}
		names, depth := measure(tree)
		if n := colons(body); n != names {
			t.Fatalf("took %d fields that are %d different ones", n, names)
		}
		if depth > maxDepth {
			t.Fatalf("took a depth of %d", depth)
		}
		for name := range form.fields {
			form.text(name)
			form.flag(name)
			form.integer(name)
			form.texts(name)
			form.object(name).text("x")
			form.minutes(name, time.Minute, time.Hour, errWindow)
			form.optional(name)
			form.added(name, "email")
		}
		// What is taken as a filter can be asked of a directory.
		operand, _ := parseForm(body)
		filter := operand.filter(false)
		if err := (store.Query{Filters: []store.Filter{filter}}).Check(); err != nil && operand.err() == nil {
			t.Fatalf("%v: %+v", err, filter)
		}
		client := form.attributes()
		if again, err := netip.ParseAddr(client.IP); form.err() == nil && client.IP != "" && (err != nil || again.String() != client.IP) {
			t.Fatalf("%q is not the one form of an address", client.IP)
		}
		if s := form.session(client); form.err() == nil && (s.Credential.Token != "" && s.Credential.JWT != "" || s.Duration < 0) {
			t.Fatalf("%+v", s.Credential)
		}
		// What is taken can be written and taken again.
		if form.fields == nil {
			return
		}
		again, err := json.Marshal(form.fields)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseForm(again); err != nil {
			t.Fatalf("%v for %s", err, again)
		}
	})
}

// measure counts the names in a decoded value, and its depth.
func measure(v any) (names, depth int) {
	var inner []any
	switch v := v.(type) {
	case map[string]any:
		names = len(v)
		for _, x := range v {
			inner = append(inner, x)
		}
	case []any:
		inner = v
	default:
		return 0, 0
	}
	for _, x := range inner {
		n, d := measure(x)
		names += n
		depth = max(depth, d)
	}
	return names, depth + 1
}

// colons counts the names in valid JSON: each is followed by a colon.
func colons(body []byte) (n int) {
	for quoted, i := false, 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			n++
		}
	}
	return n
}

// FuzzRequest checks the whole handler: an answer that is complete, and never
// a server's fault.
func FuzzRequest(f *testing.F) {
	f.Add("POST", smsLogin, "", "application/json", []byte(`{"phone_number": "+12025550162"}`))
	b := newBench(f, setup{})
	f.Fuzz(func(t *testing.T, method, target, authorization, contentType string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := b.request("POST", "/", string(body))
		r.Method, r.URL = method, u
		r.Header.Set("Content-Type", contentType)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		inner := &bench{t: t, api: b.api}
		got := inner.send(r)
		if got.status >= 500 {
			t.Fatalf("%s", got.raw)
		}
		if method != http.MethodHead && strings.ContainsAny(got.raw, "<>\n") {
			t.Fatalf("%q", got.raw)
		}
	})
}
