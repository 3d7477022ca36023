package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// userRoutes are the calls about users.
func (h *Handler) userRoutes() []route {
	const get, post, put, del, ok = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.StatusOK
	routes := []route{
		{method: post, pattern: "/v1/users", status: http.StatusCreated, run: h.createUser},
		{method: post, pattern: "/v1/users/search", status: ok, body: maxSearch, run: h.searchUsers},
		{method: del, pattern: "/v1/users/emails/{email_id}", class: delivery.ClassEmail, status: ok, run: h.deleteEmail},
		{method: del, pattern: "/v1/users/phone_numbers/{phone_id}", class: delivery.ClassPhone, status: ok, run: h.deletePhone},
		{method: del, pattern: "/v1/users/totps/{totp_id}", status: ok, run: h.deleteTOTP},
	}
	for _, kind := range []string{"webauthn_registrations", "biometric_registrations", "crypto_wallets", "passwords", "oauth"} {
		routes = append(routes, route{method: del, pattern: "/v1/users/" + kind + "/{id}", status: ok, run: unsupported})
	}
	return append(routes,
		route{method: get, pattern: "/v1/users/{user_id}", status: ok, run: h.getUser},
		route{method: put, pattern: "/v1/users/{user_id}", status: ok, run: h.updateUser},
		route{method: del, pattern: "/v1/users/{user_id}", status: ok, run: h.deleteUser},
		route{method: put, pattern: "/v1/users/{user_id}/exchange_primary_factor", status: ok, run: h.exchangeFactor},
		route{method: del, pattern: "/v1/users/{user_id}/external_id", status: ok, run: h.deleteExternalID},
		route{method: get, pattern: "/v1/users/{user_id}/connected_apps", status: ok, run: h.connectedApps},
		route{method: post, pattern: "/v1/users/{user_id}/connected_apps/{connected_app_id}/revoke", status: ok, run: h.revokeConnectedApp},
	)
}

// userBody is a user on the wire. Every member is always there, and a list
// without members is [], since typed clients refuse null for it.
type userBody struct {
	UserID        string          `json:"user_id"`
	Status        store.Status    `json:"status"`
	Name          nameBody        `json:"name"`
	Emails        []emailBody     `json:"emails"`
	PhoneNumbers  []phoneBody     `json:"phone_numbers"`
	ExternalID    *string         `json:"external_id"`
	Roles         []string        `json:"roles"`
	Trusted       json.RawMessage `json:"trusted_metadata"`
	Untrusted     json.RawMessage `json:"untrusted_metadata"`
	CreatedAt     string          `json:"created_at"`
	IsLocked      bool            `json:"is_locked"`
	LockedAt      string          `json:"lock_created_at,omitempty"` // only while locked
	LockedUntil   string          `json:"lock_expires_at,omitempty"`
	Password      *struct{}       `json:"password"`
	TOTPs         []totpBody      `json:"totps"`
	WebAuthn      []struct{}      `json:"webauthn_registrations"`
	Biometric     []struct{}      `json:"biometric_registrations"`
	Providers     []struct{}      `json:"providers"`
	CryptoWallets []struct{}      `json:"crypto_wallets"`
}

type nameBody struct {
	First  string `json:"first_name"`
	Middle string `json:"middle_name"`
	Last   string `json:"last_name"`
}

type emailBody struct {
	ID       string `json:"email_id"`
	Email    string `json:"email"`
	Verified bool   `json:"verified"`
}

type phoneBody struct {
	ID       string `json:"phone_id"`
	Number   string `json:"phone_number"`
	Verified bool   `json:"verified"`
}

type totpBody struct {
	ID       string `json:"totp_id"`
	Verified bool   `json:"verified"`
}

func newUserBody(u store.User) userBody {
	none := []struct{}{}
	b := userBody{
		UserID:        u.ID,
		Status:        u.Status,
		Name:          nameBody(u.Name),
		Emails:        []emailBody{},
		PhoneNumbers:  []phoneBody{},
		Roles:         append([]string{}, u.Roles...),
		Trusted:       objectOf(u.Trusted),
		Untrusted:     objectOf(u.Untrusted),
		CreatedAt:     seconds(u.CreatedAt),
		TOTPs:         []totpBody{},
		WebAuthn:      none,
		Biometric:     none,
		Providers:     none,
		CryptoWallets: none,
	}
	for _, m := range u.Emails {
		b.Emails = append(b.Emails, emailBody{m.ID, m.Address, m.Verified})
	}
	for _, m := range u.Phones {
		b.PhoneNumbers = append(b.PhoneNumbers, phoneBody{m.ID, m.Address, m.Verified})
	}
	for _, t := range u.TOTPs {
		b.TOTPs = append(b.TOTPs, totpBody{t.ID, t.Verified})
	}
	if u.ExternalID != "" {
		b.ExternalID = &u.ExternalID
	}
	if !u.Lock.Until.IsZero() {
		b.IsLocked, b.LockedAt, b.LockedUntil = true, seconds(u.Lock.At), seconds(u.Lock.Until)
	}
	return b
}

// seconds is a time on the wire, in whole seconds.
func seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func objectOf(metadata json.RawMessage) json.RawMessage {
	if len(metadata) == 0 {
		return json.RawMessage("{}")
	}
	return metadata
}

// createReply is the body of a user created. The id of an address that was not
// given is "".
type createReply struct {
	meta
	UserID  string       `json:"user_id"`
	EmailID string       `json:"email_id"`
	PhoneID string       `json:"phone_id"`
	Status  store.Status `json:"status"`
	User    userBody     `json:"user"`
}

// createUser is POST /v1/users.
func (h *Handler) createUser(ctx context.Context, c *call) (reply, error) {
	f := c.form
	f.attributes()
	name := f.object("name")
	u := accounts.NewUser{
		Phone:      f.text("phone_number"),
		Email:      f.text("email"),
		Name:       store.Name{First: name.text("first_name"), Middle: name.text("middle_name"), Last: name.text("last_name")},
		Pending:    f.flag("create_user_as_pending"),
		ExternalID: f.text("external_id"),
		Trusted:    f.raw("trusted_metadata"),
		Untrusted:  f.raw("untrusted_metadata"),
		Roles:      f.texts("roles"),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	user, err := h.accounts.Create(ctx, u)
	if err != nil {
		var address *accounts.AddressError
		if errors.As(err, &address) {
			c.class = address.Class
		}
		return nil, nameField(err)
	}
	reply := &createReply{UserID: user.ID, Status: user.Status, User: newUserBody(user)}
	for _, m := range user.Emails {
		reply.EmailID = m.ID
	}
	for _, m := range user.Phones {
		reply.PhoneID = m.ID
	}
	return reply, nil
}

// nameField turns the error of a field that has no error_type into a bad
// request that names it.
func nameField(err error) error {
	var field *accounts.FieldError
	if errors.As(err, &field) && !strings.HasSuffix(field.Field, "_metadata") {
		return badRequest("The field " + field.Field + " is " + field.Err.Error() + ".")
	}
	return err
}

// getReply is the body of a user: its members stand at the top, not under
// "user".
type getReply struct {
	meta
	userBody
}

// getUser is GET /v1/users/{user_id}.
func (h *Handler) getUser(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	user, err := h.accounts.User(ctx, id)
	if err != nil {
		return nil, err
	}
	return &getReply{userBody: newUserBody(user)}, nil
}

// userID returns the user id or external id in the path.
func (c *call) userID() (string, error) {
	if id := c.params[0]; accounts.IsUserID(id) {
		return id, nil
	}
	return "", errUserID
}
