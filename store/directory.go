package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	// ErrNotFound is returned when no user has the id or the indexed value.
	ErrNotFound = errors.New("store: user not found")

	// ErrTaken is what a [*TakenError] is: an id, address, method id or
	// external id belongs to another user already.
	ErrTaken = errors.New("store: already taken")

	// ErrCursor is returned for a search cursor that no search returned.
	ErrCursor = errors.New("store: bad cursor")

	// ErrUser is returned for a user that no Directory can keep: an empty id,
	// an empty address or method id, or the same one twice, or text that is
	// not UTF-8 or holds a NUL.
	ErrUser = errors.New("store: bad user")
)

// An Index names a value by which a user is found and which no two users
// share.
type Index string

// The indexes that every Directory keeps.
const (
	ByID         Index = "id"          // User.ID
	ByPhone      Index = "phone"       // Method.Address of User.Phones
	ByEmail      Index = "email"       // Method.Address of User.Emails
	ByMethod     Index = "method"      // Method.ID of User.Phones and User.Emails, TOTP.ID of User.TOTPs
	ByExternalID Index = "external_id" // User.ExternalID, where not empty
)

// A TakenError says which value of a user belongs to another one. It does not
// repeat the value, which may be an address.
type TakenError struct {
	Index Index  // what is taken
	Owner string // the id of the user that has it
}

func (e *TakenError) Error() string { return "store: " + string(e.Index) + " already taken" }

// Is reports whether target is [ErrTaken].
func (e *TakenError) Is(target error) bool { return target == ErrTaken }

// A Status is a user's state.
type Status string

// The states of a user. A pending user becomes active when a first code sent
// to one of its addresses comes back.
const (
	Active  Status = "active"
	Pending Status = "pending"
)

// A User is a person with the addresses by which passcodes reach them. The
// Directory is the one place that keeps addresses in clear: it has to list
// and search them. A [Store] never does.
type User struct {
	ID         string          `json:"id"`
	Status     Status          `json:"status"`
	Name       Name            `json:"name,omitzero"`
	Phones     []Method        `json:"phones,omitempty"`
	Emails     []Method        `json:"emails,omitempty"`
	TOTPs      []TOTP          `json:"totps,omitempty"`
	ExternalID string          `json:"external_id,omitempty"`
	Trusted    json.RawMessage `json:"trusted,omitempty"`   // metadata that only the backend writes: a JSON object
	Untrusted  json.RawMessage `json:"untrusted,omitempty"` // metadata that the user's own client may write
	Roles      []string        `json:"roles,omitempty"`
	Lock       Lock            `json:"lock,omitzero"`
	CreatedAt  time.Time       `json:"created_at"` // UTC
}

// A Name is what a user is called. Every part may be empty.
type Name struct {
	First  string `json:"first,omitempty"`
	Middle string `json:"middle,omitempty"`
	Last   string `json:"last,omitempty"`
}

// A Method is one address of a user: a phone number in E.164 or an e-mail
// address, in the canonical form that the channel's parser returned.
type Method struct {
	ID        string    `json:"id"`
	Address   string    `json:"address"`
	Verified  bool      `json:"verified"`
	CreatedAt time.Time `json:"created_at"` // UTC

	// Expires is when an address that was added and never verified stops being
	// the user's; zero is never. A Directory keeps it and acts on it only as
	// [Query.At] says.
	Expires time.Time `json:"expires,omitzero"`
}

// A TOTP says that a user has an authenticator app. The Directory knows of it
// only what is listed and searched: its secret is elsewhere.
type TOTP struct {
	ID        string    `json:"id"`
	Verified  bool      `json:"verified"`
	CreatedAt time.Time `json:"created_at"`       // UTC
	Expires   time.Time `json:"expires,omitzero"` // when it goes if it was not verified until then; zero is never
}

// A Lock counts wrong guesses over all of a user's methods.
type Lock struct {
	Failures int       `json:"failures,omitempty"` // in a row
	At       time.Time `json:"at,omitzero"`        // when the user was locked last
	Until    time.Time `json:"until,omitzero"`     // when that lock ends
}

