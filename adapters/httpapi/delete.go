package httpapi

import (
	"context"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// deletedReply is the body of a user who is gone.
type deletedReply struct {
	meta
	UserID string `json:"user_id"`
}

// deleteUser is DELETE /v1/users/{user_id}.
func (h *Handler) deleteUser(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	user, err := h.accounts.Delete(ctx, id)
	if err != nil {
		return nil, err
	}
	return &deletedReply{UserID: user.ID}, nil
}

// deleteEmail is DELETE /v1/users/emails/{email_id}.
func (h *Handler) deleteEmail(ctx context.Context, c *call) (reply, error) {
	return h.deletePart(ctx, c, accounts.EmailID, errEmailID, h.accounts.DeleteMethod)
}

// deletePhone is DELETE /v1/users/phone_numbers/{phone_id}.
func (h *Handler) deletePhone(ctx context.Context, c *call) (reply, error) {
	return h.deletePart(ctx, c, accounts.PhoneID, errPhoneID, h.accounts.DeleteMethod)
}

// deleteTOTP is DELETE /v1/users/totps/{totp_id}.
func (h *Handler) deleteTOTP(ctx context.Context, c *call) (reply, error) {
	return h.deletePart(ctx, c, accounts.TOTPID, errTOTPID, h.accounts.DeleteTOTP)
}

func (h *Handler) deletePart(ctx context.Context, c *call, kind accounts.IDKind, malformed error,
	remove func(context.Context, string) (store.User, error)) (reply, error) {
	if !kind.Match(c.params[0], h.live) {
		return nil, malformed
	}
	user, err := remove(ctx, c.params[0])
	if err != nil {
		return nil, err
	}
	return newUserReply(user), nil
}

// deleteExternalID is DELETE /v1/users/{user_id}/external_id.
func (h *Handler) deleteExternalID(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	user, err := h.accounts.DeleteExternalID(ctx, id)
	if err != nil {
		return nil, err
	}
	return newUserReply(user), nil
}

// unsupported is the deletion of what no user here can have.
func unsupported(context.Context, *call) (reply, error) { return nil, errNoSuchFactor }

// appsReply is the body of a user's connected apps, of which there are none.
type appsReply struct {
	meta
	Apps []struct{} `json:"connected_apps"`
}

// connectedApps is GET /v1/users/{user_id}/connected_apps.
func (h *Handler) connectedApps(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if _, err := h.accounts.User(ctx, id); err != nil {
		return nil, err
	}
	return &appsReply{Apps: []struct{}{}}, nil
}

// revokeConnectedApp is POST
// /v1/users/{user_id}/connected_apps/{connected_app_id}/revoke.
func (h *Handler) revokeConnectedApp(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	if _, err := h.accounts.User(ctx, id); err != nil {
		return nil, err
	}
	return nil, errNoSuchApp
}
