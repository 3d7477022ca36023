package snssender

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	maxCertificates = 16              // that are kept; a region has one, and while it changes two
	minKey          = 2048            // bits
	askTimeout      = 5 * time.Second // twice that is less than the 15 s that SNS waits
)

// A signer is a certificate that SNS signs with.
type signer struct {
	url  string
	key  *rsa.PublicKey
	cert *x509.Certificate
}

// goodAt reports whether a certificate may be used.
func (s signer) goodAt(now time.Time) bool {
	return !now.Before(s.cert.NotBefore) && !now.After(s.cert.NotAfter)
}

// verify checks the signature of a message that read has passed.
func (c *Callback) verify(ctx context.Context, m *message) *refusal {
	s, refused := c.signer(ctx, m.SigningCertURL)
	if refused != nil {
		return refused
	}
	if !m.signedBy(s.key) {
		return forbidden("The signature does not fit.")
	}
	return nil
}

// signer returns the certificate at a URL of SNS, from memory if it is there.
func (c *Callback) signer(ctx context.Context, url string) (signer, *refusal) {
	if s, ok := c.remembered(url); ok {
		return s, nil
	}
	if !c.asking.TryLock() {
		return signer{}, later("Another request to Amazon SNS is under way.")
	}
	defer c.asking.Unlock()
	body, ok := c.get(ctx, url)
	if !ok {
		return signer{}, later("The certificate cannot be had from Amazon SNS.")
	}
	s, ok := parseCertificate(body)
	if !ok || !s.goodAt(c.now()) {
		return signer{}, later("What Amazon SNS has in the place of the certificate cannot be used, or has expired.")
	}
	s.url = url
	c.remember(s)
	return s, nil
}

// remembered returns a certificate that was used before, and is good still.
func (c *Callback) remembered(url string) (signer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.known, func(k signer) bool { return k.url == url })
	if i < 0 || !c.known[i].goodAt(c.now()) {
		return signer{}, false
	}
	return c.known[i], true
}

// remember puts a certificate before the others, of which the oldest goes.
func (c *Callback) remember(s signer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = slices.DeleteFunc(c.known, func(k signer) bool { return k.url == s.url })
	c.known = slices.Insert(c.known, 0, s)
	c.known = slices.Delete(c.known, min(len(c.known), maxCertificates), len(c.known))
}

// parseCertificate reads one certificate in PEM, and nothing else, with an RSA
// key that is long enough. Who issued it is not looked at: the host that it came
// from is that of SNS, which TLS has shown, and the file is without the chain.
func parseCertificate(body []byte) (signer, bool) {
	body = bytes.TrimSpace(body)
	block, rest := pem.Decode(body)
	if !bytes.HasPrefix(body, []byte("-----BEGIN CERTIFICATE-----")) || block == nil || len(rest) > 0 {
		return signer{}, false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return signer{}, false
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minKey {
		return signer{}, false
	}
	return signer{key: key, cert: cert}, true
}

// get asks SNS for a URL and reports whether it answered with success, with no
// redirect and with at most 64 KiB.
func (c *Callback) get(ctx context.Context, url string) (body []byte, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, false
	}
	request.Header.Set("User-Agent", "passcode")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, false
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	return body, err == nil && response.StatusCode/100 == 2 && len(body) <= maxAnswer
}
