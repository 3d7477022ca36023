package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
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
// counted or sent. In a live project it refuses the addresses, and the codes,
// ids and tokens mean nothing.
type sandbox struct {
	Accounts
	live     bool
	sessions *sandboxSessions
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

func (s *sandbox) LoginOrCreate(ctx context.Context, r accounts.SendRequest) (accounts.Sent, error) {
	if isSandbox(r.Channel.Class(), r.To) {
		return s.sent(r)
	}
	return s.Accounts.LoginOrCreate(ctx, r)
}

func (s *sandbox) Send(ctx context.Context, r accounts.SendRequest) (accounts.Sent, error) {
	mine, err := s.sessions.shows(r.Session)
	switch {
	case err != nil:
		return accounts.Sent{}, err
	case !isSandbox(r.Channel.Class(), r.To):
		if mine {
			return accounts.Sent{}, sessions.ErrNotFound // the sandbox user gets no addresses
		}
		return s.Accounts.Send(ctx, r)
	case r.Session.Given() && !mine:
		if _, err := s.sessions.Lookup(ctx, r.Session); err != nil {
			return accounts.Sent{}, err
		}
		return accounts.Sent{}, s.taken(r.Channel.Class())
	case r.UserID != "" && r.UserID != sandboxUserID:
		return accounts.Sent{}, s.taken(r.Channel.Class())
	}
	return s.sent(r)
}

func (s *sandbox) sent(r accounts.SendRequest) (accounts.Sent, error) {
	class := r.Channel.Class()
	switch {
	case s.live:
		return accounts.Sent{}, s.taken(class)
	case class == delivery.ClassEmail:
		return accounts.Sent{UserID: sandboxUserID, MethodID: sandboxEmailID}, nil
	}
	return accounts.Sent{UserID: sandboxUserID, MethodID: sandboxPhoneID}, nil
}

// taken returns the error for somebody else who would have a sandbox address.
func (s *sandbox) taken(class delivery.Class) error {
	email := class == delivery.ClassEmail
	switch {
	case s.live && email:
		return errEmailSandbox
	case s.live:
		return errPhoneSandbox
	case email:
		return &store.TakenError{Index: store.ByEmail, Owner: sandboxUserID}
	}
	return &store.TakenError{Index: store.ByPhone, Owner: sandboxUserID}
}

func (s *sandbox) Authenticate(ctx context.Context, r accounts.AuthRequest) (accounts.Authentication, error) {
	if s.live || r.MethodID != sandboxPhoneID && r.MethodID != sandboxEmailID {
		if err := s.sessions.others(r.Session.Credential); err != nil {
			return accounts.Authentication{}, err
		}
		return s.Accounts.Authenticate(ctx, r)
	}
	user := sandboxUser()
	method, factor := user.Phones[0], sessions.SMS
	if r.MethodID == sandboxEmailID {
		method, factor = user.Emails[0], sessions.Email
	}
	session, err := s.sessions.grant(ctx, r.Session, sessions.Factor{Method: factor, ID: method.ID, Address: method.Address})
	if err == nil {
		err = judge(r.Code, sandboxCode, isDigits)
	}
	if err != nil {
		return accounts.Authentication{}, err
	}
	return accounts.Authentication{User: user, Method: method, Session: session}, nil
}

// judge compares a code with the sandbox's.
func judge(code, right string, isCode func(string) bool) error {
	switch {
	case !isCode(code):
		return &engine.Error{Kind: engine.ErrFormat}
	case code != right:
		return &engine.Error{Kind: engine.ErrWrong}
	}
	return nil
}

func isDigits(code string) bool { return len(code) == 6 && strings.Trim(code, "0123456789") == "" }

// Create refuses the sandbox addresses in a test project too: the sandbox user
// has them. So does Exchange.
func (s *sandbox) Create(ctx context.Context, u accounts.NewUser) (store.User, error) {
	switch {
	case isSandbox(delivery.ClassPhone, u.Phone):
		return store.User{}, s.taken(delivery.ClassPhone)
	case isSandbox(delivery.ClassEmail, u.Email):
		return store.User{}, s.taken(delivery.ClassEmail)
	}
	return s.Accounts.Create(ctx, u)
}

func (s *sandbox) Exchange(ctx context.Context, id string, class delivery.Class, address string) (store.User, error) {
	if isSandbox(class, address) {
		return store.User{}, s.taken(class)
	}
	return s.Accounts.Exchange(ctx, id, class, address)
}

func (s *sandbox) User(ctx context.Context, id string) (store.User, error) {
	if !s.live && id == sandboxUserID {
		return sandboxUser(), nil
	}
	return s.Accounts.User(ctx, id)
}
