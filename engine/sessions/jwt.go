package sessions

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passcode-go/passcode/delivery"
)

// maxJWT is how many bytes of a JWT are looked at. The largest of ours has the
// claims of a session, its factors and its roles, where a byte may take six,
// and all that is a third longer in base64.
const maxJWT = 192 << 10

// A payload is what a JWT says.
type payload struct {
	issuer, subject            string
	audience                   []string
	issuedAt, notFrom, expires int64 // Unix seconds
	session                    wireSession
	claims                     json.RawMessage // the custom ones, nil for none
}

// decode reads the body of a JWT. It takes no name for another: encoding/json
// by itself would read a custom claim "SUB" as the subject.
func (p *payload) decode(body []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	for name, to := range map[string]any{
		"iss": &p.issuer, "sub": &p.subject, "aud": &p.audience, "iat": &p.issuedAt, "nbf": &p.notFrom, "exp": &p.expires, sessionClaim: &p.session,
	} {
		if raw, ok := all[name]; ok {
			if err := json.Unmarshal(raw, to); err != nil {
				return err
			}
		}
	}
	var err error
	p.claims, err = customClaims(body)
	return err
}

func (s *Sessions) issuer() string { return "stytch.com/" + s.project }

// JWT returns a new JWT of a session that was just returned. It is valid for
// JWTLifetime, or until the session's end if that is nearer. It asks no store.
// Errors: ErrNoKeys.
func (s *Sessions) JWT(session Session) (delivery.Secret, error) {
	keys := s.keys.Load().signing
	if len(keys) == 0 {
		return delivery.Secret{}, ErrNoKeys
	}
	now := s.now().Unix()
	all := make(map[string]any)
	if len(session.Claims) > 0 {
		claims, err := readClaims(session.Claims)
		if err != nil {
			return delivery.Secret{}, err
		}
		all = claims
	}
	for name, value := range map[string]any{
		"iss":        s.issuer(),
		"sub":        session.UserID,
		"aud":        []string{s.project},
		"iat":        now,
		"nbf":        now,
		"exp":        min(now+int64(JWTLifetime/time.Second), session.ExpiresAt.Unix()),
		sessionClaim: newWireSession(&session),
	} {
		all[name] = value
	}
	body, err := writeJSON(all)
	if err != nil {
		return delivery.Secret{}, err
	}
	signed, err := keys[0].signer.Sign(body)
	if err != nil {
		return delivery.Secret{}, fmt.Errorf("sessions: %w", err)
	}
	jwt, err := signed.CompactSerialize()
	if err != nil {
		return delivery.Secret{}, fmt.Errorf("sessions: %w", err)
	}
	return delivery.NewSecret(jwt), nil
}

// CheckJWT verifies a JWT by itself, without the store: signature, algorithm,
// type, project, and times, for which no clock may be behind. The session it
// returns is that of the moment when the JWT was made; it may have been revoked
// since. Its times have whole seconds, and its ExpiresAt is the end of the
// session, not of the JWT. Errors: ErrJWT, ErrExpired.
func (s *Sessions) CheckJWT(jwt string) (Session, error) {
	p, err := s.parseJWT(jwt)
	if err != nil {
		return Session{}, err
	}
	session, ok := p.session.session()
	if !ok {
		return Session{}, ErrJWT
	}
	session.UserID, session.Claims = p.subject, p.claims
	return session, nil
}

// parseJWT verifies a JWT. With ErrExpired it returns what the JWT says: all
// else about it was right.
func (s *Sessions) parseJWT(jwt string) (p payload, err error) {
	if len(jwt) > maxJWT || !oneSpelling(jwt) {
		return p, ErrJWT
	}
	signed, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(signed.Signatures) != 1 {
		return p, ErrJWT
	}
	header := signed.Signatures[0].Protected
	keys := s.keys.Load().signing
	i := slices.IndexFunc(keys, func(k signingKey) bool { return k.id == header.KeyID })
	if i < 0 || header.ExtraHeaders[jose.HeaderType] != "JWT" {
		return p, ErrJWT
	}
	body, err := signed.Verify(keys[i].public)
	if err != nil || p.decode(body) != nil {
		return payload{}, ErrJWT
	}
	now := s.now().Unix()
	_, known := s.parseID(p.session.ID)
	if p.issuer != s.issuer() || !slices.Contains(p.audience, s.project) || p.subject == "" || !known ||
		p.issuedAt <= 0 || p.issuedAt > now || p.notFrom > now || p.expires <= 0 {
		return payload{}, ErrJWT
	}
	if p.expires <= now {
		return p, ErrExpired
	}
	return p, nil
}

// oneSpelling reports whether the parts of a JWT are spelled as base64url
// writes them. Decoders read others too: with line ends, or with bits at the
// end that say nothing.
func oneSpelling(jwt string) bool {
	if strings.ContainsAny(jwt, "\r\n") {
		return false
	}
	strict := base64.RawURLEncoding.Strict()
	for part := range strings.SplitSeq(jwt, ".") {
		if _, err := strict.DecodeString(part); err != nil {
			return false
		}
	}
	return true
}

// customClaims returns the custom claims of a JWT's body, nil for none.
func customClaims(body []byte) (json.RawMessage, error) {
	all, err := readClaims(body)
	if err != nil {
		return nil, err
	}
	for name := range all {
		if slices.Contains(ownClaims, name) || strings.HasPrefix(name, ownPrefix) {
			delete(all, name)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return writeJSON(all)
}
