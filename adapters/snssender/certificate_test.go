package snssender

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// hostile are hosts and paths that are none of SNS's in the region.
var hostile = map[string]string{
	"another host":      "https://evil.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem",
	"host before":       strings.Replace(testCert, ".com/", ".com.evil.com/", 1),
	"host behind":       strings.Replace(testCert, "//", "//evil.com/sns.", 1),
	"host in a label":   strings.Replace(testCert, "//sns", "//evilsns", 1),
	"subdomain":         strings.Replace(testCert, "//sns", "//evil.sns", 1),
	"userinfo":          strings.Replace(testCert, ".com/", ".com@evil.com/", 1),
	"user":              strings.Replace(testCert, "//", "//evil@", 1),
	"http":              strings.Replace(testCert, "https", "http", 1),
	"no scheme":         strings.Replace(testCert, "https:", "", 1),
	"port":              strings.Replace(testCert, ".com/", ".com:443/", 1),
	"other port":        strings.Replace(testCert, ".com/", ".com:8443/", 1),
	"no port":           strings.Replace(testCert, ".com/", ".com:/", 1),
	"capitals":          strings.Replace(testCert, "sns", "SNS", 1),
	"scheme in capital": strings.Replace(testCert, "https", "HTTPS", 1),
	"dot":               strings.Replace(testCert, ".com/", ".com./", 1),
	"region":            strings.Replace(testCert, "eu-west-1", "us-east-1", 1),
	"no region":         strings.Replace(testCert, ".eu-west-1", "", 1),
	"China":             strings.Replace(testCert, ".com/", ".com.cn/", 1),
	"S3":                strings.Replace(testCert, "sns.", "s3.", 1),
	"bucket":            strings.Replace(testCert, "sns.", "sns.s3.", 1),
	"backslash":         strings.Replace(testCert, ".com/", `.com\@evil.com/`, 1),
	"query":             testCert + "?a",
	"fragment":          testCert + "#a",
	"line":              testCert + "\n",
	"space":             " " + testCert,
	"folder":            strings.Replace(testCert, "/Simple", "/evil/Simple", 1),
	"folder up":         strings.Replace(testCert, "/Simple", "/evil/../Simple", 1),
	"two slashes":       strings.Replace(testCert, "/Simple", "//Simple", 1),
	"no path":           testHost,
	"another file":      testHost + "/evil.pem",
	"no end":            strings.TrimSuffix(testCert, ".pem"),
	"no number":         testHost + "/SimpleNotificationService-.pem",
	"long number":       strings.Replace(testCert, "-7", "-"+strings.Repeat("7", 40), 1),
	"escaped":           strings.Replace(testCert, "-7f", "-%37f", 1),
	"other number":      strings.Replace(testCert, "-7f", "-7F", 1),
	"no host":           strings.TrimPrefix(testCert, testHost),
	"action":            testSubURL,
	"empty":             "",
}

func TestHostileCertificate(t *testing.T) {
	t.Parallel()
	for name, target := range hostile {
		l := listen(t, nil)
		l.wants(t, name, notice(event("TEXT_DELIVERED", "")).with("SigningCertURL", target).signed().json(), 403, 0)
	}
}

// What cannot be used in the place of a certificate is not, and not
// remembered: SNS is asked again at the next message.
func TestBadCertificate(t *testing.T) {
	t.Parallel()
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 2046), big.NewInt(1)), E: 65537}
	good := certified(t, rsaKey().Public(), noon.Add(time.Hour))
	key, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	page := func(body string) http.HandlerFunc { return reply(200, "application/x-pem-file", body) }
	body := notice(event("TEXT_DELIVERED", "")).signed().json()
	for name, do := range map[string]http.HandlerFunc{
		"expired":        page(certified(t, rsaKey().Public(), noon.Add(-time.Second))),
		"not yet good":   page(certifiedFrom(t, noon.Add(time.Second), noon.Add(time.Hour), rsaKey().Public())),
		"elliptic":       page(certified(t, elliptic.Public(), noon.Add(time.Hour))),
		"2047 bits":      page(certified(t, short, noon.Add(time.Hour))),
		"HTML":           page("<h1>Welcome to our hotel</h1>"),
		"HTML around":    page("<p>" + good + "</p>"),
		"HTML before":    page("<p>\n" + good),
		"HTML behind":    page(good + "</p>"),
		"two":            page(good + good),
		"a key":          page(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: key}))),
		"key as such":    page(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key}))),
		"half":           page(good[:len(good)/2]),
		"nothing":        page(""),
		"65 KiB":         page(good + strings.Repeat("\n", maxAnswer)),
		"not found":      reply(404, html, good),
		"down":           reply(500, html, good),
		"redirect":       reply(302, html, good, "Location", "https://evil.com/x"),
		"redirect there": reply(307, html, good, "Location", testSubURL),
		"no answer":      nil,
	} {
		l := listen(t, nil)
		right := l.sns.answers[testCert]
		l.sns.answers[testCert] = do
		if do == nil {
			l.client.Transport = failingTransport{l.sns}
		}
		l.wants(t, name, body, 503, 0, testCert)
		l.sns.answers[testCert] = right
		l.client.Transport = l.sns
		l.wants(t, name+", then", body, 200, 1, testCert)
		l.wants(t, name+", at last", body, 200, 2)
	}
	// The certificate of somebody else is a good one, and fits nothing.
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, nil)
	l.sns.answers[testCert] = page(certified(t, other.Public(), noon.Add(time.Hour)))
	l.wants(t, "another key", body, 403, 0, testCert)
}

// failingTransport asks, and has no answer.
type failingTransport struct{ *snsFake }

