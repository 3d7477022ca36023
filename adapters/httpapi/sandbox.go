package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// The sandbox: values with which a client can be tried out without a message
// being sent.
const (
	sandboxPhone   = "+10000000000"
	sandboxEmail   = "sandbox@stytch.com"
	sandboxCode    = "000000"
	sandboxUserID  = "user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd"
	sandboxEmailID = "email-test-23873e89-d4ed-4e92-b3b9-e5c7198fa286"
	sandboxPhoneID = "phone-number-test-d5a3b680-e8a3-40c0-b815-ab79986666d0"
)

// A sandbox stands before the accounts. In a test project it answers for the
// sandbox values, and what is behind it never sees them: nothing is stored,
// counted or sent. In a live project it refuses the addresses, and the code
// and the ids mean nothing.
type sandbox struct {
	Accounts
	live bool
}

var _ Accounts = (*sandbox)(nil)

// sandboxUser owns both addresses.
func sandboxUser() store.User {
	created := time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC)
	return store.User{
		ID:        sandboxUserID,
		Status:    store.Active,
		Phones:    []store.Method{{ID: sandboxPhoneID, Address: sandboxPhone, Verified: true, CreatedAt: created}},
		Emails:    []store.Method{{ID: sandboxEmailID, Address: sandboxEmail, Verified: true, CreatedAt: created}},
		CreatedAt: created,
	}
}

// isSandbox reports whether an address is the sandbox's. The e-mail address is
// it in any case, since e-mail addresses are compared so elsewhere: it must not
// be reached by another spelling of itself.
func isSandbox(class delivery.Class, address string) bool {
	if class == delivery.ClassEmail {
		return len(address) == len(sandboxEmail) && strings.EqualFold(address, sandboxEmail)
	}
	return address == sandboxPhone
}

// refused returns the error of a sandbox address in a live project.
func refused(class delivery.Class) error {
	if class == delivery.ClassEmail {
		return errEmailSandbox
	}
	return errPhoneSandbox
}

func (s *sandbox) LoginOrCreate(ctx context.Context, r accounts.SendRequest) (accounts.Sent, error) {
	if isSandbox(r.Channel.Class(), r.To) {
		return s.sent(r)
	}
	return s.Accounts.LoginOrCreate(ctx, r)
}

func (s *sandbox) Send(ctx context.Context, r accounts.SendRequest) (accounts.Sent, error) {
	if isSandbox(r.Channel.Class(), r.To) {
		return s.sent(r)
	}
	return s.Accounts.Send(ctx, r)
}

func (s *sandbox) sent(r accounts.SendRequest) (accounts.Sent, error) {
	class := r.Channel.Class()
	switch {
	case s.live:
		return accounts.Sent{}, refused(class)
	case r.UserID != "" && r.UserID != sandboxUserID:
		return accounts.Sent{}, accounts.ErrNotOwned
	case class == delivery.ClassEmail:
		return accounts.Sent{UserID: sandboxUserID, MethodID: sandboxEmailID}, nil
	}
	return accounts.Sent{UserID: sandboxUserID, MethodID: sandboxPhoneID}, nil
}

func (s *sandbox) Authenticate(ctx context.Context, methodID, code string) (accounts.Authentication, error) {
	if s.live || methodID != sandboxPhoneID && methodID != sandboxEmailID {
		return s.Accounts.Authenticate(ctx, methodID, code)
	}
	switch {
	case len(code) != len(sandboxCode) || strings.Trim(code, "0123456789") != "":
		return accounts.Authentication{}, &engine.Error{Kind: engine.ErrFormat}
	case code != sandboxCode:
		return accounts.Authentication{}, &engine.Error{Kind: engine.ErrWrong}
	}
	user := sandboxUser()
	method := user.Phones[0]
	if methodID == sandboxEmailID {
		method = user.Emails[0]
	}
	return accounts.Authentication{User: user, Method: method}, nil
}

// Create refuses the sandbox addresses in a test project too: the sandbox user
// has them.
func (s *sandbox) Create(ctx context.Context, u accounts.NewUser) (store.User, error) {
	for _, a := range []struct {
		class   delivery.Class
		by      store.Index
		address string
	}{{delivery.ClassPhone, store.ByPhone, u.Phone}, {delivery.ClassEmail, store.ByEmail, u.Email}} {
		switch {
		case !isSandbox(a.class, a.address):
		case s.live:
			return store.User{}, refused(a.class)
		default:
			return store.User{}, &store.TakenError{Index: a.by, Owner: sandboxUserID}
		}
	}
	return s.Accounts.Create(ctx, u)
}

func (s *sandbox) User(ctx context.Context, id string) (store.User, error) {
	if !s.live && id == sandboxUserID {
		return sandboxUser(), nil
	}
	return s.Accounts.User(ctx, id)
}
