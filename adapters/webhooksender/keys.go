package webhooksender

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// ErrSignature is what every error of Keys.Verify wraps.
var ErrSignature = errors.New("webhooksender: not signed")

var errNoSignature = fmt.Errorf("%w: no signature of a known key", ErrSignature)

// Tolerance is how far the time of a signed request may be from the clock.
const Tolerance = 5 * time.Minute

const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"

	maxSignatures   = 16                               // of one request that are looked at
	signatureLength = len("v1,") + (sha256.Size+2)/3*4 // of version 1: HMAC-SHA256 in base64
)

// Keys sign requests and check signatures, as Standard Webhooks says. The zero
// Keys are none, and accept nothing. They are safe for concurrent use.
type Keys struct {
	secrets []delivery.Secret // not encoded
}

// ParseKeys reads keys in their usual form: "whsec_" and 24 to 64 bytes in
// base64. While a key is being changed there are two: a sender signs with all,
// and a receiver takes any. Its error wraps [ErrConfig].
func ParseKeys(keys ...delivery.Secret) (Keys, error) {
	if len(keys) == 0 {
		return Keys{}, fmt.Errorf("%w: there are no keys", ErrConfig)
	}
	var k Keys
	for i, key := range keys {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Reveal(), "whsec_"))
		if err != nil || len(secret) < 24 || len(secret) > 64 {
			return Keys{}, fmt.Errorf(`%w: key %d is not "whsec_" and 24 to 64 bytes in base64`, ErrConfig, i)
		}
		k.secrets = append(k.secrets, delivery.NewSecret(string(secret)))
	}
	return k, nil
}

// Sign sets the three headers of a request that is sent at this time. The id
// must have no full stop.
func (k Keys) Sign(h http.Header, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(k.secrets))
	for i := range k.secrets {
		signatures[i] = "v1," + k.sign(i, id, timestamp, body)
	}
	h.Set(headerID, id)
	h.Set(headerTimestamp, timestamp)
	h.Set(headerSignature, strings.Join(signatures, " "))
}

func (k Keys) sign(i int, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(k.secrets[i].Reveal()))
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify returns the webhook-id of a request with this header and body, if it
// was signed with one of the keys less than [Tolerance] from now. Within that
// time whoever has seen the request can repeat it: remember the ids if a second
// one must have no effect. Signatures are compared in constant time.
func (k Keys) Verify(h http.Header, body []byte, now time.Time) (id string, err error) {
	signed, err := readHeader(h, now)
	if err != nil {
		return "", err
	}
	return k.verify(signed, body)
}

// A signedHeader is what Sign sets.
type signedHeader struct {
	id, timestamp string
	signatures    []string // all that can be one
}

// readHeader reads and checks all of it that can be without the body.
func readHeader(h http.Header, now time.Time) (signed signedHeader, err error) {
	for _, name := range []string{headerID, headerTimestamp, headerSignature} {
		if len(h[name]) != 1 {
			return signed, fmt.Errorf("%w: there is not one header %s", ErrSignature, strings.ToLower(name))
		}
	}
	signed.id, signed.timestamp = h.Get(headerID), h.Get(headerTimestamp)
	// With a full stop in it, the id's end could be anywhere.
	if id := signed.id; id == "" || len(id) > 256 || strings.Contains(id, ".") {
		return signed, fmt.Errorf("%w: malformed webhook-id", ErrSignature)
	}
	seconds, err := strconv.ParseInt(signed.timestamp, 10, 64)
	if err != nil {
		return signed, fmt.Errorf("%w: malformed webhook-timestamp", ErrSignature)
	}
	if age := now.Unix() - seconds; age > int64(Tolerance/time.Second) || age < -int64(Tolerance/time.Second) {
		return signed, fmt.Errorf("%w: the webhook-timestamp is more than %v off", ErrSignature, Tolerance)
	}
	given := strings.SplitN(h.Get(headerSignature), " ", maxSignatures+1)
	for _, signature := range given[:min(len(given), maxSignatures)] {
		if strings.HasPrefix(signature, "v1,") && len(signature) == signatureLength {
			signed.signatures = append(signed.signatures, signature)
		}
	}
	if signed.signatures == nil {
		return signed, errNoSignature
	}
	return signed, nil
}

// verify returns the webhook-id if one of the keys has made one of the
// signatures.
func (k Keys) verify(signed signedHeader, body []byte) (id string, err error) {
	found := false
	for i := range k.secrets {
		want := []byte("v1," + k.sign(i, signed.id, signed.timestamp, body))
		for _, signature := range signed.signatures {
			found = hmac.Equal(want, []byte(signature)) || found
		}
	}
	if !found {
		return "", errNoSignature
	}
	return signed.id, nil
}