// A Directory keeps users. A value of the indexes belongs to one user at the
// most, under any number of concurrent calls; a method that would break this
// returns a [*TakenError] and changes nothing.
//
// Every method is atomic, linearizable, safe for concurrent use and honours
// ctx. A Directory copies what it keeps and what it returns. Times are kept
// to the nanosecond and returned in UTC. An error that is none of this
// package's means unknown.
type Directory interface {
	// Create adds a user. Errors: ErrTaken, ErrUser.
	Create(ctx context.Context, u User) error

	// Lookup returns the user whose value of the index is exactly value.
	// Errors: ErrNotFound, also for an empty value or an index it does not
	// know.
	Lookup(ctx context.Context, by Index, value string) (User, error)

	// Update calls change on a copy of the user and keeps the result, all in
	// one atomic step, and returns what it kept. change may run more than
	// once and must have no side effects; it must not call the Directory. An
	// error of change is returned as it is and nothing is written. The id
	// cannot change: ErrUser. Errors: ErrNotFound, ErrTaken, ErrUser.
	Update(ctx context.Context, id string, change func(*User) error) (User, error)

	// Delete removes the user with all index values and returns what it
	// removed. Errors: ErrNotFound.
	Delete(ctx context.Context, id string) (User, error)

	// Search returns the users that the query asks for, in the order of their
	// ids, byte by byte. A user that exists and matches during a whole walk
	// from first page to last is seen exactly once, whatever is created,
	// changed or deleted meanwhile. Errors: ErrCursor, ErrFilter.
	Search(ctx context.Context, q Query) (Page, error)
}

// Values calls yield with each indexed value of the user, the id first. It is
// what a Directory has to keep unique.
func (u *User) Values(yield func(by Index, value string) bool) {
	if !yield(ByID, u.ID) {
		return
	}
	for _, m := range u.Phones {
		if !yield(ByPhone, m.Address) || !yield(ByMethod, m.ID) {
			return
		}
	}
	for _, m := range u.Emails {
		if !yield(ByEmail, m.Address) || !yield(ByMethod, m.ID) {
			return
		}
	}
	for _, t := range u.TOTPs {
		if !yield(ByMethod, t.ID) {
			return
		}
	}
	if u.ExternalID != "" {
		yield(ByExternalID, u.ExternalID)
	}
}

// Check returns an error that wraps [ErrUser] if no Directory can keep the
// user.
func (u *User) Check() error {
	seen := make(map[[2]string]bool)
	for by, value := range u.Values {
		at := [2]string{string(by), value}
		if value == "" {
			return fmt.Errorf("%w: empty %s", ErrUser, by)
		}
		if !isText(value) {
			return fmt.Errorf("%w: %s is no text", ErrUser, by)
		}
		if seen[at] {
			return fmt.Errorf("%w: the same %s twice", ErrUser, by)
		}
		seen[at] = true
	}
	for _, s := range append([]string{string(u.Status), u.Name.First, u.Name.Middle, u.Name.Last, string(u.Trusted), string(u.Untrusted)}, u.Roles...) {
		if !isText(s) {
			return fmt.Errorf("%w: status, name, metadata or role is no text", ErrUser)
		}
	}
	return nil
}

// isText reports whether every database and encoder keeps s as it is.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Clone returns a copy that shares no memory with u, its times in UTC and
// without a monotonic reading.
func (u User) Clone() User {
	u.Phones, u.Emails = cloneMethods(u.Phones), cloneMethods(u.Emails)
	u.TOTPs = slices.Clone(u.TOTPs)
	for i := range u.TOTPs {
		u.TOTPs[i].CreatedAt, u.TOTPs[i].Expires = utc(u.TOTPs[i].CreatedAt), utc(u.TOTPs[i].Expires)
	}
	u.Trusted, u.Untrusted = slices.Clone(u.Trusted), slices.Clone(u.Untrusted)
	u.Roles = slices.Clone(u.Roles)
	u.Lock.At, u.Lock.Until = utc(u.Lock.At), utc(u.Lock.Until)
	u.CreatedAt = utc(u.CreatedAt)
	return u
}

func cloneMethods(methods []Method) []Method {
	methods = slices.Clone(methods)
	for i := range methods {
		methods[i].CreatedAt, methods[i].Expires = utc(methods[i].CreatedAt), utc(methods[i].Expires)
	}
	return methods
}

func utc(t time.Time) time.Time { return t.UTC().Round(0) }
