package whatsappsender

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const verifyToken = "a token of our own"

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	early = noon.Add(-time.Minute)
)

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// hook is a webhook for the field "messages" with these statuses.
func hook(statuses ...string) string {
	return `{"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [{"value": {"messaging_product": "whatsapp",
		"metadata": {"display_phone_number": "15550783881", "phone_number_id": "` + numberID + `"}, "statuses": [` + strings.Join(statuses, ", ") + `]}, "field": "messages"}]}]}`
}

// statusOf is a status of a message, with more fields.
func statusOf(word, more string) string {
	return fmt.Sprintf(`{"id": %q, "status": %q, "timestamp": "%d", "recipient_id": %q, "biz_opaque_callback_data": "m-1"%s,
		"conversation": {"id": "a75d17ad06104c51166f948319b03c6a", "origin": {"type": "authentication"}},
		"pricing": {"billable": true, "pricing_model": "PMP", "category": "authentication"}}`, wamid(to, 7), word, early.Unix(), to[1:], more)
}

func errorsOf(code int, title, details string) string {
	return fmt.Sprintf(`, "errors": [{"code": %d, "title": %q, "message": %q, "error_data": {"details": %q}, "href": "/documentation/error-codes"}]`, code, title, title, details)
}

type listener struct {
	*Callback
	reports []delivery.Report
	err     error
}

