package totp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/url"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/pquerna/otp"
)

// MinWindow and MaxWindow are the bounds of how long an enrolment waits for
// its first code.
const (
	MinWindow = 5 * time.Minute
	MaxWindow = 1440 * time.Minute
)

// RecoveryCodes is how many recovery codes come with an authenticator app.
const RecoveryCodes = 10

// A Request asks for an enrolment.
type Request struct {
	UserID string // not empty; up to 256 bytes

	// Account is how the authenticator app names the user beside the issuer:
	// an address or a user name, up to 320 bytes of printable UTF-8 without a
	// colon. Default: the user id, which has to be fit for it then.
	Account string

	// Window is how long the enrolment waits for its first code, from
	// MinWindow to MaxWindow. Default: MaxWindow.
	Window time.Duration
}

// An Enrolment is an app that waits for its first code. Show it to the user,
// once, and keep none of it.
type Enrolment struct {
	ID            string            // "totp-test-" or "totp-live-" and a UUID
	Secret        delivery.Secret   // 160 random bits as 32 characters of base32, to be typed into the app
	URI           delivery.Secret   // otpauth://totp/… (Key Uri Format)
	RecoveryCodes []delivery.Secret // ten, such as "a1b2-c3d4-e5f6": each 62 random bits
	Expires       time.Time         // when the first code must have come back; UTC
}

// Enrol makes an app for a user, in the place of one that never sent a code.
// Until the first code was accepted it proves nothing, and its recovery codes
// are not taken. Wrong guesses and a lock stay as they are: a user who is
// locked can enrol, and verify when the lock ends.
//
// Errors: ErrActive; engine.ErrRequest (a field is out of range);
// engine.ErrUnavailable.
func (a *Apps) Enrol(ctx context.Context, r Request) (Enrolment, error) {
	owner, ok := a.owner(r.UserID)
	if !ok {
		return Enrolment{}, badRequest("the user id is empty or too long")
	}
	account := r.Account
	if account == "" {
		account = r.UserID
	}
	if !isLabel(account, maxAccount) {
		return Enrolment{}, badRequest("the account is too long, not printable, or has a colon")
	}
	window := r.Window
	if window == 0 {
		window = MaxWindow
	}
	if window < MinWindow || window > MaxWindow {
		return Enrolment{}, badRequest("the window is out of range")
	}

	s := enrolStep{rules: &a.rules, window: window.Microseconds(), id: newID()}
	app := newContents()
	owner.seal(&s.sealed, s.id, app)
	if err := a.update(ctx, owner, s.decide); err != nil {
		return Enrolment{}, err
	}
	e := Enrolment{
		ID:      a.appID(s.id),
		Secret:  delivery.NewSecret(app.base32()),
		URI:     delivery.NewSecret(keyURI(a.issuer, account, app.base32())),
		Expires: time.UnixMicro(s.expires).UTC(),
	}
	for i := range app.recovery {
		e.RecoveryCodes = append(e.RecoveryCodes, app.recovery[i].show())
	}
	return e, nil
}

func badRequest(reason string) error {
	return &engine.Error{Kind: engine.ErrRequest, Err: errors.New("totp: " + reason)}
}

// newContents returns a new secret and new recovery codes. crypto/rand ends
// the program if the system has no randomness to give.
func newContents() *contents {
	c := new(contents)
	rand.Read(c.secret[:])
	for i := range c.recovery {
		c.recovery[i] = newRecoveryCode()
	}
	return c
}

// keyURI writes the Key Uri Format. Everything but letters, digits and "-._~"
// is escaped, spaces as %20: the issuer stands in a path and in a query, and
// apps differ in what they make of a plus sign or an ampersand there.
func keyURI(issuer, account, secret string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) +
		"?secret=" + secret + "&issuer=" + escape(issuer) + "&algorithm=SHA1&digits=6&period=30"
}

// The QR code of a URI of up to some 1,400 bytes has 41 to 141 modules a side.
// A tenth of the code around it is more than the four modules of white that
// readers want.
const (
	qrSide   = 400
	qrMargin = 40
)

var errQRCode = errors.New("totp: the URI fits in no QR code")

// QRCode returns the URI as a QR code: a PNG of 480 by 480 pixels, as a data
// URI. Errors: none for an enrolment that Enrol returned.
func (e Enrolment) QRCode() (delivery.Secret, error) {
	key, err := otp.NewKeyFromURL(e.URI.Reveal())
	if err != nil {
		return delivery.Secret{}, errQRCode // err repeats the URI
	}
	code, err := key.Image(qrSide, qrSide)
	if err != nil {
		return delivery.Secret{}, errQRCode
	}
	const side = qrSide + 2*qrMargin
	page := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	draw.Draw(page, image.Rect(qrMargin, qrMargin, qrMargin+qrSide, qrMargin+qrSide), code, code.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, page); err != nil {
		return delivery.Secret{}, errQRCode
	}
	return delivery.NewSecret("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}
