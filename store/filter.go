package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Check returns an error that wraps [ErrFilter] if a Directory cannot answer
// the query. It does not look at the cursor.
func (q Query) Check() error {
	if len(q.Filters) > MaxFilters {
		return fmt.Errorf("%w: more than %d filters", ErrFilter, MaxFilters)
	}
	for _, f := range q.Filters {
		if problem := f.problem(); problem != "" {
			return fmt.Errorf("%w: %s", ErrFilter, problem)
		}
	}
	return nil
}

// problem says what is wrong with a filter; "" means nothing.
func (f *Filter) problem() string {
	switch f.By {
	case FieldID, FieldExternalID, FieldStatus, FieldPhone, FieldPhoneID, FieldEmail, FieldEmailID, FieldTOTPID:
		if len(f.Values) > MaxFilterValues {
			return fmt.Sprintf("more than %d values", MaxFilterValues)
		}
	case FieldName, FieldPhoneText, FieldEmailText:
		if f.Text == "" {
			return "no text"
		}
	case FieldCreated:
		if f.After.IsZero() && f.Before.IsZero() {
			return "neither bound"
		}
	case FieldPhoneVerified, FieldEmailVerified, FieldTOTPVerified, FieldNothing:
	default:
		return "unknown field"
	}
	return ""
}

// Match reports whether a user is one that the query asks for. It says what the
// fields mean; a Directory may find out in another way.
func (q Query) Match(u *User) bool {
	if len(q.Filters) == 0 {
		return true
	}
	match := func(f Filter) bool { return f.match(u, q.At) }
	if q.Any {
		return slices.ContainsFunc(q.Filters, match)
	}
	return !slices.ContainsFunc(q.Filters, func(f Filter) bool { return !match(f) })
}

func (f *Filter) match(u *User, at time.Time) bool {
	among := func(value string) bool { return slices.Contains(f.Values, value) }
	within := func(value string) bool { return strings.Contains(strings.ToLower(value), strings.ToLower(f.Text)) }
	methods := func(all []Method, fits func(m *Method) bool) bool {
		return slices.ContainsFunc(all, func(m Method) bool { return there(m.Verified, m.Expires, at) && fits(&m) })
	}
	totps := func(fits func(t *TOTP) bool) bool {
		return slices.ContainsFunc(u.TOTPs, func(t TOTP) bool { return there(t.Verified, t.Expires, at) && fits(&t) })
	}
	switch f.By {
	case FieldID:
		return among(u.ID)
	case FieldExternalID:
		return u.ExternalID != "" && among(u.ExternalID)
	case FieldStatus:
		return among(string(u.Status))
	case FieldCreated:
		return (f.After.IsZero() || u.CreatedAt.After(f.After)) && (f.Before.IsZero() || u.CreatedAt.Before(f.Before))
	case FieldName:
		return within(join(u.Name.First, u.Name.Middle, u.Name.Last)) || within(join(u.Name.First, u.Name.Last))
	case FieldPhone:
		return methods(u.Phones, func(m *Method) bool { return among(m.Address) })
	case FieldPhoneID:
		return methods(u.Phones, func(m *Method) bool { return among(m.ID) })
	case FieldPhoneText:
		return methods(u.Phones, func(m *Method) bool { return within(m.Address) })
	case FieldPhoneVerified:
		return methods(u.Phones, func(m *Method) bool { return m.Verified == f.Is })
	case FieldEmail:
		return methods(u.Emails, func(m *Method) bool { return among(m.Address) })
	case FieldEmailID:
		return methods(u.Emails, func(m *Method) bool { return among(m.ID) })
	case FieldEmailText:
		return methods(u.Emails, func(m *Method) bool { return within(m.Address) })
	case FieldEmailVerified:
		return methods(u.Emails, func(m *Method) bool { return m.Verified == f.Is })
	case FieldTOTPID:
		return totps(func(t *TOTP) bool { return among(t.ID) })
	case FieldTOTPVerified:
		return totps(func(t *TOTP) bool { return t.Verified == f.Is })
	}
	return false
}

// there reports whether what may expire has not: see Query.At.
func there(verified bool, expires, at time.Time) bool {
	return verified || expires.IsZero() || expires.After(at)
}

// join joins the parts of a name that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// Exact returns values of an index among whose owners are all users that match
// the query, if it has a filter that allows this. A Directory that looks these
// up need not look at everybody else. Not all of them need match.
func (q Query) Exact() (by Index, values []string, ok bool) {
	if q.Any && len(q.Filters) > 1 {
		return "", nil, false
	}
	for _, f := range q.Filters {
		switch f.By {
		case FieldID:
			by = ByID
		case FieldExternalID:
			by = ByExternalID
		case FieldPhone:
			by = ByPhone
		case FieldEmail:
			by = ByEmail
		case FieldPhoneID, FieldEmailID, FieldTOTPID:
			by = ByMethod
		case FieldNothing:
			return ByID, nil, true
		default:
			continue
		}
		return by, f.Values, true
	}
	return "", nil, false
}
