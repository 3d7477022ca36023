package httpapi

import (
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/storetest"
)

// Every region of the list is refused for SMS, before anything is read,
// stored, counted or sent; WhatsApp reaches it.
func TestUnsupportedCountries(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := newBench(t, setup{engine: func(cfg *engine.Config) {
		cfg.Store = storetest.NewFaulty(cfg.Store, func(storetest.Call) storetest.Fault { calls.Add(1); return storetest.None })
	}})
	codes := region.Unsupported().Codes()
	if len(codes) != 103 {
		t.Fatalf("%d regions", len(codes))
	}
	number := func(c region.Code) string {
		number, ok := countries.ExampleMobile(c)
		if !ok {
			t.Fatalf("no number of %s", c)
		}
		return number
	}
	for _, c := range codes {
		for _, path := range []string{smsLogin, smsSend, "/v1/users"} {
			r := b.do("POST", path, bodyOf("sms", number(c)))
			if r.status != 400 || r.kind() != "invalid_phone_number_country_code" {
				t.Errorf("%s of %s: %d %s", path, c, r.status, r.kind())
			}
		}
	}
	b.untouched()
	if n := calls.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
	for _, c := range codes {
		r := b.do("POST", "/v1/otps/whatsapp/login_or_create", bodyOf("whatsapp", number(c)))
		if r.status != 200 {
			t.Errorf("WhatsApp to %s: %d %s", c, r.status, r.kind())
		}
	}
}

// Neighbours that share a calling code with a region of the list are reached.
func TestSupportedNeighbours(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, c := range []region.Code{"US", "CA", "JM", "PR", "KZ", "GB", "GG", "NO", "FI"} {
		number, _ := countries.ExampleMobile(c)
		if r := b.do("POST", smsLogin, bodyOf("sms", number)); r.status != 200 {
			t.Errorf("%s: %d %s", c, r.status, r.kind())
		}
	}
}
