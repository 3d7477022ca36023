package sessions_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passcode-go/passcode/engine/sessions"
)

// A forger makes JWTs as this package does, or otherwise.
type forger struct {
	t      *testing.T
	header map[jose.HeaderKey]any // besides alg and kid
	kid    string
	alg    jose.SignatureAlgorithm
	key    any
}

func newForger(t *testing.T) forger {
	return forger{t, map[jose.HeaderKey]any{jose.HeaderType: "JWT"}, firstKey().ID, jose.RS256, firstKey().Key}
}

func (f forger) sign(payload map[string]any) string {
	f.t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: f.header}
	if f.kid != "" {
		options = options.WithHeader("kid", f.kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: f.alg, Key: f.key}, options)
	if err != nil {
		f.t.Fatal(err)
	}
	body, err := json.Marshal(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		f.t.Fatal(err)
	}
	jwt, err := signed.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return jwt
}

// parts decodes header and payload.
func parts(t *testing.T, jwt string) (header, payload map[string]any) {
	t.Helper()
	for i, v := range []*map[string]any{&header, &payload} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, v); err != nil {
			t.Fatal(err)
		}
	}
	return header, payload
}

// What a JWT says, to the letter of the wire contract.
func TestJWTLayout(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.advance(500 * time.Millisecond)
	grant := bySMS()
	grant.Claims = json.RawMessage(`{"plan":"gold","deep":{"a":[1]}}`)
	g := b.grant(byEmail(token(b.grant(grant))))
	b.advance(90 * time.Second)
	header, payload := parts(t, b.jwt(b.authenticate(token(g), nil).Session))
	want := func(name string, got any, json_ string) {
		t.Helper()
		if encoded, _ := json.Marshal(got); string(encoded) != json_ {
			t.Errorf("%s is\n%s, want\n%s", name, encoded, json_)
		}
	}
	want("header", header, `{"alg":"RS256","kid":"`+firstKey().ID+`","typ":"JWT"}`)
	session := payload["https://stytch.com/session"]
	delete(payload, "https://stytch.com/session")
	want("payload", payload, `{"aud":["`+project+`"],"deep":{"a":[1]},"exp":1772366790,"iat":1772366490,"iss":"stytch.com/`+project+`","nbf":1772366490,"plan":"gold","sub":"`+user+`"}`)
	at, later := `"2026-03-01T12:00:00Z"`, `"2026-03-01T12:01:30Z"`
	want("session", session, `{"attributes":{"ip_address":"192.0.2.7","user_agent":"Browser/1"},"authentication_factors":[`+
		`{"created_at":`+at+`,"delivery_method":"sms","last_authenticated_at":`+at+`,"phone_number_factor":{"phone_id":"phone-1","phone_number":"+12025550162"},"type":"otp","updated_at":`+at+`},`+
		`{"created_at":`+at+`,"delivery_method":"email","email_factor":{"email_address":"ada@example.com","email_id":"email-1"},"last_authenticated_at":`+at+`,"type":"email_otp","updated_at":`+at+`}],`+
		`"expires_at":"2026-03-01T13:00:00Z","id":"`+g.Session.ID+`","last_accessed_at":`+later+`,"roles":[],"started_at":`+at+`}`)

	// Near the session's end the JWT ends with it.
	b.advance(57 * time.Minute)
	_, payload = parts(t, b.jwt(b.authenticate(token(g), nil).Session))
	if payload["exp"] != float64(start.Add(hour).Unix()) {
		t.Errorf("exp is %v", payload["exp"])
	}
	// Every method has its object, and comes back as it was.
	for method, object := range map[sessions.Method]string{
		sessions.WhatsApp:      `"phone_number_factor":{"phone_id":"f","phone_number":"a"},"type":"otp"`,
		sessions.Authenticator: `"authenticator_app_factor":{"totp_id":"f"}`,
		sessions.RecoveryCode:  `"recovery_code_factor":{"totp_recovery_code_id":"f"},"type":"recovery_codes"`,
	} {
		fresh := bySMS()
		fresh.Factor = sessions.Factor{Method: method, ID: "f"}
		if method == sessions.WhatsApp {
			fresh.Factor.Address = "a"
		}
		granted := b.grant(fresh)
		jwt := b.jwt(granted.Session)
		_, payload := parts(t, jwt)
		encoded, _ := json.Marshal(payload["https://stytch.com/session"])
		sorted := strings.ReplaceAll(string(encoded), `"created_at":`, ``)
		for _, part := range strings.Split(object, `,"type"`) {
			if !strings.Contains(sorted, part) && !strings.Contains(sorted, `"type"`+part) {
				t.Errorf("%s: %s lacks %s", method, encoded, part)
			}
		}
		checked, err := b.CheckJWT(jwt)
		if err != nil || checked.Factors[0].Method != method || checked.Factors[0].ID != "f" || checked.UserID != user || checked.ID != granted.Session.ID {
			t.Errorf("%s: %+v, %v", method, checked, err)
		}
	}
}

