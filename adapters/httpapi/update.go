package httpapi

import (
	"context"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// userReply is the body of a user after a change.
type userReply struct {
	meta
	UserID string   `json:"user_id"`
	User   userBody `json:"user"`
}

func newUserReply(u store.User) *userReply { return &userReply{UserID: u.ID, User: newUserBody(u)} }

// updateReply repeats three lists of the user at the top.
type updateReply struct {
	userReply
	Emails        []emailBody `json:"emails"`
	PhoneNumbers  []phoneBody `json:"phone_numbers"`
	CryptoWallets []struct{}  `json:"crypto_wallets"`
}

// updateUser is PUT /v1/users/{user_id}.
func (h *Handler) updateUser(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	f := c.form
	f.attributes()
	name := f.object("name")
	change := accounts.Change{
		Name: accounts.NameChange{
			First: name.optional("first_name"), Middle: name.optional("middle_name"), Last: name.optional("last_name"),
		},
		Trusted:   f.raw("trusted_metadata"),
		Untrusted: f.raw("untrusted_metadata"),
		Phone:     f.added("phone_numbers", "phone_number"),
		Email:     f.added("emails", "email"),
	}
	if external := f.text("external_id"); external != "" {
		change.ExternalID = &external
	}
	if f.raw("roles") != nil {
		roles := f.texts("roles")
		change.Roles = &roles
	}
	if change.Phone != "" && change.Email != "" {
		f.fail(badRequest("A phone number and an e-mail address were given: one address is added at a time."))
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if c.class = delivery.ClassPhone; change.Email != "" {
		c.class = delivery.ClassEmail
	}
	user, err := h.accounts.Update(ctx, id, change)
	if err != nil {
		return nil, nameField(err)
	}
	b := newUserBody(user)
	return &updateReply{userReply{UserID: user.ID, User: b}, b.Emails, b.PhoneNumbers, b.CryptoWallets}, nil
}

// optional returns a text, nil for none.
func (f *form) optional(name string) *string {
	if f.raw(name) == nil {
		return nil
	}
	s := f.text(name)
	return &s
}

// added returns the address to add: in a list of one object, as clients of old
// write it, or as a field like that of create; "" for none.
func (f *form) added(list, name string) string {
	objects, field := f.objects(list), f.text(name)
	switch {
	case len(objects) == 0:
		return field
	case len(objects) == 1 && field == "":
		address := objects[0].text(name)
		if address == "" {
			f.fail(badRequest("The field " + list + " has an object without " + name + "."))
		}
		return address
	}
	f.fail(badRequest("The field " + list + " may have one object: one address is added at a time."))
	return ""
}

// exchangeFactor is PUT /v1/users/{user_id}/exchange_primary_factor.
func (h *Handler) exchangeFactor(ctx context.Context, c *call) (reply, error) {
	id, err := c.userID()
	if err != nil {
		return nil, err
	}
	email, phone := c.form.text("email_address"), c.form.text("phone_number")
	if (email == "") == (phone == "") {
		c.form.fail(errExchangeFields)
	}
	if err := c.form.err(); err != nil {
		return nil, err
	}
	class, address := delivery.ClassPhone, phone
	if email != "" {
		class, address = delivery.ClassEmail, email
	}
	c.class = class
	user, err := h.accounts.Exchange(ctx, id, class, address)
	if err != nil {
		return nil, err
	}
	return newUserReply(user), nil
}
