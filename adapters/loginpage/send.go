package loginpage

import (
	"errors"
	"time"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// send sends a code for a flow and returns the flow as it is then. shown is the
// session of a step or an add.
//
// An address that another user has cannot be added. To say so would tell anybody
// who has a user whether a stranger has one. So the code is sent all the same, as
// the first page would do for whoever typed the address there, and only who
// enters it is told, or gets the address, where nobody else ever showed it to be
// theirs: see accounts.Claim.
func (v *visit) send(f flow, shown sessions.Credential) (flow, error) {
	r := accounts.SendRequest{
		Channel: f.Via,
		To:      f.To,
		Locale:  messageLocale(f.Via, v.lang),
		Client:  v.engineClient(),
	}
	ctx, acc := v.r.Context(), v.p.accounts
	var sent accounts.Sent
	var err error
	if f.Kind == flowLogin {
		sent, err = acc.LoginOrCreate(ctx, r)
	} else {
		r.Session, r.Replace = shown, f.Kind == flowAdd
		sent, err = acc.Send(ctx, r)
		if errors.Is(err, store.ErrTaken) && f.Kind == flowAdd {
			taken := err
			r.Session, r.Replace = sessions.Credential{}, false
			if sent, err = acc.Send(ctx, r); errors.Is(err, accounts.ErrMethodNotFound) {
				err = taken // somebody else is adding it at this moment
			}
		}
	}
	if err != nil {
		return f, err
	}
	now := v.p.now()
	f.To, f.Method, f.Challenge = sent.Challenge.Address.Reveal(), sent.MethodID, sent.Challenge.ID
	f.Via, f.Asked = sent.Challenge.Channel, ""
	if sent.Challenge.FellBack != nil {
		f.Asked = r.Channel
	}
	f.Sends++
	f.Expires, f.Next = ceil(sent.Challenge.Expires), ceil(now.Add(resendAfter))
	return f, nil
}

// ceil returns the first whole second that is not before t, in Unix time.
func ceil(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