// JWTs that nobody with the project's keys made, or not for now.
func TestForgedJWTs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.SetKeys(b.config.Keys, []sessions.SigningKey{firstKey(), secondKey()}); err != nil {
		t.Fatal(err)
	}
	g := b.grant(bySMS())
	good := b.jwt(g.Session)
	_, honest := parts(t, good)
	change := func(name string, value any) map[string]any {
		payload := maps.Clone(honest)
		payload[name] = value
		if value == nil {
			delete(payload, name)
		}
		return payload
	}
	session := func(name string, value any) map[string]any {
		inner := maps.Clone(honest["https://stytch.com/session"].(map[string]any))
		inner[name] = value
		return change("https://stytch.com/session", inner)
	}
	f := newForger(t)
	with := func(spoil func(*forger)) forger {
		spoiled := newForger(t)
		spoil(&spoiled)
		return spoiled
	}
	der, err := x509.MarshalPKIXPublicKey(&firstKey().Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	now := float64(start.Unix())
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT","kid":"`+firstKey().ID+`"}`)) + "." + strings.Split(good, ".")[1] + "."
	if _, err := b.CheckJWT(f.sign(honest)); err != nil {
		t.Fatalf("the forger cannot do it right: %v", err)
	}
	forged := map[string]string{
		"alg none":               none,
		"alg none, signed":       none + strings.Split(good, ".")[2],
		"HS256 by the PEM":       with(func(f *forger) { f.alg, f.key = jose.HS256, public }).sign(honest),
		"HS256 by the DER":       with(func(f *forger) { f.alg, f.key = jose.HS256, der }).sign(honest),
		"HS256 by the modulus":   with(func(f *forger) { f.alg, f.key = jose.HS256, firstKey().Key.N.Bytes() }).sign(honest),
		"PS256":                  with(func(f *forger) { f.alg = jose.PS256 }).sign(honest),
		"RS512":                  with(func(f *forger) { f.alg = jose.RS512 }).sign(honest),
		"foreign kid":            with(func(f *forger) { f.kid = "jwk-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53" }).sign(honest),
		"no kid":                 with(func(f *forger) { f.kid = "" }).sign(honest),
		"kid of the other key":   with(func(f *forger) { f.kid = secondKey().ID }).sign(honest),
		"key of nobody":          with(func(f *forger) { f.key = makeKey().Key }).sign(honest),
		"no typ":                 with(func(f *forger) { f.header = nil }).sign(honest),
		"other typ":              with(func(f *forger) { f.header = map[jose.HeaderKey]any{jose.HeaderType: "at+jwt"} }).sign(honest),
		"unknown crit":           with(func(f *forger) { f.header["crit"] = []string{"x"}; f.header["x"] = 1 }).sign(honest),
		"other issuer":           f.sign(change("iss", "stytch.com/project-test-other")),
		"issuer with scheme":     f.sign(change("iss", "https://stytch.com/"+project)),
		"no issuer":              f.sign(change("iss", nil)),
		"other audience":         f.sign(change("aud", []string{"project-test-other"})),
		"no audience":            f.sign(change("aud", []string{})),
		"no subject":             f.sign(change("sub", "")),
		"future nbf":             f.sign(change("nbf", now+1)),
		"future iat":             f.sign(change("iat", now+1)),
		"no iat":                 f.sign(change("iat", nil)),
		"no exp":                 f.sign(change("exp", nil)),
		"exp is a string":        f.sign(change("exp", "9999999999")),
		"no session":             f.sign(change("https://stytch.com/session", nil)),
		"session is a list":      f.sign(change("https://stytch.com/session", []int{1})),
		"other environment":      f.sign(session("id", strings.Replace(g.Session.ID, "test", "live", 1))),
		"no session id":          f.sign(session("id", "")),
		"bad time":               f.sign(session("started_at", "yesterday")),
		"bad factors":            f.sign(session("authentication_factors", []any{map[string]any{"delivery_method": "sms"}})),
		"empty":                  "",
		"dots":                   "..",
		"four parts":             good + ".x",
		"huge":                   good + strings.Repeat("A", 1<<20),
		"line end in it":         good[:9] + "\n" + good[9:],
		"line end after it":      good + "\r\n",
		"JSON serialization":     `{"payload":"` + strings.Split(good, ".")[1] + `","signatures":[]}`,
		"blank":                  " " + good,
		"not base64":             strings.Replace(good, ".", ".*", 1),
		"payload of another JWT": strings.Join([]string{strings.Split(good, ".")[0], strings.Split(f.sign(change("sub", "victim")), ".")[1], strings.Split(good, ".")[2]}, "."),
	}
	bySession := []string{"bad time", "bad factors"} // which CheckJWT needs, and the store does not
	for what, jwt := range forged {
		if got, err := b.CheckJWT(jwt); !errors.Is(err, sessions.ErrJWT) || got.ID != "" {
			t.Errorf("%s: CheckJWT: %v", what, err)
		}
		if jwt == "" || slices.Contains(bySession, what) {
			continue
		}
		b.authenticate(sessions.Credential{JWT: jwt}, sessions.ErrJWT)
		if err := b.CheckGrant(t.Context(), byEmail(sessions.Credential{JWT: jwt})); !errors.Is(err, sessions.ErrJWT) {
			t.Errorf("%s: CheckGrant: %v", what, err)
		}
	}
	// One of the project for a session that is another's, or nobody's.
	b.authenticate(sessions.Credential{JWT: f.sign(change("sub", "victim"))}, sessions.ErrNotFound)
	other := newBench(t, func(c *sessions.Config) { c.Keys = testKeys('q') }).grant(bySMS()).Session.ID
	b.authenticate(sessions.Credential{JWT: f.sign(session("id", other))}, sessions.ErrNotFound)
	b.authenticate(token(g), nil)

	// Expired: not by itself, but for a session that lives.
	old := f.sign(change("exp", now))
	if _, err := b.CheckJWT(old); !errors.Is(err, sessions.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	b.authenticate(sessions.Credential{JWT: old}, nil)
}

// A JWT has one spelling: whoever remembers those that were used, or blocked,
// is not passed by one that base64 has another for.
func TestJWTHasOneSpelling(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	// Claims of three lengths, so that the payload has all remainders.
	for _, claims := range []string{`{"a":1}`, `{"a":12}`, `{"a":123}`} {
		g := bySMS()
		g.Claims = json.RawMessage(claims)
		good := strings.Split(b.jwt(b.grant(g).Session), ".")
		for i, part := range good {
			for _, last := range alphabet {
				other := slices.Clone(good)
				other[i] = part[:len(part)-1] + string(last)
				_, err := b.CheckJWT(strings.Join(other, "."))
				if same := other[i] == part; same != (err == nil) || !same && !errors.Is(err, sessions.ErrJWT) {
					t.Errorf("%s, part %d ends in %c in place of %c: %v", claims, i, last, part[len(part)-1], err)
				}
			}
		}
	}
}

func FuzzCheckJWT(f *testing.F) {
	b := newBench(f)
	good := b.jwt(b.grant(bySMS()).Session)
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add("e30.e30.")
	f.Add(good + "\n")
	f.Add(good[:len(good)-1] + flip(good[len(good)-1]))
	f.Fuzz(func(t *testing.T, jwt string) {
		if session, err := b.CheckJWT(jwt); err == nil && (jwt != good || session.UserID != user) {
			t.Fatalf("%q was taken", jwt)
		}
	})
}
