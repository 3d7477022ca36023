package redisstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/internal/servertest"
)

// certificate writes a certificate of localhost that signs itself, and its key.
func certificate(t *testing.T) (cert *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: raw}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, certFile, keyFile
}

// Over TLS a server is believed that has a certificate of an authority that is
// trusted, and no other; New is for authorities of one's own.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, certFile, keyFile := certificate(t)
	port := servertest.FreePort(t)
	servertest.Redis(t, append(durable[:len(durable):len(durable)], "--tls-port", fmt.Sprint(port), "--tls-cert-file", certFile,
		"--tls-key-file", keyFile, "--tls-ca-cert-file", certFile, "--tls-auth-clients", "no")...)
	url := fmt.Sprintf("rediss://:%s@localhost:%d", servertest.Password, port)
	_, err := Open(t.Context(), url, patient)
	wantError(t, err, ErrUnreachable)
	if !strings.Contains(fmt.Sprint(err), "not trusted") {
		t.Error(err)
	}
	_, err = Open(t.Context(), strings.Replace(url, "rediss", "redis", 1), patient)
	wantError(t, err, ErrUnreachable)

	skipping := openAt(t, url+"?skip_verify=true", Config{})
	wantSum(t, skipping, "sum", 1, 1)

	option, err := patient.ClientOption(url)
	if err != nil {
		t.Fatal(err)
	}
	option.TLSConfig.RootCAs = x509.NewCertPool()
	option.TLSConfig.RootCAs.AddCert(cert)
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s, err := New(t.Context(), client, Config{Prefix: skipping.cfg.Prefix})
	if err != nil {
		t.Fatal(err)
	}
	wantSum(t, s, "sum", 1, 2)
}

func TestSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "redis") // a short name: t.TempDir's may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	server := servertest.Redis(t, append(durable[:len(durable):len(durable)], "--unixsocket", path)...)
	s := openAt(t, "unix://:"+servertest.Password+"@"+path+"?db=3", Config{Prefix: "test:"})
	mustSwap(t, s, "key", nil, []byte("value"))
	wantValue(t, s, "key", []byte("value"))
	if n := command(t, server, "DBSIZE"); n != "0" {
		t.Errorf("database 0 has %s keys", n)
	}
	restart(t, server)
	reconnect(t, s)
	wantValue(t, s, "key", []byte("value"))
	if _, err := Open(t.Context(), "unix://:"+canary+"@"+path, patient); !errors.Is(err, ErrAuth) {
		t.Error(err)
	}
}
