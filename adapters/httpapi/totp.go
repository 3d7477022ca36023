package httpapi

import (
	"context"
	"net/http"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

// totpRoutes are the calls about authenticator apps.
func (h *Handler) totpRoutes() []route {
	const post, ok = http.MethodPost, http.StatusOK
	return []route{
		{method: post, pattern: "/v1/totps", status: ok, run: h.createTOTP},
		{method: post, pattern: "/v1/totps/authenticate", status: ok, run: h.authenticateTOTP},
		{method: post, pattern: "/v1/totps/recovery_codes", status: ok, run: h.recoveryCodes},
		{method: post, pattern: "/v1/totps/recover", status: ok, run: h.recover},
	}
}

// enrolReply is the body of an authenticator app that waits for its first
// code.
type enrolReply struct {
	meta
	TOTPID        string   `json:"totp_id"`
	Secret        string   `json:"secret"`
	QRCode        string   `json:"qr_code"`
	RecoveryCodes []string `json:"recovery_codes"`
	UserID        string   `json:"user_id"`
	User          userBody `json:"user"`
}

// createTOTP is POST /v1/totps.
func (h *Handler) createTOTP(ctx context.Context, c *call) (reply, error) {
	id, window := c.form.userID(), c.form.window()
	if err := c.form.err(); err != nil {
		return nil, err
	}
	enrolment, user, err := h.accounts.EnrolTOTP(ctx, id, window)
	if err != nil {
		return nil, err
	}
	qr, err := enrolment.QRCode()
	if err != nil {
		return nil, err
	}
	return &enrolReply{
		TOTPID:        enrolment.ID,
		Secret:        enrolment.Secret.Reveal(),
		QRCode:        qr.Reveal(),
		RecoveryCodes: reveal(enrolment.RecoveryCodes),
		UserID:        user.ID,
		User:          newUserBody(user),
	}, nil
}

// totpReply is the body of a code of an app accepted, or a recovery code.
type totpReply struct {
	meta
	UserID string `json:"user_id"`
	TOTPID string `json:"totp_id"`
	sessionMembers
	User userBody `json:"user"`
}

// authenticateTOTP is POST /v1/totps/authenticate.
func (h *Handler) authenticateTOTP(ctx context.Context, c *call) (reply, error) {
	c.factor = sessions.Authenticator
	return h.checkTOTP(ctx, c, "totp_code", h.accounts.AuthenticateTOTP)
}

// recover is POST /v1/totps/recover.
func (h *Handler) recover(ctx context.Context, c *call) (reply, error) {
	c.factor = sessions.RecoveryCode
	return h.checkTOTP(ctx, c, "recovery_code", h.accounts.Recover)
}

func (h *Handler) checkTOTP(ctx context.Context, c *call, field string,
	check func(context.Context, accounts.TOTPRequest) (accounts.TOTPAuthentication, error)) (reply, error) {
	f := c.form
	req := accounts.TOTPRequest{UserID: f.userID(), Code: f.text(field), Session: f.session(f.attributes())}
	if err := f.err(); err != nil {
		return nil, err
	}
	auth, err := check(ctx, req)
	if err != nil {
		return nil, err
	}
	members, err := h.sessionMembers(auth.Session)
	if err != nil {
		return nil, err
	}
	return &totpReply{UserID: auth.User.ID, TOTPID: auth.Proof.ID, sessionMembers: members, User: newUserBody(auth.User)}, nil
}

// recoveryReply is the body of the recovery codes that are left.
type recoveryReply struct {
	meta
	UserID string         `json:"user_id"`
	TOTPs  []recoveryBody `json:"totps"`
}

type recoveryBody struct {
	TOTPID        string   `json:"totp_id"`
	Verified      bool     `json:"verified"`
	RecoveryCodes []string `json:"recovery_codes"`
}

// recoveryCodes is POST /v1/totps/recovery_codes.
func (h *Handler) recoveryCodes(ctx context.Context, c *call) (reply, error) {
	id := c.form.userID()
	if err := c.form.err(); err != nil {
		return nil, err
	}
	user, status, err := h.accounts.TOTP(ctx, id)
	if err != nil {
		return nil, err
	}
	app := recoveryBody{TOTPID: status.ID, Verified: status.Verified, RecoveryCodes: reveal(status.RecoveryCodes)}
	return &recoveryReply{UserID: user.ID, TOTPs: []recoveryBody{app}}, nil
}

// reveal returns secrets as they go to the client, who is to have them.
func reveal(secrets []delivery.Secret) []string {
	all := make([]string, len(secrets))
	for i, s := range secrets {
		all[i] = s.Reveal()
	}
	return all
}
