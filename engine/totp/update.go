package totp

import (
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/store"
)

// maxRaces is how often one call tries to store its change. Every lost race is
// somebody else's success, counted guess or enrolment. Of the first two only a
// few are possible; a call that loses to a crowd of enrolments is refused.
const maxRaces = 64

// maxTime is the end of the year 9999, in microseconds. No clock that is right
// is beyond it, and RFC 3339 cannot write what is.
const maxTime = 253402300800 * 1_000_000

var (
	errContended = errors.New("totp: record changed too often")
	errClock     = errors.New("totp: the clock is outside the years 1970 to 9999")
)

// keepFor is how long a store keeps a record with a verified app after its
// last change: so long that nobody is there to miss it. It must not be
// collected because its user was away.
const keepFor = 100 * 365 * oneDay

// load reads the record of a user.
func (a *Apps) load(ctx context.Context, o *owner) (r record, now int64, err error) {
	value, err := a.store.Get(ctx, o.key())
	if err == nil {
		now, err = a.clock()
	}
	if err == nil {
		_, err = r.read(value, now)
	}
	if err != nil {
		return record{}, 0, unavailable(err)
	}
	return r, now, nil
}

// read decodes a value of the store. In one of a store that went back in time
// all steps that could be entered now count as used up, since a code of theirs
// may have been taken, and an app that waits for its first code is gone. It
// cannot tell which recovery codes were used meanwhile.
func (r *record) read(value []byte, now int64) (changed bool, err error) {
	written, rewound := store.CutRewound(value)
	if err := r.decode(written); err != nil || !rewound {
		return false, err
	}
	free := now/period + 2
	switch {
	case r.state == statePending:
		r.drop()
	case r.state == stateVerified && r.next < free:
		r.next = free
	default:
		return false, nil
	}
	return true, nil
}

// update loads the record of a user, has decide change it, and stores what it
// changed. decide belongs to one of the steps; it may run several times. Its
// answer is returned only once its change is stored: if the store fails, or too
// many races are lost, the answer is engine.ErrUnavailable, whatever decide
// said.
func (a *Apps) update(ctx context.Context, o *owner, decide func(r *record, now int64) (changed bool, err error)) error {
	key := o.key()
	old, err := a.store.Get(ctx, key)
	if err != nil {
		return unavailable(err)
	}
	for range maxRaces {
		now, err := a.clock()
		if err != nil {
			return unavailable(err)
		}
		var r record
		void, err := r.read(old, now)
		if err != nil {
			return unavailable(err)
		}
		changed, refusal := decide(&r, now)
		if !changed && !void {
			return refusal
		}
		value, expires := o.encode(&r, now)
		current, swapped, err := a.store.CompareAndSwap(ctx, key, old, value, time.UnixMicro(expires))
		if err != nil {
			return unavailable(err)
		}
		if swapped {
			return refusal
		}
		old = current
	}
	return unavailable(errContended)
}

// encode returns what to store of a record and until when to keep it, or nil
// if the record says nothing any more. What an older key sealed is sealed anew.
func (o *owner) encode(r *record, now int64) (value []byte, expires int64) {
	switch expires = r.keepUntil(); {
	case r.state == stateVerified:
		expires = now + keepFor
	case expires <= now:
		return nil, now
	}
	if r.state != stateNone && !o.ring.Newest(r.sealed[:]) {
		// One that cannot be opened stays as it is: its key may come back.
		if app, err := o.open(r); err == nil {
			o.seal(&r.sealed, r.id, app)
		}
	}
	return r.appendTo(make([]byte, 0, fullSize)), expires
}

// clock returns the moment in microseconds since 1970.
func (a *Apps) clock() (int64, error) {
	now := a.now()
	if s := now.Unix(); s < 0 || s >= maxTime/1_000_000 {
		return 0, errClock
	}
	return now.UnixMicro(), nil
}

func unavailable(err error) error { return &engine.Error{Kind: engine.ErrUnavailable, Err: err} }

// An owner is a user, as the store knows them, with the keys of one call.
type owner struct {
	ring *seal.Ring
	name [seal.NameSize]byte
}

// owner returns the user with an id, or false if no user can have it.
func (a *Apps) owner(userID string) (*owner, bool) {
	if userID == "" || len(userID) > maxUserID {
		return nil, false
	}
	ring := a.ring.Load()
	return &owner{ring, ring.Name(a.tenant, userID)}, true
}

// keyPrefix sets these records apart from others of the same store.
const keyPrefix = "t."

func (o *owner) key() string { return keyPrefix + seal.Text(o.name) }

// context says what a sealed value belongs to. The name stands for tenant and
// user.
func (o *owner) context(id appID) []byte {
	return append(append([]byte("passcode totp 1 "), o.name[:]...), id[:]...)
}

// seal writes the sealed contents of an app.
func (o *owner) seal(sealed *[sealedSize]byte, id appID, app *contents) {
	plain := append(make([]byte, 0, sealedSize), app.secret[:]...)
	for i := range app.recovery {
		plain = append(plain, app.recovery[i][:]...)
	}
	o.ring.Seal(sealed[:0], plain, o.context(id))
	clear(plain)
}

// open returns the contents of the record's app. Errors: seal.ErrOpen.
func (o *owner) open(r *record) (*contents, error) {
	plain, err := o.ring.Open(make([]byte, 0, sealedSize), r.sealed[:], o.context(r.id))
	if err != nil {
		return nil, err
	}
	app := new(contents)
	rest := plain[copy(app.secret[:], plain):]
	for i := range app.recovery {
		rest = rest[copy(app.recovery[i][:], rest):]
	}
	clear(plain)
	return app, nil
}
