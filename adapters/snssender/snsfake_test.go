package snssender

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const (
	testTopic  = "arn:aws:sns:eu-west-1:123456789012:passcodes"
	testHost   = "https://sns.eu-west-1.amazonaws.com"
	testCert   = testHost + "/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"
	testToken  = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92"
	testSubURL = testHost + "/?Action=ConfirmSubscription&TopicArn=" + testTopic + "&Token=" + testToken
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rsaKey is what the stand-in for SNS signs with.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// certified returns a certificate in PEM for a public key, good from a day
// before noon until then.
func certified(t testing.TB, public any, until time.Time) string {
	t.Helper()
	return certifiedFrom(t, noon.Add(-24*time.Hour), until, public)
}

func certifiedFrom(t testing.TB, from, until time.Time, public any) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// An snsFake stands in for SNS: it has the certificate, confirms subscriptions
// and remembers what it was asked for.
type snsFake struct {
	t  testing.TB
	mu sync.Mutex

	asked   []string
	answers map[string]http.HandlerFunc // by URL
}

func newSNS(t testing.TB) *snsFake {
	s := &snsFake{t: t, answers: make(map[string]http.HandlerFunc)}
	s.answers[testCert] = reply(200, "application/x-pem-file", certified(t, rsaKey().Public(), noon.Add(24*time.Hour)))
	s.answers[testSubURL] = reply(200, "text/xml", "<ConfirmSubscriptionResponse/>")
	return s
}

func (s *snsFake) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || r.Body != nil {
		s.t.Errorf("SNS is asked by %s", r.Method)
	}
	if _, ok := r.Context().Deadline(); !ok {
		s.t.Error("SNS may take its time")
	}
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	answer := s.answers[r.URL.String()]
	s.mu.Unlock()
	if answer == nil {
		answer = http.NotFound
	}
	w := httptest.NewRecorder()
	answer(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// requests returns what SNS was asked for since the last time.
func (s *snsFake) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// fields are a message before it is signed.
type fields map[string]string

// notice is a notification of an event.
func notice(text string) fields {
	return fields{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": testTopic, "Message": text,
		"Timestamp": "2026-03-01T11:59:58.655Z", "SignatureVersion": "2", "SigningCertURL": testCert,
		"UnsubscribeURL": testHost + "/?Action=Unsubscribe&SubscriptionArn=" + testTopic + ":c9135db0",
	}
}

// confirmation is a message of the two types that have a token.
func confirmation(kind string) fields {
	f := notice("You have chosen to subscribe to the topic " + testTopic + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.")
	delete(f, "UnsubscribeURL")
	f["Type"], f["Token"], f["SubscribeURL"] = kind, testToken, testSubURL
	return f
}

// with returns f with other values, in pairs; a value of "-" takes the field out.
func (f fields) with(pairs ...string) fields {
	f = maps.Clone(f)
	for i := 0; i < len(pairs); i += 2 {
		if f[pairs[i]] = pairs[i+1]; pairs[i+1] == "-" {
			delete(f, pairs[i])
		}
	}
	return f
}

// signed returns f with a signature, made as AWS's guide has it: the names in
// byte order, each on a line of its own before its value.
func (f fields) signed() fields {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains([]string{"SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL"}, name) {
			text += name + "\n" + f[name] + "\n"
		}
	}
	hash, sum := crypto.SHA256, sha256.New()
	if f["SignatureVersion"] == "1" {
		hash, sum = crypto.SHA1, sha1.New()
	}
	io.WriteString(sum, text)
	signature, err := rsa.SignPKCS1v15(nil, rsaKey(), hash, sum.Sum(nil))
	if err != nil {
		panic(err)
	}
	return f.with("Signature", base64.StdEncoding.EncodeToString(signature))
}

func (f fields) json() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A listener is a Callback with what it told.
type listener struct {
	*Callback
	sns *snsFake

	mu      sync.Mutex
	reports []delivery.Report
	err     error
	now     time.Time
}

func listen(t testing.TB, change func(*CallbackConfig)) *listener {
	t.Helper()
	l := &listener{sns: newSNS(t), now: noon}
	cfg := CallbackConfig{
		Topics: []string{"arn:aws-cn:sns:cn-north-1:123456789012:other", testTopic},
		Client: &http.Client{Transport: l.sns},
		Now:    func() time.Time { return l.now },
		Observe: func(_ context.Context, r delivery.Report) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.reports = append(l.reports, r)
			return l.err
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if l.Callback, err = NewCallback(cfg); err != nil {
		t.Fatal(err)
	}
	return l
}

// post delivers a body as SNS does. Whatever it is, nothing of it comes back.
func (l *listener) post(t testing.TB, body string, headers ...string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequest("POST", "/callbacks/aws", strings.NewReader(body))
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	for topic := range l.hosts {
		r.Header.Set("X-Amz-Sns-Topic-Arn", topic)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	for _, piece := range []string{testTo[1:], testID, "our-id", testToken, "evil"} {
		if strings.Contains(w.Body.String(), piece) {
			t.Errorf("the answer repeats %q: %s", piece, w.Body)
		}
	}
	return w.Code, w.Body.String()
}

// wants posts a body and checks the status, the number of reports in all, and
// the requests to SNS since the last time.
func (l *listener) wants(t testing.TB, name, body string, status, reports int, asked ...string) {
	t.Helper()
	code, answer := l.post(t, body)
	if code != status || len(l.reports) != reports {
		t.Errorf("%s: %d %s, %d reports; want %d, %d", name, code, answer, len(l.reports), status, reports)
	}
	if got := l.sns.requests(); !slices.Equal(got, asked) {
		t.Errorf("%s: SNS is asked for %q, want %q", name, got, asked)
	}
}