func (f failingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	f.asked = append(f.asked, r.URL.String())
	return nil, fmt.Errorf("cannot reach evil %s", testTo)
}

// endless is a body without an end. It counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	if e.read > 1<<20 {
		return 0, io.EOF
	}
	copy(p, strings.Repeat("-----BEGIN CERTIFICATE-----\n", len(p)/28+1))
	return len(p), nil
}

// No more than 64 KiB and a byte is read of what SNS answers.
func TestEndlessCertificate(t *testing.T) {
	t.Parallel()
	l := listen(t, nil)
	body := &endless{}
	l.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(body), Request: r}, nil
	})
	if code, answer := l.post(t, notice("x").signed().json()); code != 503 || body.read > 2*maxAnswer {
		t.Errorf("%d %s after %d bytes", code, answer, body.read)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A certificate that was good is not used when it is no longer.
func TestCertificateExpires(t *testing.T) {
	t.Parallel()
	l := listen(t, nil)
	tell := func(name string, status, reports int, asked ...string) {
		l.wants(t, name, notice(event("TEXT_DELIVERED", "")).with("Timestamp", l.now.Format(time.RFC3339)).signed().json(), status, reports, asked...)
	}
	tell("first", 200, 1, testCert)
	l.now = noon.Add(24 * time.Hour)
	tell("on its last day", 200, 2)
	l.now = l.now.Add(time.Second)
	tell("expired", 503, 2, testCert)
	l.sns.answers[testCert] = reply(200, html, certified(t, rsaKey().Public(), noon.Add(48*time.Hour)))
	tell("renewed", 200, 3, testCert)
	tell("remembered", 200, 4)
	if len(l.known) != 1 {
		t.Errorf("%d certificates are kept", len(l.known))
	}
}

// What is kept is bounded, and is the newest.
func TestCertificatesBounded(t *testing.T) {
	t.Parallel()
	l := listen(t, nil)
	var last string
	for i := range 3 * maxCertificates {
		last = fmt.Sprintf("%s/SimpleNotificationService-%032x.pem", testHost, i)
		l.sns.answers[last] = l.sns.answers[testCert]
		l.wants(t, "new", notice("x").with("SigningCertURL", last).signed().json(), 200, 0, last)
	}
	l.wants(t, "newest", notice("x").with("SigningCertURL", last).signed().json(), 200, 0)
	if len(l.known) != maxCertificates || l.known[0].url != last {
		t.Errorf("%d certificates are kept", len(l.known))
	}
}

// While SNS is asked for one thing, it is not asked for another; what is known
// already goes on.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, nil)
		known := strings.Replace(testCert, "-7", "-8", 1)
		l.sns.answers[known] = l.sns.answers[testCert]
		l.wants(t, "known", notice("x").with("SigningCertURL", known).signed().json(), 200, 0, known)
		right, end := l.sns.answers[testCert], make(chan struct{})
		l.sns.answers[testCert] = func(w http.ResponseWriter, r *http.Request) { <-end; right(w, r) }
		done := make(chan int)
		go func() {
			code, _ := l.post(t, notice(event("TEXT_DELIVERED", "")).signed().json())
			done <- code
		}()
		synctest.Wait()
		l.sns.requests()
		l.wants(t, "second", notice(event("TEXT_SENT", "")).signed().json(), 503, 0)
		l.wants(t, "to confirm", confirmation(subscription).with("SigningCertURL", known).signed().json(), 503, 0)
		l.wants(t, "still known", notice("x").with("SigningCertURL", known).signed().json(), 200, 0)
		close(end)
		if code := <-done; code != 200 || len(l.reports) != 1 || l.reports[0].Status != delivery.Delivered {
			t.Errorf("%d, %+v", code, l.reports)
		}
		l.wants(t, "second, again", notice(event("TEXT_SENT", "")).signed().json(), 200, 2)
	})
}

// SNS that does not answer is waited for 5 seconds.
func TestSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, at := range map[string]string{"certificate": testCert, "confirmation": testSubURL} {
			l := listen(t, nil)
			right := l.sns.answers[at]
			l.sns.answers[at] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
			began := time.Now()
			code, _ := l.post(t, confirmation(subscription).signed().json())
			if took := time.Since(began); code != 503 || took != askTimeout {
				t.Errorf("%s: %d after %v", name, code, took)
			}
			l.sns.answers[at] = right
			if code, answer := l.post(t, confirmation(subscription).signed().json()); code != 200 {
				t.Errorf("%s, again: %d %s", name, code, answer)
			}
		}
	})
}

// Two messages that SNS signed for AWS itself in 2022, with the certificate of
// then: those that AWS tests its Ruby SDK with.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	pem, err := os.ReadFile("testdata/sns-us-east-2-2022.pem")
	if err != nil {
		t.Fatal(err)
	}
	const at = "https://sns.us-east-2.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"
	for _, file := range []string{"testdata/sns-version-1.json", "testdata/sns-version-2.json"} {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, ok := parseMessage(body)
		if !ok {
			t.Fatalf("%s is no message", file)
		}
		l := listen(t, func(c *CallbackConfig) { c.Topics, c.UnsafeSHA1 = []string{m.TopicArn}, true })
		l.now = m.at.Add(time.Second)
		l.sns.answers[at] = reply(200, html, string(pem))
		l.wants(t, file, string(body), 200, 0, at)
		l.wants(t, file+", changed", strings.Replace(string(body), "Hello", "hello", 1), 403, 0)
		l.wants(t, file+", half past", string(body), 200, 0)
		l.now = m.at.Add(2 * time.Hour)
		l.wants(t, file+", too late", string(body), 403, 0)
	}
}
