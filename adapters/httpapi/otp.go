package httpapi

import (
	"context"
	"net/http"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
)

// otpRoutes are the calls about passcodes.
func (h *Handler) otpRoutes() []route {
	const post, ok = http.MethodPost, http.StatusOK
	routes := []route{
		{method: post, pattern: "/v1/otps/authenticate", status: ok, run: h.authenticate},
	}
	for _, channel := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
		base := "/v1/otps/" + string(channel)
		routes = append(routes,
			route{method: post, pattern: base + "/login_or_create", class: channel.Class(), status: ok, run: func(ctx context.Context, c *call) (reply, error) {
				return h.loginOrCreate(ctx, c, channel)
			}},
			route{method: post, pattern: base + "/send", class: channel.Class(), status: ok, run: func(ctx context.Context, c *call) (reply, error) {
				return h.send(ctx, c, channel)
			}})
	}
	return routes
}

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
	f := c.form
	req := sendRequest(f, channel)
	req.UserID = f.userID()
	req.Session.Token, req.Session.JWT = f.text("session_token"), f.text("session_jwt")
	given := 0
	for _, selector := range []string{req.UserID, req.Session.Token, req.Session.JWT} {
		if selector != "" {
			given++
		}
	}
	if given > 1 {
		f.fail(errSelectors)
	}
	if err := f.err(); err != nil {
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
	req.Client = f.attributes()
	return req
}

// authReply is the body of a code accepted.
type authReply struct {
	meta
	UserID   string `json:"user_id"`
	MethodID string `json:"method_id"`
	sessionMembers
	ResetSessions bool      `json:"reset_sessions"`
	User          userBody  `json:"user"`
	UserDevice    *struct{} `json:"user_device"`
}

// authenticate is POST /v1/otps/authenticate. All of the request is checked
// before the code is, here and by the accounts: one that is refused uses up no
// code.
func (h *Handler) authenticate(ctx context.Context, c *call) (reply, error) {
	f := c.form
	client, options := f.attributes(), f.object("options")
	req := accounts.AuthRequest{
		MethodID:       f.text("method_id"),
		Code:           f.text("code"),
		Client:         client,
		MatchIP:        options.flag("ip_match_required"),
		MatchUserAgent: options.flag("user_agent_match_required"),
		Session:        f.session(client),
	}
	if !accounts.PhoneID.Match(req.MethodID, h.live) && !accounts.EmailID.Match(req.MethodID, h.live) {
		f.fail(errMethodID)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	auth, err := h.accounts.Authenticate(ctx, req)
	if err != nil {
		return nil, err
	}
	members, err := h.sessionMembers(auth.Session)
	if err != nil {
		return nil, err
	}
	return &authReply{UserID: auth.User.ID, MethodID: auth.Method.ID, sessionMembers: members, User: newUserBody(auth.User)}, nil
}
