package httpapi

import (
	"context"
	"regexp"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// The sandbox user's authenticator app, whose code is sandboxCode at any time.
const (
	sandboxTOTPID         = "totp-test-41920359-8bbb-4fe8-8fa3-aaa83f35f02c"
	sandboxRecoveryCode   = "a1b2-c3d4-e5f6"
	sandboxRecoveryCodeID = "totp-recovery-code-test-0f0d5a4e-3a52-4a8d-9d0b-6d5f7f0c1a2b"
	sandboxSeed           = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // no secret: an app that has it shows other codes
)

// isSandboxUser reports whether a call is about the sandbox user.
func (s *sandbox) isSandboxUser(id string) bool { return !s.live && id == sandboxUserID }

func (s *sandbox) EnrolTOTP(ctx context.Context, userID string, window time.Duration) (totp.Enrolment, store.User, error) {
	if !s.isSandboxUser(userID) {
		return s.Accounts.EnrolTOTP(ctx, userID, window)
	}
	return totp.Enrolment{
		ID:            sandboxTOTPID,
		Secret:        delivery.NewSecret(sandboxSeed),
		URI:           delivery.NewSecret("otpauth://totp/Sandbox:" + sandboxUserID + "?secret=" + sandboxSeed + "&issuer=Sandbox"),
		RecoveryCodes: []delivery.Secret{delivery.NewSecret(sandboxRecoveryCode)},
	}, sandboxUser(), nil
}

func (s *sandbox) TOTP(ctx context.Context, userID string) (store.User, totp.Status, error) {
	if !s.isSandboxUser(userID) {
		return s.Accounts.TOTP(ctx, userID)
	}
	codes := []delivery.Secret{delivery.NewSecret(sandboxRecoveryCode)}
	return sandboxUser(), totp.Status{ID: sandboxTOTPID, Verified: true, RecoveryCodes: codes}, nil
}

func (s *sandbox) AuthenticateTOTP(ctx context.Context, r accounts.TOTPRequest) (accounts.TOTPAuthentication, error) {
	switch {
	case !s.isSandboxUser(r.UserID):
		if err := s.sessions.others(r.Session.Credential); err != nil {
			return accounts.TOTPAuthentication{}, err
		}
		return s.Accounts.AuthenticateTOTP(ctx, r)
	case isRecoveryCode(r.Code):
		return accounts.TOTPAuthentication{}, totp.ErrRecoveryCode
	}
	f := sessions.Factor{Method: sessions.Authenticator, ID: sandboxTOTPID}
	return s.totpProof(ctx, r, f, totp.Proof{ID: sandboxTOTPID}, judge(r.Code, sandboxCode, isDigits))
}

func (s *sandbox) Recover(ctx context.Context, r accounts.TOTPRequest) (accounts.TOTPAuthentication, error) {
	switch {
	case !s.isSandboxUser(r.UserID):
		if err := s.sessions.others(r.Session.Credential); err != nil {
			return accounts.TOTPAuthentication{}, err
		}
		return s.Accounts.Recover(ctx, r)
	case isDigits(r.Code):
		return accounts.TOTPAuthentication{}, totp.ErrAppCode
	}
	f := sessions.Factor{Method: sessions.RecoveryCode, ID: sandboxRecoveryCodeID}
	proof := totp.Proof{ID: sandboxTOTPID, Recovery: sandboxRecoveryCodeID}
	return s.totpProof(ctx, r, f, proof, judge(r.Code, sandboxRecoveryCode, isRecoveryCode))
}

// totpProof answers for a code of which refusal says whether it is right.
func (s *sandbox) totpProof(ctx context.Context, r accounts.TOTPRequest, f sessions.Factor, proof totp.Proof, refusal error) (accounts.TOTPAuthentication, error) {
	session, err := s.sessions.grant(ctx, r.Session, f)
	if err == nil {
		err = refusal
	}
	if err != nil {
		return accounts.TOTPAuthentication{}, err
	}
	return accounts.TOTPAuthentication{User: sandboxUser(), Proof: proof, Session: session}, nil
}

func isRecoveryCode(code string) bool {
	ok, _ := regexp.MatchString(`^[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}$`, code)
	return ok
}
