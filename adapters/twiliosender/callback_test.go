package twiliosender

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const (
	token    = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	sid      = "SM8c4d7beaf75ce73ce83ecaf57942bfe3"
	callback = "https://example.com/twilio"
)

// sign is X-Twilio-Signature.
func sign(token, target string, form url.Values) string {
	text := target
	var names []string
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range form[name] {
			text += name + value
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// status is the form of a callback.
func status(word, errorCode string) url.Values {
	form := url.Values{"AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "From": {from}, "To": {to},
		"MessageSid": {sid}, "MessageStatus": {word}, "SmsSid": {sid}, "SmsStatus": {word}}
	if errorCode != "" {
		form.Set("ErrorCode", errorCode)
	}
	return form
}

// A listener is a Callback with what it told.
type listener struct {
	*Callback
	reports []delivery.Report
	err     error
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func listen(t testing.TB, target string) *listener {
	l := &listener{}
	var err error
	l.Callback, err = NewCallback(CallbackConfig{
		AccountSID: account,
		Tokens:     []delivery.Secret{delivery.NewSecret("an older token"), delivery.NewSecret(token)},
		URL:        target,
		Observe: func(_ context.Context, r delivery.Report) error {
			l.reports = append(l.reports, r)
			return l.err
		},
		Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// call delivers a form as Twilio does, by way of a proxy that has its own idea
// of the URL.
func (l *listener) call(form url.Values, query, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://10.0.0.7:8080/internal"+query, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if signature != "" {
		r.Header.Set("X-Twilio-Signature", signature)
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

func TestCallback(t *testing.T) {
	t.Parallel()
	report := func(change func(*delivery.Report)) *delivery.Report {
		r := &delivery.Report{Provider: "twilio", ID: sid, Message: "m-1", At: noon}
		change(r)
		return r
	}
	failed := func(kind delivery.Kind, reason string) *delivery.Report {
		return report(func(r *delivery.Report) { r.Status, r.Kind, r.Reason = delivery.Failed, kind, reason })
	}
	sent := report(func(r *delivery.Report) { r.Status = delivery.Sent })
	delivered := report(func(r *delivery.Report) { r.Status = delivery.Delivered })
	with := func(form url.Values, pairs ...string) url.Values {
		for i := 0; i < len(pairs); i += 2 {
			form[pairs[i]] = []string{pairs[i+1]}
		}
		return form
	}
	without := func(form url.Values, names ...string) url.Values {
		for _, name := range names {
			delete(form, name)
		}
		return form
	}
	for name, tt := range map[string]struct {
		form  url.Values
		query string
		want  *delivery.Report // nil: nothing is told
	}{
		"sent":           {status("sent", ""), "?message=m-1", sent},
		"delivered":      {status("delivered", ""), "?message=m-1", delivered},
		"read":           {with(status("read", ""), "EventType", "READ", "ChannelPrefix", "whatsapp"), "?message=m-1", delivered},
		"unreachable":    {status("undelivered", "30003"), "?message=m-1", failed(delivery.Rejected, "30003")},
		"not on it":      {with(status("failed", "63003"), "ChannelStatusMessage", "no user "+to), "?message=m-1", failed(delivery.Rejected, "63003: no user [redacted]")},
		"with words":     {with(status("failed", "30008"), "ErrorMessage", "Unknown error for "+code+"\r\n"), "?message=m-1", failed(delivery.Temporary, "30008: Unknown error for [redacted]")},
		"filtered":       {status("undelivered", "30007"), "?message=m-1", failed(delivery.Configuration, "30007")},
		"queue overflow": {status("failed", "30001"), "?message=m-1", failed(delivery.Throttled, "30001")},
		"not confirmed":  {status("failed", "30410"), "?message=m-1", failed(delivery.Ambiguous, "30410")},
		"no code":        {status("failed", ""), "?message=m-1", failed(delivery.Temporary, "failed")},
		"no number":      {status("undelivered", "abc"), "?message=m-1", failed(delivery.Temporary, "undelivered")},
		"new code":       {status("failed", "39999"), "?message=m-1", failed(delivery.Temporary, "39999")},
		"canceled":       {status("canceled", ""), "?message=m-1", failed(delivery.Temporary, "canceled")},
		"queued":         {status("queued", ""), "?message=m-1", nil},
		"sending":        {status("sending", ""), "?message=m-1", nil},
		"received":       {status("received", ""), "?message=m-1", nil},
		"new status":     {status("pondering", ""), "?message=m-1", nil},
		"twice":          {with(status("sent", ""), "New", "x"), "?message=m-1", sent},
		"older names":    {without(status("sent", ""), "MessageSid", "MessageStatus"), "?message=m-1", sent},
		"no SID":         {without(status("sent", ""), "MessageSid", "SmsSid"), "?message=m-1", nil},
		"a call's SID":   {with(without(status("sent", ""), "SmsSid"), "MessageSid", "CA"+sid[2:]), "?message=m-1", nil},
		"no message":     {status("sent", ""), "", report(func(r *delivery.Report) { r.Status, r.Message = delivery.Sent, "" })},
		"two messages":   {status("sent", ""), "?message=a&message=b", report(func(r *delivery.Report) { r.Status, r.Message = delivery.Sent, "" })},
		"odd message":    {status("sent", ""), "?message=a%0Ab", report(func(r *delivery.Report) { r.Status, r.Message = delivery.Sent, "" })},
	} {
		l := listen(t, callback)
		w := l.call(tt.form, tt.query, sign(token, callback+tt.query, tt.form))
		var want []delivery.Report
		if tt.want != nil {
			want = []delivery.Report{*tt.want}
		}
		if w.Code != 200 || !slices.Equal(l.reports, want) {
			t.Errorf("%s: %d, %+v\nwant %+v", name, w.Code, l.reports, want)
		}
	}
}

// A report that was not taken is asked for again; one that is told twice is
// reported twice.
func TestCallbackAgain(t *testing.T) {
	t.Parallel()
	l := listen(t, callback)
	form := status("delivered", "")
	l.err = errors.New("the store is down for " + to)
	for n, want := range []int{503, 200, 200} {
		w := l.call(form, "", sign(token, callback, form))
		if w.Code != want || len(l.reports) != n+1 || l.reports[n] != l.reports[0] {
			t.Errorf("call %d: %d, %d reports", n, w.Code, len(l.reports))
		}
		noSecrets(t, "the answer", w.Body.String())
		l.err = nil
	}
}

// The vector of Twilio's own libraries.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	c := &Callback{tokens: []delivery.Secret{delivery.NewSecret("12345")}, urls: signedURLs("https://mycompany.com/myapp.php")}
	signed := func(query string, form url.Values, text string) bool {
		given, ok := signature(http.Header{"X-Twilio-Signature": {text}})
		return ok && c.signed(query, form, given)
	}
	form := url.Values{"Digits": {"1234"}, "CallSid": {"CA1234567890ABCDE"}, "To": {"+18005551212"}, "Caller": {"+14158675309"}, "From": {"+14158675309"}}
	for signature, want := range map[string]bool{
		"RSOYDt4T1cUTdK1PDd93/VVr8B8=": true,
		"kvajT1Ptam85bY51eRf/AJRuM3w=": true, // with the port
		"RSOYDt4T1cUTdK1PDd93/VVr8B9=": false,
		"RSOYDt4T1cUTdK1PDd93/VVr8B8":  false,
		"WRONG SIGNATURE":              false,
		"":                             false,
	} {
		if got := signed("foo=1&bar=2", form, signature); got != want {
			t.Errorf("%q: %t", signature, got)
		}
	}
	repeated := url.Values{"A": {"2", "1", "2"}, "B": {""}}
	if !signed("", repeated, sign("12345", "https://mycompany.com/myapp.php", url.Values{"A": {"1", "2"}, "B": {""}})) {
		t.Error("a parameter that is given several times is not signed as in Twilio's libraries")
	}
	if signed("bar=2&foo=1", form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=") {
		t.Error("another query passes")
	}
}

// The forms under which Twilio may sign a URL.
func TestSignedURLs(t *testing.T) {
	t.Parallel()
	form := status("sent", "")
	for target, all := range map[string][]string{
		callback:                          {"https://example.com/twilio", "https://example.com:443/twilio"},
		"https://example.com:8443/t":      {"https://example.com:8443/t", "https://example.com/t"},
		"http://127.0.0.1/t":              {"http://127.0.0.1/t", "http://127.0.0.1:80/t"},
		"http://[::1]:8080/t":             {"http://[::1]:8080/t", "http://[::1]/t"},
		"https://example.com/a%2Fb/é":     {"https://example.com/a%2Fb/é"},
		"https://Example.COM/T":           {"https://Example.COM/T", "https://Example.COM:443/T"},
		"https://example.com/?t=1#rc=3&x": {"https://example.com/?t=1#rc=3&x", "https://example.com/?t=1", "https://example.com:443/?t=1#rc=3&x"},
	} {
		for _, signed := range all {
			l := listen(t, target)
			query := ""
			if _, q, ok := strings.Cut(strings.TrimSuffix(signed, "#rc=3&x"), "?"); ok {
				query = "?" + q
			}
			if w := l.call(form, query, sign(token, signed, form)); w.Code != 200 || len(l.reports) != 1 {
				t.Errorf("%s signed as %s: %d", target, signed, w.Code)
			}
		}
	}
}

// Nothing that was changed, by anybody but Twilio, is told.
func TestForged(t *testing.T) {
	t.Parallel()
	form := status("failed", "30003")
	other := status("delivered", "")
	stranger := status("failed", "30003")
	stranger.Set("AccountSid", "AC"+strings.Repeat("0", 32))
	nobody := status("failed", "30003")
	nobody.Del("AccountSid")
	twice := status("failed", "30003")
	twice["AccountSid"] = []string{account, account + "x"}
	const query = "?message=m-1"
	good := sign(token, callback+query, form)
	for name, tt := range map[string]struct {
		form             url.Values
		query, signature string
	}{
		"unsigned":           {form, query, ""},
		"another token":      {form, query, sign("x", callback+query, form)},
		"empty token":        {form, query, sign("", callback+query, form)},
		"another form":       {other, query, good},
		"another message":    {form, "?message=m-2", good},
		"no message":         {form, "", good},
		"another URL":        {form, query, sign(token, "https://example.com/other"+query, form)},
		"the proxy's URL":    {form, query, sign(token, "http://10.0.0.7:8080/internal"+query, form)},
		"not base64":         {form, query, "*"},
		"a part":             {form, query, good[:8]},
		"another account":    {stranger, query, sign(token, callback+query, stranger)},
		"no account":         {nobody, query, sign(token, callback+query, nobody)},
		"two accounts":       {twice, query, sign(token, callback+query, twice)},
		"border moved":       {status("failed", "30003"), query + "AccountSid" + account, good},
		"account's own body": {url.Values{}, query, sign(token, callback+query, url.Values{})},
	} {
		l := listen(t, callback)
		if name == "border moved" {
			// The URL and the first parameter are signed without anything between
			// them, so this is Twilio's signature; but the account is gone.
			tt.form.Del("AccountSid")
		}
		if w := l.call(tt.form, tt.query, tt.signature); w.Code != 403 || len(l.reports) != 0 {
			t.Errorf("%s: %d, %+v", name, w.Code, l.reports)
		}
	}

	l := listen(t, callback)
	r := httptest.NewRequest("POST", "/", strings.NewReader("a=%zz"))
	r.Header.Set("X-Twilio-Signature", sign(token, callback, url.Values{}))
	w := httptest.NewRecorder()
	if l.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("a broken form: %d", w.Code)
	}
	r = httptest.NewRequest("POST", "/"+query, strings.NewReader(form.Encode()))
	r.Header["X-Twilio-Signature"] = []string{good, "x"}
	w = httptest.NewRecorder()
	if l.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("two signatures: %d", w.Code)
	}
	r = httptest.NewRequest("GET", "/", http.NoBody)
	w = httptest.NewRecorder()
	if l.ServeHTTP(w, r); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
	for _, signatures := range [][]string{nil, {""}, {good, good}, {good[:len(good)-1]}, {good[4:]}, {good + "AAAA"}} {
		r = httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("it was read")))
		r.Header["X-Twilio-Signature"] = signatures
		w = httptest.NewRecorder()
		if l.ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("%q cannot be a signature: %d", signatures, w.Code)
		}
	}
	r = httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", maxCallback+1)))
	r.Header.Set("X-Twilio-Signature", good)
	w = httptest.NewRecorder()
	if l.ServeHTTP(w, r); w.Code != 413 || len(l.reports) != 0 {
		t.Errorf("too large: %d", w.Code)
	}
}
