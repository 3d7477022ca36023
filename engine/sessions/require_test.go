package sessions_test

import (
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
)

func TestRequire(t *testing.T) {
	t.Parallel()
	has := func(methods ...sessions.Method) (s sessions.Session) {
		for i, m := range methods {
			s.Factors = append(s.Factors, sessions.Factor{Method: m, CreatedAt: start, LastAt: start.Add(time.Duration(i) * time.Minute)})
		}
		return s
	}
	type list = []sessions.Method
	const sms, whatsapp, mail, app, recovery = sessions.SMS, sessions.WhatsApp, sessions.Email, sessions.Authenticator, sessions.RecoveryCode
	for _, test := range []struct {
		require sessions.Requirement
		has     list
		want    list
	}{
		{sessions.Requirement{}, nil, nil},
		{sessions.Require(), nil, nil},
		{sessions.Require(sms), nil, list{sms}},
		{sessions.Require(sms), list{sms}, nil},
		{sessions.Require(sms), list{whatsapp}, nil},
		{sessions.Require(whatsapp), list{sms}, nil},
		{sessions.Require(sms), list{mail, app, recovery}, list{sms}},
		{sessions.Require(mail), list{sms, whatsapp, app, recovery}, list{mail}},
		{sessions.Require(app), list{recovery}, nil},
		{sessions.Require(recovery), list{app}, list{recovery}},
		{sessions.Require(app, mail, sms), list{sms}, list{app, mail}},
		{sessions.Require(sms, mail), list{mail, sms}, nil},
		{sessions.Require(sms).Within(10 * time.Minute), list{sms}, nil},
		{sessions.Require(sms).Within(10*time.Minute - 1), list{sms}, list{sms}},
		{sessions.Require(sms, mail).Within(9 * time.Minute), list{sms, mail}, list{sms}},
		{sessions.Require(sms).Within(9 * time.Minute), list{sms, whatsapp}, nil},
		{sessions.Require(sms).Within(time.Minute).Within(0), list{sms}, nil},
	} {
		if got := test.require.Missing(has(test.has...), start.Add(10*time.Minute)); !slices.Equal(got, test.want) {
			t.Errorf("%v of %v: missing %v, want %v", test.require, test.has, got, test.want)
		}
	}
	methods := list{sms}
	r := sessions.Require(methods...)
	methods[0] = mail
	if got := r.Missing(has(sms), start); got != nil {
		t.Errorf("the requirement changed with the caller's slice: %v", got)
	}
}
