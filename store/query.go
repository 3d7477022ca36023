package store

import (
	"errors"
	"time"
)

// ErrFilter is returned for a filter with a field that no Directory knows, or
// without what its field needs.
var ErrFilter = errors.New("store: bad filter")

// A Query asks a [Directory] for a page of users.
type Query struct {
	Cursor string // Page.Next of the page before; empty for the first page
	Limit  int    // how many users at the most; 0 means 100, more than 1000 means 1000

	// Filters must all match a user or, with Any, one of them. Without filters
	// every user matches. At most 100.
	Filters []Filter
	Any     bool

	// At is the moment of the question. To the filters, an address or an
	// authenticator app that is not verified and whose Expires is set and not
	// after At is not there. The zero time is before every Expires. The users
	// of the page are returned as they are kept.
	At time.Time

	// Total asks for Page.Total. It costs a look at every user if there are
	// filters.
	Total bool
}

// A Page is one page of a search.
type Page struct {
	Users []User
	Next  string // where the next page begins; empty on the last page
	Total int    // with Query.Total: how many users match, on this page or not
}

// DefaultLimit and MaxLimit are the bounds of Query.Limit, MaxFilters that of
// Query.Filters and MaxFilterValues that of Filter.Values.
const (
	DefaultLimit    = 100
	MaxLimit        = 1000
	MaxFilters      = 100
	MaxFilterValues = 1000
)

// Size returns the number of users that the query asks for, within 1 and
// MaxLimit.
func (q Query) Size() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// A Field is what a [Filter] looks at. Which other members of the filter
// matter is the second half of its comment.
type Field string

// The fields that every Directory filters by. A user with several addresses
// matches if one of them does.
const (
	FieldID            Field = "id"             // User.ID is one of Values
	FieldExternalID    Field = "external_id"    // User.ExternalID, not empty, is one of Values
	FieldStatus        Field = "status"         // User.Status is one of Values
	FieldCreated       Field = "created_at"     // User.CreatedAt is after After and before Before, of which one may be zero: no bound
	FieldName          Field = "name"           // Text is within "first middle last" or "first last", the parts that are empty left out
	FieldPhone         Field = "phone"          // an address of User.Phones is one of Values
	FieldPhoneID       Field = "phone_id"       // an id of User.Phones is one of Values
	FieldPhoneText     Field = "phone_text"     // Text is within an address of User.Phones
	FieldPhoneVerified Field = "phone_verified" // Is is Verified of one of User.Phones
	FieldEmail         Field = "email"          // as for phones
	FieldEmailID       Field = "email_id"
	FieldEmailText     Field = "email_text"
	FieldEmailVerified Field = "email_verified"
	FieldTOTPID        Field = "totp_id"       // an id of User.TOTPs is one of Values
	FieldTOTPVerified  Field = "totp_verified" // Is is Verified of one of User.TOTPs
	FieldNothing       Field = "nothing"       // nobody matches
)

// A Filter is one condition on users.
type Filter struct {
	By            Field
	Values        []string // compared byte by byte; none matches nobody; at most MaxFilterValues
	Text          string   // compared without regard to case, as strings.ToLower has it; not empty
	Is            bool
	After, Before time.Time // not both zero
}
