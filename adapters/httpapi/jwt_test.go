package httpapi

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine/accounts"
)

// payload returns the claims of a JWT, unverified.
func payload(t testing.TB, jwt string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("a JWT of %d parts", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	path := "/v1/sessions/jwks/" + testProject
	r := b.request("GET", path, "")
	r.Header.Del("Authorization")
	got := b.want(b.send(r), 200, "")
	if c := got.header.Get("Cache-Control"); c != "public, max-age=900" {
		t.Errorf("Cache-Control is %q", c)
	}
	keys := got.body["keys"].([]any)
	if len(keys) != 1 {
		t.Fatalf("%s", got.raw)
	}
	key := keys[0].(map[string]any)
	for name, want := range map[string]any{"kid": b.key.ID, "kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB", "x5tS256": ""} {
		if key[name] != want {
			t.Errorf("%s is %v", name, key[name])
		}
	}
	// What a client does with it.
	jwt := b.login(`"session_duration_minutes": 60`).text("session_jwt")
	raw, err := base64.RawURLEncoding.DecodeString(key["n"].(string))
	if err != nil {
		t.Fatal(err)
	}
	signed, signature := jwt[:strings.LastIndexByte(jwt, '.')], jwt[strings.LastIndexByte(jwt, '.')+1:]
	sum := sha256.Sum256([]byte(signed))
	sig, _ := base64.RawURLEncoding.DecodeString(signature)
	if err := rsa.VerifyPKCS1v15(&rsa.PublicKey{N: new(big.Int).SetBytes(raw), E: 65537}, crypto.SHA256, sum[:], sig); err != nil {
		t.Error(err)
	}

	b.want(b.do("GET", path, ""), 200, "") // some send credentials
	r = b.request("GET", "/v1/sessions/jwks/"+liveProject, "")
	r.Header.Del("Authorization")
	if got := b.want(b.send(r), 404, "project_not_found"); got.header.Get("Cache-Control") != "no-store" {
		t.Error("an error may be kept")
	}
	b.want(b.do("GET", "/v1/sessions/jwks/x", ""), 404, "project_not_found")
	b.want(b.do("POST", path, "{}"), 405, "method_not_allowed")
	r = b.request("GET", "/v1/sessions?user_id=x", "")
	r.Header.Del("Authorization")
	b.want(b.send(r), 401, "unauthorized_credentials")
}

// A forger makes JWTs.
type forger struct {
	header, claims map[string]any
	key            *rsa.PrivateKey
}

func (f *forger) parts() string {
	header, _ := json.Marshal(f.header)
	claims, _ := json.Marshal(f.claims)
	return base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
}

func (f *forger) sign() string {
	sum := sha256.Sum256([]byte(f.parts()))
	signature, err := rsa.SignPKCS1v15(rand.Reader, f.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return f.parts() + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (f *forger) hmac(secret []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(f.parts()))
	return f.parts() + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// JWTs that are not ours, whatever they say.
func TestForgedJWTs(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	login := b.login(`"session_duration_minutes": 60`)
	jwt := login.text("session_jwt")
	parts := strings.Split(jwt, ".")
	rawHeader, _ := base64.RawURLEncoding.DecodeString(parts[0])
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&b.key.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	now := float64(b.kit.Clock.Now().Unix())
	forge := func(change func(f *forger)) *forger {
		f := &forger{claims: payload(t, jwt), key: b.key.Key}
		json.Unmarshal(rawHeader, &f.header)
		if change != nil {
			change(f)
		}
		return f
	}
	header := func(name string, value any) string {
		return forge(func(f *forger) { f.header[name] = value }).sign()
	}
	claim := func(name string, value any) string {
		return forge(func(f *forger) { f.claims[name] = value }).sign()
	}
	without := func(name string) string {
		return forge(func(f *forger) { delete(f.header, name); delete(f.claims, name) }).sign()
	}
	unsigned := forge(func(f *forger) { f.header["alg"] = "none" }).parts()
	symmetric := forge(func(f *forger) { f.header["alg"] = "HS256" })
	b.want(b.checkJWT(forge(nil).sign()), 200, "") // the forger can do it right

	for what, forged := range map[string]string{
		"alg none":                unsigned + ".",
		"alg none, two parts":     unsigned,
		"alg None":                header("alg", "None"),
		"alg none, signed":        header("alg", "none"),
		"HS256 by the public key": symmetric.hmac(public),
		"HS256 by the modulus":    symmetric.hmac(b.key.Key.N.Bytes()),
		"HS256 by nothing":        symmetric.hmac(nil),
		"RS512 in the header":     header("alg", "RS512"),
		"PS256 in the header":     header("alg", "PS256"),
		"no alg":                  without("alg"),
		"foreign kid":             header("kid", "jwk-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53"),
		"no kid":                  without("kid"),
		"kid of another type":     header("kid", 1),
		"foreign key":             forge(func(f *forger) { f.key = foreign }).sign(),
		"no typ":                  without("typ"),
		"critical header":         header("crit", []string{"exp"}),
		"key in the header": forge(func(f *forger) {
			f.key, f.header["jwk"] = foreign, map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(foreign.N.Bytes())}
		}).sign(),
		"nbf in the future":   claim("nbf", now+3600),
		"iat in the future":   claim("iat", now+3600),
		"another project":     claim("aud", []string{liveProject}),
		"no aud":              without("aud"),
		"another issuer":      claim("iss", "stytch.com/"+liveProject),
		"no issuer":           without("iss"),
		"no session":          without("https://stytch.com/session"),
		"no exp":              without("exp"),
		"changed payload":     parts[0] + "." + strings.Split(claim("sub", accounts.UserID.New(false)), ".")[1] + "." + parts[2],
		"cut":                 jwt[:len(jwt)-1],
		"signature left out":  parts[0] + "." + parts[1] + ".",
		"four parts":          jwt + ".x",
		"five parts":          "a.b.c.d.e",
		"space":               " " + jwt,
		"padding":             parts[0] + "=." + parts[1] + "." + parts[2],
		"a token":             login.text("session_token"),
		"JSON":                `{}`,
		"nonsense":            "a.b.c",
		"dots":                "..",
		"long":                strings.Repeat("A", 8000),
		"every part the same": parts[0] + "." + parts[0] + "." + parts[0],
	} {
		quoted, _ := json.Marshal(forged)
		for _, path := range []string{checkSession, revoke} {
			if r := b.post(path, `{"session_jwt": %s}`, quoted); r.status != 400 || r.kind() != "unable_to_parse_session_jwt" {
				t.Errorf("%s, %s: %d %s", what, path, r.status, r.kind())
			}
		}
		if r := b.post(emailSend, `{"email": %q, "session_jwt": %s}`, johnEmail, quoted); r.status != 400 || r.kind() != "unable_to_parse_session_jwt" {
			t.Errorf("%s, send: %d %s", what, r.status, r.kind())
		}
	}
	b.want(b.checkToken(login.text("session_token")), 200, "")
}

func TestMalformedTokens(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	token := b.login(`"session_duration_minutes": 60`).text("session_token")
	for _, bad := range []string{"x", token + "A", token[1:], " " + token, token[:55] + "=", token[:55] + "+", token[:55] + "é", strings.Repeat("A", 9000), sandboxToken + "A"} {
		quoted, _ := json.Marshal(bad)
		for _, path := range []string{checkSession, revoke} {
			b.want(b.post(path, `{"session_token": %s}`, quoted), 400, "invalid_session_token")
		}
		b.want(b.post(emailSend, `{"email": %q, "session_token": %s}`, johnEmail, quoted), 400, "invalid_session_token")
	}
	b.want(b.checkToken(spoiled(token)), 404, "session_not_found")
	b.want(b.checkToken(strings.Repeat("A", 56)), 404, "session_not_found")
}
