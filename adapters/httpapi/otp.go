package httpapi

import (
	"context"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
)

// Fields that other parts of Stytch's API give a meaning. What a client asks
// for with them is refused, never left out in silence.
var (
	errNoSessions = badRequest("Sessions are not supported: leave out session_token, session_jwt, session_duration_minutes and session_custom_claims.")
	errNoMatching = badRequest("Attribute matching is not supported: leave out options.")
)

// sentReply is the body of a code sent to an address.
type sentReply struct {
	meta
	UserID      string `json:"user_id"`
	PhoneID     string `json:"phone_id,omitempty"`
	EmailID     string `json:"email_id,omitempty"`
	UserCreated *bool  `json:"user_created,omitempty"` // only of login_or_create
}

func newSentReply(channel delivery.Channel, sent accounts.Sent) *sentReply {
	reply := &sentReply{UserID: sent.UserID}
	if channel.Class() == delivery.ClassEmail {
		reply.EmailID = sent.MethodID
	} else {
		reply.PhoneID = sent.MethodID
	}
	return reply
}

// loginOrCreate is POST /v1/otps/{channel}/login_or_create.
func (h *Handler) loginOrCreate(ctx context.Context, c *call, channel delivery.Channel) (reply, error) {
	req := sendRequest(c.form, channel)
	req.Pending = c.form.flag("create_user_as_pending")
	if err := c.form.err(); err != nil {
		return nil, err
	}
	sent, err := h.accounts.LoginOrCreate(ctx, req)
	if err != nil {
		return nil, err
	}
	reply := newSentReply(channel, sent)
	reply.UserCreated = &sent.Created
	return reply, nil
}

// send is POST /v1/otps/{channel}/send.
func (h *Handler) send(ctx context.Context, c *call, channel delivery.Channel) (reply, error) {
	req := sendRequest(c.form, channel)
	req.UserID = c.form.text("user_id")
	token, jwt := c.form.text("session_token"), c.form.text("session_jwt")
	given := 0
	for _, selector := range []string{req.UserID, token, jwt} {
		if selector != "" {
			given++
		}
	}
	switch {
	case given > 1:
		c.form.fail(errSelectors)
	case token != "" || jwt != "":
		c.form.fail(errNoSessions)
	case req.UserID != "" && !accounts.IsUserID(req.UserID):
		c.form.fail(errUserID)
	}
	if err := c.form.err(); err != nil {
		return nil, err
	}
	sent, err := h.accounts.Send(ctx, req)
	if err != nil {
		return nil, err
	}
	return newSentReply(channel, sent), nil
}

// sendRequest reads the fields that both calls have.
func sendRequest(f *form, channel delivery.Channel) accounts.SendRequest {
	req := accounts.SendRequest{Channel: channel}
	if channel.Class() == delivery.ClassEmail {
		req.To = f.text("email")
		if f.text("login_template_id") != "" || f.text("signup_template_id") != "" {
			f.fail(errTemplate)
		}
	} else {
		req.To = f.text("phone_number")
	}
	req.Lifetime = f.lifetime()
	req.Locale = f.locale(channel)
	f.attributes()
	return req
}

// authReply is the body of a code accepted. The members of a session are there
// and empty, as clients expect of a call that asked for none.
type authReply struct {
	meta
	UserID        string    `json:"user_id"`
	MethodID      string    `json:"method_id"`
	SessionToken  string    `json:"session_token"`
	SessionJWT    string    `json:"session_jwt"`
	Session       *struct{} `json:"session"`
	ResetSessions bool      `json:"reset_sessions"`
	User          userBody  `json:"user"`
	UserDevice    *struct{} `json:"user_device"`
}

// authenticate is POST /v1/otps/authenticate. All of the request is checked
// before the code is: one that is refused uses up no code.
func (h *Handler) authenticate(ctx context.Context, c *call) (reply, error) {
	f := c.form
	methodID, code := f.text("method_id"), f.text("code")
	f.attributes()
	options := f.object("options")
	for _, name := range []string{"ip_match_required", "user_agent_match_required"} {
		if options.flag(name) {
			f.fail(errNoMatching)
		}
	}
	token, jwt := f.text("session_token"), f.text("session_jwt")
	minutes, _ := f.integer("session_duration_minutes")
	claims := f.object("session_custom_claims")
	switch {
	case token != "" && jwt != "":
		f.fail(errSessions)
	case token != "" || jwt != "" || minutes != 0 || len(claims.fields) > 0:
		f.fail(errNoSessions)
	}
	if !accounts.PhoneID.Match(methodID, h.live) && !accounts.EmailID.Match(methodID, h.live) {
		f.fail(errMethodID)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	auth, err := h.accounts.Authenticate(ctx, methodID, code)
	if err != nil {
		return nil, err
	}
	return &authReply{UserID: auth.User.ID, MethodID: auth.Method.ID, User: newUserBody(auth.User)}, nil
}
