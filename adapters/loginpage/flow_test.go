package loginpage

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
)

// flowPages are pages that can do no more than seal and open.
func flowPages(t testing.TB, keys engine.Keys, now *time.Time) *Pages {
	t.Helper()
	ring, err := seal.NewRing(keys, "loginpage")
	if err != nil {
		t.Fatal(err)
	}
	return &Pages{ring: ring, now: func() time.Time { return *now }}
}

func withFlow(value string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/login/code", nil)
	r.Header.Set("Cookie", hostPrefix+flowCookie+"="+value)
	return r
}

func TestFlow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	keys := engine.RandomKeys()
	p := flowPages(t, keys, &now)
	f := flow{Kind: flowStep, Via: delivery.SMS, To: "+12025550162", Method: "m", Challenge: "c", User: "u", Need: "sms", Return: "/", Sends: 2, Expires: 1, Next: 2, End: now.Add(time.Minute).Unix()}
	value := p.sealFlow(f)
	if got, ok := p.openFlow(withFlow(value)); !ok || got != f {
		t.Errorf("%+v, %v", got, ok)
	}
	// After a change of keys it is still open, until the old one is gone.
	newer := engine.RandomKeys().Ring[0]
	newer.ID = 2
	rotated := flowPages(t, engine.Keys{Index: keys.Index, Ring: []engine.Key{newer, keys.Ring[0]}}, &now)
	if got, ok := rotated.openFlow(withFlow(value)); !ok || got != f || rotated.formID(got) != p.formID(f) {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := flowPages(t, engine.Keys{Index: keys.Index, Ring: []engine.Key{newer}}, &now).openFlow(withFlow(value)); ok {
		t.Error("opened by another key")
	}
	other := f
	other.Challenge = "d"
	if p.formID(other) == p.formID(f) {
		t.Error("two challenges have one name")
	}
	now = now.Add(time.Minute)
	if _, ok := p.openFlow(withFlow(value)); ok {
		t.Error("it is not over")
	}
}

// How long a cookie is tells neither the kind of a flow nor whose it is.
func TestFlowLength(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	p := flowPages(t, engine.RandomKeys(), &now)
	lengths := make(map[int]bool)
	for _, kind := range []flowKind{flowLogin, flowStep, flowAdd} {
		for _, id := range []string{"a", "user-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53"} {
			lengths[len(p.sealFlow(flow{Kind: kind, To: "ada@example.com", Method: id}))] = true
		}
	}
	if len(lengths) != 1 {
		t.Errorf("lengths %v", lengths)
	}
}

func FuzzOpenFlow(f *testing.F) {
	now := time.Unix(1e9, 0)
	p := flowPages(f, engine.RandomKeys(), &now)
	f.Add("")
	f.Add(strings.Repeat("A", 100))
	f.Add("AAAAAQ")
	f.Fuzz(func(t *testing.T, value string) {
		r := withFlow("")
		r.Header.Set("Cookie", hostPrefix+flowCookie+"="+value)
		if got, ok := p.openFlow(r); ok || got != (flow{}) {
			t.Fatalf("%q opens as %+v", value, got)
		}
	})
}
