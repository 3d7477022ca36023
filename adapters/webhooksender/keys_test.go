package webhooksender

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// The vector of the libraries of Standard Webhooks.
func TestVector(t *testing.T) {
	t.Parallel()
	const id, signature, payload = "msg_p5jXN8AQM9LWM0D4loKWxJek", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", `{"test": 2432232314}`
	at := time.Unix(1614265330, 0)
	for _, spelled := range []string{key, strings.TrimPrefix(key, "whsec_")} {
		h := http.Header{}
		keys(t, spelled).Sign(h, id, at, []byte(payload))
		if h.Get("webhook-id") != id || h.Get("webhook-timestamp") != "1614265330" || h.Get("webhook-signature") != signature {
			t.Errorf("signed %v", h)
		}
		if got, err := keys(t, spelled).Verify(h, []byte(payload), at); err != nil || got != id {
			t.Errorf("Verify = %q, %v", got, err)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const body = `{"a": 1}`
	signed := func(k Keys, id string) http.Header {
		h := http.Header{}
		k.Sign(h, id, noon, []byte(body))
		return h
	}
	old, both := keys(t, key), keys(t, newKey, key)
	good := signed(old, "msg_1")
	with := func(name, value string) http.Header {
		h := good.Clone()
		h.Set(name, value)
		return h
	}
	signature := good.Get("webhook-signature")
	for name, tt := range map[string]struct {
		keys Keys
		h    http.Header
		body string
		now  time.Time
		ok   bool
	}{
		"good":                  {old, good, body, noon, true},
		"key being changed":     {both, good, body, noon, true},
		"signed with both":      {old, signed(both, "msg_1"), body, noon, true},
		"five minutes late":     {old, good, body, noon.Add(5 * time.Minute), true},
		"five minutes early":    {old, good, body, noon.Add(-5 * time.Minute), true},
		"among others":          {old, with("webhook-signature", "v1a,x v2,"+signature[3:]+" v1,AAAA "+signature), body, noon, true},
		"later":                 {old, good, body, noon.Add(5*time.Minute + time.Second), false},
		"earlier":               {old, good, body, noon.Add(-5*time.Minute - time.Second), false},
		"another key":           {keys(t, newKey), good, body, noon, false},
		"no keys":               {Keys{}, good, body, noon, false},
		"another body":          {old, good, body + " ", noon, false},
		"another id":            {old, with("webhook-id", "msg_2"), body, noon, false},
		"another time":          {old, with("webhook-timestamp", strconv.FormatInt(noon.Unix()+1, 10)), body, noon, false},
		"no id":                 {old, with("webhook-id", ""), body, noon, false},
		"id with a full stop":   {old, signed(old, "msg.1"), body, noon, false},
		"long id":               {old, signed(old, strings.Repeat("x", 257)), body, noon, false},
		"time in words":         {old, with("webhook-timestamp", "noon"), body, noon, false},
		"time of 2^63":          {old, with("webhook-timestamp", "9223372036854775808"), body, noon, false},
		"least time":            {old, with("webhook-timestamp", "-9223372036854775808"), body, noon, false},
		"no version":            {old, with("webhook-signature", signature[3:]), body, noon, false},
		"other version":         {old, with("webhook-signature", "v2"+signature[2:]), body, noon, false},
		"a part of it":          {old, with("webhook-signature", signature[:20]), body, noon, false},
		"no signature":          {old, with("webhook-signature", ""), body, noon, false},
		"too many before it":    {old, with("webhook-signature", strings.Repeat("v1,x ", maxSignatures)+signature), body, noon, false},
		"two ids":               {old, http.Header{"Webhook-Id": {"msg_1", "msg_1"}, "Webhook-Timestamp": good["Webhook-Timestamp"], "Webhook-Signature": good["Webhook-Signature"]}, body, noon, false},
		"no header":             {old, http.Header{}, body, noon, false},
		"border of id and time": {old, http.Header{"Webhook-Id": {"msg_1." + good.Get("webhook-timestamp")}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {signature}}, body, noon, false},
	} {
		id, err := tt.keys.Verify(tt.h, []byte(tt.body), tt.now)
		if tt.ok != (err == nil) || tt.ok != (id != "") || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: Verify = %q, %v", name, id, err)
		}
		if err != nil {
			noSecrets(t, name, err.Error())
		}
	}
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", "whsk_" + key[6:], "whsec_" + strings.Repeat("AAAA", 22)} {
		_, err := ParseKeys(delivery.NewSecret(key), delivery.NewSecret(bad))
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "key 1 is not") || len(bad) > 6 && strings.Contains(err.Error(), bad[6:]) {
			t.Errorf("ParseKeys(%q): %v", bad, err)
		}
	}
	if _, err := ParseKeys(); !errors.Is(err, ErrConfig) {
		t.Errorf("no keys: %v", err)
	}
}
