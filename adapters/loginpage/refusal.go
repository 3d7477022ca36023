package loginpage

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// A refusal is what people are told of an error.
type refusal struct {
	status int
	text   string
	where  *Place
	wait   time.Duration // until it can be tried again; zero if that is not said
	closed bool          // the code cannot be entered any more
}

// refuse puts a refusal on a page, and shows it.
func (v *visit) refuse(page *Page, f refusal) {
	page.Error, page.Where = f.text, f.where
	page.Closed = page.Closed || f.closed
	if f.wait > 0 {
		v.retryAfter(f.wait)
		page.Wait = max(page.Wait, int((f.wait+time.Second-1)/time.Second))
		page.WaitText = clock(page.Wait)
	}
	v.show(f.status, page)
}

// refusalOf returns what to tell of an error of a send or of a code, or false if
// nobody knows what happened.
func (v *visit) refusalOf(err error, channel delivery.Channel) (refusal, bool) {
	switch {
	case errors.Is(err, totp.ErrReplayed):
		return refusal{status: http.StatusUnprocessableEntity, text: v.t.Replayed}, true
	case errors.Is(err, totp.ErrRecoveryCode), errors.Is(err, totp.ErrAppCode):
		return v.badCode(appDigits), true
	case errors.Is(err, totp.ErrNone), errors.Is(err, accounts.ErrMethodNotFound):
		return refusal{status: http.StatusUnprocessableEntity, text: v.t.Used, closed: true}, true
	case errors.Is(err, accounts.ErrUnverified), errors.Is(err, store.ErrTaken):
		return refusal{status: http.StatusConflict, text: v.t.NotNow}, true
	case errors.Is(err, sessions.ErrNotFound), errors.Is(err, sessions.ErrToken), errors.Is(err, sessions.ErrUser),
		errors.Is(err, accounts.ErrUserNotFound):
		return refusal{status: http.StatusBadRequest, text: v.t.Lost, closed: true}, true
	}
	var e *engine.Error
	if !errors.As(err, &e) {
		return refusal{}, false
	}
	return v.engineRefusal(e, channel)
}

func (v *visit) engineRefusal(e *engine.Error, channel delivery.Channel) (refusal, bool) {
	f := refusal{status: http.StatusUnprocessableEntity}
	switch e.Kind {
	case engine.ErrAddress:
		f.text = v.t.BadPhone
		if channel == delivery.Email {
			f.text = v.t.BadEmail
		}
	case engine.ErrCountry:
		code := region.Code(e.Region)
		f.where = &Place{cutText(v.t.Unsupported, "{country}"), code, code.Name()}
		if !code.Known() { // a satellite phone
			f.text, f.where = v.t.UnsupportedType, nil
			break
		}
		f.text = fill(v.t.Unsupported, "{country}", code.Name())
	case engine.ErrNumberType:
		f.text = v.t.UnsupportedType
	case engine.ErrFormat:
		f = v.badCode(v.p.options.Policy.Code.Length)
	case engine.ErrWrong:
		switch {
		case e.RetryAfter > 0:
			return v.locked(e.RetryAfter), true
		case e.AttemptsLeft <= 0:
			f.text, f.closed = v.t.WrongLast, true
		default:
			f.text = fill(v.t.Wrong, "{n}", strconv.Itoa(e.AttemptsLeft))
		}
	case engine.ErrExpired:
		f.text, f.closed = v.t.Expired, true
	case engine.ErrUsed:
		f.text, f.closed = v.t.Used, true
	case engine.ErrLocked:
		return v.locked(e.RetryAfter), true
	case engine.ErrLimited:
		f.status, f.wait, f.text = http.StatusTooManyRequests, e.RetryAfter, fill(v.t.Limited, "{n}", minutes(e.RetryAfter))
	case engine.ErrDelivery:
		f.wait, f.text, f.closed = e.RetryAfter, v.t.NotDelivered, true
		if !errors.Is(e, delivery.ErrRejected) { // not the address's fault
			f.status = http.StatusServiceUnavailable
		}
	case engine.ErrRequest, engine.ErrMismatch: // of a flow that does not hold together
		f.status, f.text, f.closed = http.StatusBadRequest, v.t.Lost, true
	default:
		return refusal{}, false
	}
	return f, true
}

func (v *visit) locked(wait time.Duration) refusal {
	return refusal{status: http.StatusTooManyRequests, text: fill(v.t.Locked, "{n}", minutes(wait)), wait: wait, closed: true}
}

func (v *visit) badCode(length int) refusal {
	return refusal{status: http.StatusUnprocessableEntity, text: fill(v.t.BadCode, "{n}", strconv.Itoa(length))}
}
