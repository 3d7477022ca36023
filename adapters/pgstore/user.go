package pgstore

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/passcode-go/passcode/store"
)

// What Postgres and our memory bound. An entry of an index has to fit a third
// of a page, and some hold an id and a status.
const (
	maxValue  = 2048     // bytes of an indexed value
	maxStatus = 256      // bytes of a status
	maxUser   = 16 << 20 // bytes of a user as JSON
)

// encode checks the user and returns it as it is kept.
func encode(u *store.User) (string, error) {
	if err := u.Check(); err != nil {
		return "", err
	}
	for by, value := range u.Values {
		if len(value) > maxValue {
			return "", fmt.Errorf("%w: %s too long", store.ErrUser, by)
		}
	}
	if len(u.Status) > maxStatus {
		return "", fmt.Errorf("%w: status too long", store.ErrUser)
	}
	data, err := json.Marshal(u.Clone())
	if err != nil { // its text may repeat what the user is made of
		return "", fmt.Errorf("%w: metadata that is not JSON, or a time outside of the years 0 to 9999", store.ErrUser)
	}
	if len(data) > maxUser {
		return "", fmt.Errorf("%w: too large", store.ErrUser)
	}
	return string(data), nil
}

func decode(data string, u *store.User) error {
	if json.Unmarshal([]byte(data), u) != nil { // its text may repeat what the user is made of
		return newError(ErrDamaged, "", "a row of users holds no user")
	}
	return nil
}

// columns returns the columns of the user's row of users, save data, in their
// order: id, status, created_at, name, short_name.
func columns(u *store.User) []any {
	name, short := fold(join(u.Name.First, u.Name.Middle, u.Name.Last)), fold(join(u.Name.First, u.Name.Last))
	if short == name {
		short = ""
	}
	return []any{u.ID, string(u.Status), seconds(u.CreatedAt), name, short}
}

// fold returns s as searches for text compare it.
func fold(s string) string { return strings.ToLower(s) }

// join joins the parts of a name that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// seconds returns a moment in seconds since 1970, exactly.
func seconds(t time.Time) pgtype.Numeric {
	n := new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(1e9))
	n.Add(n, big.NewInt(int64(t.Nanosecond())))
	return pgtype.Numeric{Int: n, Exp: -9, Valid: true}
}

// A value is a row of user_values, save the user's id.
type value struct {
	kind     store.Index
	value    string
	part     string
	verified bool
	expires  time.Time // zero is never
	folded   string
}

// end returns expires as its column has it.
func (v *value) end() pgtype.Numeric {
	if v.expires.IsZero() {
		return pgtype.Numeric{} // null
	}
	return seconds(v.expires)
}

// The parts of a user that methods are.
const (
	partPhone = "phone"
	partEmail = "email"
	partTOTP  = "totp"
)

// values returns the rows of the user.
func values(u *store.User) []value {
	var all []value
	methods := func(by store.Index, part string, list []store.Method) {
		for _, m := range list {
			address := value{kind: by, value: m.Address, part: part, verified: m.Verified, folded: fold(m.Address)}
			if !m.Verified {
				address.expires = m.Expires
			}
			id := address
			id.kind, id.value, id.folded = store.ByMethod, m.ID, ""
			all = append(all, address, id)
		}
	}
	methods(store.ByPhone, partPhone, u.Phones)
	methods(store.ByEmail, partEmail, u.Emails)
	for _, t := range u.TOTPs {
		id := value{kind: store.ByMethod, value: t.ID, part: partTOTP, verified: t.Verified}
		if !t.Verified {
			id.expires = t.Expires
		}
		all = append(all, id)
	}
	if u.ExternalID != "" {
		all = append(all, value{kind: store.ByExternalID, value: u.ExternalID, part: string(store.ByExternalID), verified: true})
	}
	return all
}

// compare says how values turn from old into new.
func compare(old, new []value) (added, changed, removed []value) {
	type key struct {
		kind  store.Index
		value string
	}
	were := make(map[key]value, len(old))
	for _, v := range old {
		were[key{v.kind, v.value}] = v
	}
	for _, v := range new {
		at := key{v.kind, v.value}
		was, there := were[at]
		delete(were, at)
		if !there {
			added = append(added, v)
		} else if was != v {
			changed = append(changed, v)
		}
	}
	for _, v := range old {
		if _, left := were[key{v.kind, v.value}]; left {
			removed = append(removed, v)
		}
	}
	return added, changed, removed
}

// arrays returns the columns of rows as arrays, in the order of the fields.
func arrays(rows []value) []any {
	var kinds, values, parts, folded []string
	var verified []bool
	var expires []pgtype.Numeric
	for _, v := range rows {
		kinds, values, parts = append(kinds, string(v.kind)), append(values, v.value), append(parts, v.part)
		verified, expires, folded = append(verified, v.verified), append(expires, v.end()), append(folded, v.folded)
	}
	return []any{kinds, values, parts, verified, expires, folded}
}

// isText reports whether Postgres has s as a text. Any other is nobody's value.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
