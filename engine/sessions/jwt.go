package sessions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passcode-go/passcode/delivery"
)

// maxJWT is how many bytes of a JWT are looked at. The largest of ours has the
// claims of a session and its factors, a third longer in base64.
const maxJWT = 64 << 10

// A payload is what a JWT says, but for the custom claims.
type payload struct {
	Issuer   string      `json:"iss"`
	Subject  string      `json:"sub"`
	Audience []string    `json:"aud"`
	IssuedAt int64       `json:"iat"` // Unix seconds
	NotFrom  int64       `json:"nbf"`
	Expires  int64       `json:"exp"`
	Session  wireSession `json:"https://stytch.com/session"`

	claims json.RawMessage
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
	session, ok := p.Session.session()
	if !ok {
		return Session{}, ErrJWT
	}
	session.UserID, session.Claims = p.Subject, p.claims
	return session, nil
}

// parseJWT verifies a JWT. With ErrExpired it returns what the JWT says: all
// else about it was right.
func (s *Sessions) parseJWT(jwt string) (p payload, err error) {
	if len(jwt) > maxJWT {
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
	if err != nil || json.Unmarshal(body, &p) != nil {
		return payload{}, ErrJWT
	}
	now := s.now().Unix()
	_, known := s.parseID(p.Session.ID)
	if p.Issuer != s.issuer() || !slices.Contains(p.Audience, s.project) || p.Subject == "" || !known ||
		p.IssuedAt <= 0 || p.IssuedAt > now || p.NotFrom > now || p.Expires <= 0 {
		return payload{}, ErrJWT
	}
	if p.claims, err = customClaims(body); err != nil {
		return payload{}, ErrJWT
	}
	if p.Expires <= now {
		return p, ErrExpired
	}
	return p, nil
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
