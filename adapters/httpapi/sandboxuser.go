package httpapi

import (
	"context"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// Update adds the sandbox addresses to nobody, and leaves the sandbox user as
// it is.
func (s *sandbox) Update(ctx context.Context, id string, c accounts.Change) (store.User, error) {
	switch {
	case s.isSandboxUser(id):
		return store.User{}, accounts.ErrUserNotFound
	case isSandbox(delivery.ClassPhone, c.Phone):
		return store.User{}, s.taken(delivery.ClassPhone)
	case isSandbox(delivery.ClassEmail, c.Email):
		return store.User{}, s.taken(delivery.ClassEmail)
	}
	return s.Accounts.Update(ctx, id, c)
}
