package callout

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// serverTLS returns a server for 127.0.0.1 whose certificate ends at notAfter,
// and a client that trusts whoever made it.
func serverTLS(t *testing.T, notAfter time.Time, h http.HandlerFunc) (*httptest.Server, *http.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notAfter.Add(-time.Hour), NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet()
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	transport := NewTransport()
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(cert)
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	requests := 0
	answer := func(w http.ResponseWriter, r *http.Request) { requests++; io.WriteString(w, r.Proto) }
	good, trusting := serverTLS(t, time.Now().Add(time.Hour), answer)
	if a, e := post(t, New(Config{HTTP: trusting}), good.URL); e != nil || string(a.Body) != "HTTP/2.0" {
		t.Errorf("with a good certificate: %+v, %v", a, e)
	}
	_, e := post(t, New(Config{}), good.URL)
	wantKind(t, e, delivery.Configuration)
	_, e = post(t, New(Config{HTTP: trusting}), strings.Replace(good.URL, "127.0.0.1", "localhost", 1))
	wantKind(t, e, delivery.Configuration)

	expired, trusting := serverTLS(t, time.Now().Add(-time.Minute), answer)
	_, e = post(t, New(Config{HTTP: trusting}), expired.URL)
	if wantKind(t, e, delivery.Configuration); !strings.Contains(e.Reason, "expired") {
		t.Errorf("the reason is %q", e.Reason)
	}
	plain := httptest.NewServer(http.HandlerFunc(answer))
	defer plain.Close()
	_, e = post(t, New(Config{}), strings.Replace(plain.URL, "http:", "https:", 1))
	wantKind(t, e, delivery.Temporary)
	if requests != 1 {
		t.Errorf("%d requests were read", requests)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	s, client := serverTLS(t, time.Now().Add(time.Hour), func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if requests.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	})
	c := New(Config{HTTP: client})
	if _, e := post(t, c, s.URL); e != nil {
		t.Fatal(e)
	}
	_, e := post(t, c, s.URL)
	if wantKind(t, e, delivery.Ambiguous); requests.Load() != 2 {
		t.Errorf("2 calls made %d requests", requests.Load())
	}
}