func listen(t testing.TB) *listener {
	l := &listener{}
	var err error
	l.Callback, err = NewCallback(CallbackConfig{
		PhoneNumberID: numberID,
		VerifyToken:   delivery.NewSecret(verifyToken),
		AppSecrets:    []delivery.Secret{delivery.NewSecret("an older secret"), delivery.NewSecret(appSecret)},
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

func (l *listener) call(body string, signatures ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/whatsapp", strings.NewReader(body))
	for _, s := range signatures {
		r.Header.Add("X-Hub-Signature-256", s)
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

func TestCallback(t *testing.T) {
	t.Parallel()
	sent := delivery.Report{Provider: "whatsapp", ID: ID(wamid(to, 7)), Message: "m-1", Status: delivery.Sent, At: early}
	delivered := sent
	delivered.Status = delivery.Delivered
	failed := func(kind delivery.Kind, reason string) delivery.Report {
		r := sent
		r.Status, r.Kind, r.Reason = delivery.Failed, kind, reason
		return r
	}
	told := func(r ...delivery.Report) []delivery.Report { return r }
	nameless, undated := sent, sent
	nameless.Message, undated.At = "", noon
	replace := func(old, new string) string { return strings.Replace(statusOf("sent", ""), old, new, 1) }
	for name, tt := range map[string]struct {
		body string
		want []delivery.Report
	}{
		"sent":             {hook(statusOf("sent", "")), told(sent)},
		"delivered":        {hook(statusOf("delivered", "")), told(delivered)},
		"read":             {hook(statusOf("read", "")), told(delivered)},
		"several":          {hook(statusOf("sent", ""), statusOf("played", ""), statusOf("read", "")), told(sent, delivered)},
		"not on WhatsApp":  {hook(statusOf("failed", errorsOf(131026, "Message undeliverable", "Message Undeliverable."))), told(failed(delivery.Rejected, "131026: Message undeliverable: Message Undeliverable."))},
		"not delivered":    {hook(statusOf("failed", errorsOf(131049, "healthy ecosystem", ""))), told(failed(delivery.Rejected, "131049: healthy ecosystem"))},
		"rate limit":       {hook(statusOf("failed", errorsOf(130429, "Rate limit hit", ""))), told(failed(delivery.Throttled, "130429: Rate limit hit"))},
		"template paused":  {hook(statusOf("failed", errorsOf(132015, "Template is paused", ""))), told(failed(delivery.Configuration, "132015: Template is paused"))},
		"number repeated":  {hook(statusOf("failed", errorsOf(131000, "Went wrong for "+to, "code 914 207\n"))), told(failed(delivery.Temporary, "131000: Went wrong for [redacted]: code [redacted]"))},
		"new error":        {hook(statusOf("failed", errorsOf(199999, "New", ""))), told(failed(delivery.Temporary, "199999: New"))},
		"only a message":   {hook(statusOf("failed", `, "errors": [{"code": 1, "message": "Unknown"}]`)), told(failed(delivery.Temporary, "1: Unknown"))},
		"no code":          {hook(statusOf("failed", `, "errors": [{"title": "Unknown"}]`)), told(failed(delivery.Temporary, "no code: Unknown"))},
		"no errors":        {hook(statusOf("failed", "")), told(failed(delivery.Temporary, "failed"))},
		"other status":     {hook(statusOf("deleted", "")), nil},
		"broken status":    {hook(`{"id": 5}`, `"x"`, statusOf("sent", "")), told(sent)},
		"no id":            {hook(`{"status": "sent"}`), nil},
		"no name of ours":  {hook(replace(`"biz_opaque_callback_data": "m-1"`, `"x": 1`)), told(nameless)},
		"odd name":         {hook(replace(`"m-1"`, `"m 1\n"`)), told(nameless)},
		"number as time":   {hook(replace(fmt.Sprintf(`"%d"`, early.Unix()), fmt.Sprint(early.Unix()))), told(sent)},
		"future":           {hook(replace(fmt.Sprint(early.Unix()), fmt.Sprint(noon.Unix()+1))), told(undated)},
		"no time":          {hook(replace(`"timestamp"`, `"x"`)), told(undated)},
		"odd time":         {hook(replace(fmt.Sprint(early.Unix()), "yesterday")), told(undated)},
		"1970":             {hook(replace(fmt.Sprint(early.Unix()), "0")), told(undated)},
		"of another phone": {strings.Replace(hook(statusOf("sent", "")), numberID, "1", 1), nil},
		"other field":      {strings.Replace(hook(statusOf("sent", "")), `"field": "messages"`, `"field": "flows"`, 1), nil},
		"other object":     {strings.Replace(hook(statusOf("sent", "")), "whatsapp_business_account", "page", 1), nil},
		"from a user": {strings.Replace(hook(), `"statuses": []`,
			`"contacts": [{"profile": {"name": "Jane"}, "wa_id": "12025550162"}], "messages": [{"from": "12025550162", "id": "wamid.x", "timestamp": "1", "type": "text", "text": {"body": "914207"}}]`, 1), nil},
		"account's errors": {strings.Replace(hook(), `"statuses": []`, `"errors": [{"code": 130429, "title": "Rate limit hit"}]`, 1), nil},
		"empty":            {``, nil},
		"not JSON":         {`<html>`, nil},
		"null":             {`null`, nil},
		"other shape":      {`{"object": "whatsapp_business_account", "entry": {"changes": 1}}`, nil},
	} {
		l := listen(t)
		w := l.call(tt.body, sign(appSecret, tt.body))
		if w.Code != 200 || !slices.Equal(l.reports, tt.want) {
			t.Errorf("%s: %d, %+v\nwant %+v", name, w.Code, l.reports, tt.want)
		}
	}
}

// A report that was not taken is asked for again, with those beside it; and
// what comes twice is reported twice.
func TestCallbackAgain(t *testing.T) {
	t.Parallel()
	l := listen(t)
	body := hook(statusOf("sent", ""), statusOf("delivered", ""))
	l.err = errors.New("the store is down for " + to)
	for n, want := range []int{503, 200, 200} {
		w := l.call(body, sign(appSecret, body))
		if w.Code != want || len(l.reports) != 2*(n+1) {
			t.Errorf("call %d: %d, %d reports", n, w.Code, len(l.reports))
		}
		noSecrets(t, "the answer", w.Body.String())
		l.err = nil
	}
}

func TestForged(t *testing.T) {
	t.Parallel()
	body := hook(statusOf("delivered", ""))
	good := sign(appSecret, body)
	for name, tt := range map[string]struct {
		body       string
		signatures []string
	}{
		"unsigned":       {body, nil},
		"another secret": {body, []string{sign("x", body)}},
		"empty secret":   {body, []string{sign("", body)}},
		"another body":   {hook(statusOf("sent", "")), []string{good}},
		"one more byte":  {body + " ", []string{good}},
		"no prefix":      {body, []string{good[len("sha256="):]}},
		"sha1":           {body, []string{"sha1" + good[len("sha256"):]}},
		"a part":         {body, []string{good[:20]}},
		"nothing":        {body, []string{"sha256="}},
		"not digits":     {body, []string{"sha256=" + strings.Repeat("zz", 32)}},
		"two":            {body, []string{good, "sha256=00"}},
	} {
		l := listen(t)
		if w := l.call(tt.body, tt.signatures...); w.Code != 403 || len(l.reports) != 0 {
			t.Errorf("%s: %d, %+v", name, w.Code, l.reports)
		}
	}
	l := listen(t)
	if w := l.call(body, sign("an older secret", body)); w.Code != 200 || len(l.reports) != 1 {
		t.Errorf("a secret that is being changed: %d", w.Code)
	}
	huge := strings.Repeat(" ", maxCallback+1)
	if w := l.call(huge, sign(appSecret, huge)); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
}

// Nothing is read of what cannot be signed.
func TestUnread(t *testing.T) {
	t.Parallel()
	good := sign(appSecret, "")
	for _, signatures := range [][]string{nil, {""}, {good, good}, {good[:len(good)-2]}, {good + "00"}, {good[len("sha256="):]}} {
		r := httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("it was read")))
		r.Header["X-Hub-Signature-256"] = signatures
		w := httptest.NewRecorder()
		if listen(t).ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("%q: %d", signatures, w.Code)
		}
	}
}

// Few large bodies are in memory at a time. Small ones do not wait for them.
func TestLarge(t *testing.T) {
	t.Parallel()
	l := listen(t)
	small := hook(statusOf("sent", ""))
	large := small + strings.Repeat(" ", maxSmall)
	calls := func(when string, want int) {
		t.Helper()
		for body, want := range map[string]int{small: 200, large: want} {
			if w := l.call(body, sign(appSecret, body)); w.Code != want {
				t.Errorf("%s, %d bytes: %d, want %d", when, len(body), w.Code, want)
			}
		}
	}
	calls("alone", 200)
	var slow sync.WaitGroup
	var ends []*io.PipeWriter
	for range maxLarge {
		body, end := io.Pipe() // of unknown length
		r := httptest.NewRequest("POST", "/", body)
		r.Header.Set("X-Hub-Signature-256", sign("x", ""))
		slow.Go(func() {
			defer body.Close()
			w := httptest.NewRecorder()
			if l.ServeHTTP(w, r); w.Code != 403 {
				t.Errorf("a slow one: %d", w.Code)
			}
		})
		io.WriteString(end, "x") // returns when it is read
		ends = append(ends, end)
	}
	calls("beside slow ones", 503)
	calls("again", 503)
	for _, end := range ends {
		end.Close()
	}
	slow.Wait()
	calls("after them", 200)
}

func TestVerification(t *testing.T) {
	t.Parallel()
	query := func(mode, token, challenge string) string {
		return url.Values{"hub.mode": {mode}, "hub.verify_token": {token}, "hub.challenge": {challenge}}.Encode()
	}
	l := listen(t)
	for q, want := range map[string]int{
		query("subscribe", verifyToken, "1158201444"):         200,
		query("subscribe", verifyToken+"x", "1158201444"):     403,
		query("subscribe", "", "1158201444"):                  403,
		query("unsubscribe", verifyToken, "1158201444"):       403,
		query("subscribe", verifyToken, ""):                   403,
		query("subscribe", verifyToken, "<script>1</script>"): 403,
		"":                  403,
		"hub.mode=%zz;a":    403,
		"hub.challenge=1&x": 403,
	} {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, httptest.NewRequest("GET", "/whatsapp?"+q, nil))
		if w.Code != want || want == 200 && (w.Body.String() != "1158201444" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain")) {
			t.Errorf("%s: %d %s", q, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), verifyToken) || strings.Contains(w.Body.String(), "script") {
			t.Errorf("%s: answered %s", q, w.Body)
		}
	}
	w := httptest.NewRecorder()
	if l.ServeHTTP(w, httptest.NewRequest("PUT", "/whatsapp", nil)); w.Code != 405 || w.Header().Get("Allow") != "GET, POST" {
		t.Errorf("PUT: %d, %v", w.Code, w.Header())
	}
}
