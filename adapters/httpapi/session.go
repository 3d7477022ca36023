package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"time"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

// sessionRoutes are the calls about sessions.
func (h *Handler) sessionRoutes() []route {
	const get, post, ok = http.MethodGet, http.MethodPost, http.StatusOK
	return []route{
		{method: get, pattern: "/v1/sessions", status: ok, run: h.listSessions},
		{method: post, pattern: "/v1/sessions/authenticate", status: ok, run: h.authenticateSession},
		{method: post, pattern: "/v1/sessions/revoke", status: ok, run: h.revokeSession},
		{method: get, pattern: "/v1/sessions/jwks/{project_id}", status: ok, run: h.jwks, public: true},
	}
}

// sessionBody is a session on the wire.
type sessionBody struct {
	SessionID      string          `json:"session_id"`
	UserID         string          `json:"user_id"`
	Factors        []factorBody    `json:"authentication_factors"`
	Roles          []string        `json:"roles"`
	StartedAt      string          `json:"started_at"`
	LastAccessedAt string          `json:"last_accessed_at"`
	ExpiresAt      string          `json:"expires_at"`
	Attributes     attributesBody  `json:"attributes"`
	Claims         json.RawMessage `json:"custom_claims"` // null if there never were any
}

type attributesBody struct {
	IPAddress string `json:"ip_address"`
	UserAgent string `json:"user_agent"`
}

// factorBody is an authentication factor: what all of them have, and one
// member that depends on the method.
type factorBody struct {
	Type         string          `json:"type"`
	Method       sessions.Method `json:"delivery_method"`
	LastAt       string          `json:"last_authenticated_at"`
	CreatedAt    string          `json:"created_at"`
	UpdatedAt    string          `json:"updated_at"`
	Phone        *phoneFactor    `json:"phone_number_factor,omitempty"`
	Email        *emailFactor    `json:"email_factor,omitempty"`
	App          *appFactor      `json:"authenticator_app_factor,omitempty"`
	RecoveryCode *recoveryFactor `json:"recovery_code_factor,omitempty"`
}

type phoneFactor struct {
	ID     string `json:"phone_id"`
	Number string `json:"phone_number"`
}

type emailFactor struct {
	ID      string `json:"email_id"`
	Address string `json:"email_address"`
}

type appFactor struct {
	ID string `json:"totp_id"`
}

type recoveryFactor struct {
	ID string `json:"totp_recovery_code_id"`
}

func newSessionBody(s sessions.Session) *sessionBody {
	b := &sessionBody{
		SessionID:      s.ID,
		UserID:         s.UserID,
		Factors:        []factorBody{},
		Roles:          append([]string{}, s.Roles...),
		StartedAt:      moment(s.StartedAt),
		LastAccessedAt: moment(s.LastAccessedAt),
		ExpiresAt:      moment(s.ExpiresAt),
		Attributes:     attributesBody(s.Attributes),
		Claims:         s.Claims,
	}
	for _, f := range s.Factors {
		b.Factors = append(b.Factors, newFactorBody(f))
	}
	return b
}

func newFactorBody(f sessions.Factor) factorBody {
	b := factorBody{Type: "otp", Method: f.Method, LastAt: moment(f.LastAt), CreatedAt: moment(f.CreatedAt), UpdatedAt: moment(f.LastAt)}
	switch f.Method {
	case sessions.SMS, sessions.WhatsApp:
		b.Phone = &phoneFactor{f.ID, f.Address}
	case sessions.Email:
		b.Type, b.Email = "email_otp", &emailFactor{f.ID, f.Address}
	case sessions.Authenticator:
		b.Type, b.App = "totp", &appFactor{f.ID}
	case sessions.RecoveryCode:
		b.Type, b.RecoveryCode = "recovery_codes", &recoveryFactor{f.ID}
	}
	return b
}

// moment is a time on the wire: RFC 3339, UTC, up to six digits of a second.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }

// sessionMembers is the session in the answer of every call that can have one.
// Without a session the members are there and empty.
type sessionMembers struct {
	Token   string       `json:"session_token"`
	JWT     string       `json:"session_jwt"`
	Session *sessionBody `json:"session"`
}

// sessionMembers returns the members of a session, or of none, with a new JWT.
func (h *Handler) sessionMembers(granted *sessions.Granted) (m sessionMembers, err error) {
	if granted == nil {
		return m, nil
	}
	m.Token, m.Session = granted.Token.Reveal(), newSessionBody(granted.Session)
	jwt, err := h.sessions.JWT(granted.Session)
	m.JWT = jwt.Reveal()
	return m, err
}

// listReply is the body of a user's sessions.
type listReply struct {
	meta
	Sessions []*sessionBody `json:"sessions"`
}

// listSessions is GET /v1/sessions.
func (h *Handler) listSessions(ctx context.Context, c *call) (reply, error) {
	id := c.form.userID()
	if err := c.form.err(); err != nil {
		return nil, err
	}
	if id == sandboxUserID {
		return nil, accounts.ErrUserNotFound // as the original has it
	}
	user, err := h.accounts.User(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := h.sessions.List(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	reply := &listReply{Sessions: []*sessionBody{}}
	for _, s := range list {
		reply.Sessions = append(reply.Sessions, newSessionBody(s))
	}
	return reply, nil
}

// sessionReply is the body of a session authenticated.
type sessionReply struct {
	meta
	sessionMembers
	User userBody `json:"user"`
}

// authenticateSession is POST /v1/sessions/authenticate.
//
// No role allows anything, since there is nowhere to say what it would: so a
// session is looked at and an authorization check refused, before anything
// changes.
func (h *Handler) authenticateSession(ctx context.Context, c *call) (reply, error) {
	f := c.form
	req := sessions.Request{Credential: f.credential(), Duration: f.duration(), Claims: f.claims()}
	check := f.object("authorization_check")
	check.text("resource_id")
	check.text("action")
	if !req.Given() {
		f.fail(errNoSession)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if f.raw("authorization_check") != nil {
		if _, err := h.sessions.Lookup(ctx, req.Credential); err != nil {
			return nil, err
		}
		return nil, errNotAuthorized
	}
	granted, user, err := h.accounts.AuthenticateSession(ctx, req)
	if err != nil {
		return nil, err
	}
	members, err := h.sessionMembers(&granted)
	if err != nil {
		return nil, err
	}
	return &sessionReply{sessionMembers: members, User: newUserBody(user)}, nil
}

// revokeSession is POST /v1/sessions/revoke.
func (h *Handler) revokeSession(ctx context.Context, c *call) (reply, error) {
	f := c.form
	id := f.text("session_id")
	credential := sessions.Credential{Token: f.text("session_token"), JWT: f.text("session_jwt")}
	given := 0
	for _, value := range []string{id, credential.Token, credential.JWT} {
		if value != "" {
			given++
		}
	}
	switch {
	case given > 1:
		f.fail(errTwoRevoked)
	case given == 0:
		f.fail(errNoneRevoked)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if id != "" {
		return new(meta), h.sessions.RevokeID(ctx, id)
	}
	return new(meta), h.sessions.Revoke(ctx, credential)
}

// jwksReply is the body of the public keys.
type jwksReply struct {
	meta
	Keys []sessions.JWK `json:"keys"`
}

// jwks is GET /v1/sessions/jwks/{project_id}.
func (h *Handler) jwks(_ context.Context, c *call) (reply, error) {
	if sha256.Sum256([]byte(c.params[0])) != h.project {
		return nil, errProject
	}
	return &jwksReply{Keys: h.sessions.JWKS()}, nil
}
