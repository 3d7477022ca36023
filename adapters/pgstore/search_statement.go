package pgstore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A statement answers a query. Its rows are a total and a user's data. The total
// is null but in the one row, without data, that a query for a total has.
type statement struct {
	sql  string
	args []any

	q     store.Query
	known map[string]string // the placeholders of arguments that stand in many places
	after string
}

// newStatement writes the statement for a page of users whose ids come after
// after, and for one user more.
//
// A query for users who match all filters is one SELECT with all conditions.
// One for any of several filters is a UNION of a SELECT for each, and each ends
// when it has a page full: so each has the plan that is best for its filter, be
// that a look into an index or a walk along the ids.
func newStatement(q store.Query, after string) *statement {
	s := &statement{q: q, after: after, known: make(map[string]string)}
	groups := [][]store.Filter{q.Filters}
	if q.Any && len(q.Filters) > 1 {
		groups = groups[:0]
		for i := range q.Filters {
			groups = append(groups, q.Filters[i:i+1])
		}
	}
	if len(groups) == 1 && valueTable(q.Filters) == "" {
		s.sql = s.page(q.Filters, "null::bigint, u.data")
	} else {
		var pages []string
		for _, filters := range groups {
			pages = append(pages, "("+s.page(filters, "u.id")+")")
		}
		s.sql = "SELECT null::bigint, u.data FROM passcode.users u WHERE u.id IN (" + strings.Join(pages, " UNION ALL ") + ") ORDER BY u.id LIMIT " + s.limit()
	}
	if q.Total {
		s.sql = "SELECT coalesce((" + s.total(groups) + "), 0), '' UNION ALL (" + s.sql + ")"
	}
	return s
}

// total returns a SELECT of how many users match the query.
func (s *statement) total(groups [][]store.Filter) string {
	if len(s.q.Filters) == 0 {
		return "SELECT sum(c.users)::bigint FROM passcode.user_counts c"
	}
	var all []string
	for _, filters := range groups {
		if table := valueTable(filters); table != "" {
			all = append(all, "SELECT DISTINCT v.user_id FROM passcode."+table+" v WHERE "+s.condition(&filters[0]))
		} else {
			all = append(all, "SELECT u.id FROM passcode.users u WHERE "+s.all(filters, ""))
		}
	}
	return "SELECT count(*) FROM (" + strings.Join(all, " UNION ") + ") ids"
}

// page returns a SELECT of the first users who match all filters and come after
// s.after. Where it reads a table of values it returns their ids, else columns.
func (s *statement) page(filters []store.Filter, columns string) string {
	if table := valueTable(filters); table != "" {
		return "SELECT DISTINCT v.user_id FROM passcode." + table + " v WHERE " + s.condition(&filters[0]) +
			" AND v.user_id > " + s.from() + " ORDER BY v.user_id LIMIT " + s.limit()
	}
	// That values come after s.after spares a merge of two tables all before.
	return "SELECT " + columns + " FROM passcode.users u WHERE " + s.all(filters, " AND v.user_id > "+s.from()) +
		" AND u.id > " + s.from() + " ORDER BY u.id LIMIT " + s.limit()
}

// maxJoins bounds the joins of a SELECT, because the time to plan them grows fast.
const maxJoins = 6

// all returns the condition that the user u matches all filters, with and added
// to what is asked of values.
func (s *statement) all(filters []store.Filter, and string) string {
	conditions := []string{"true"}
	joins := 0
	for _, f := range byCost(filters) {
		condition := s.condition(&f)
		if table := tables[f.By]; table != "" {
			end := ")"
			if joins++; joins > maxJoins {
				end = " OFFSET 0)" // makes no join of it: it is asked of each user who is left
			}
			condition = "EXISTS (SELECT FROM passcode." + table + " v WHERE v.user_id = u.id AND " + condition + and + end
		}
		conditions = append(conditions, condition)
	}
	return strings.Join(conditions, " AND ")
}

// valueTable returns the table of values in which all users who match are found,
// "" if that is users.
func valueTable(filters []store.Filter) string {
	if len(filters) != 1 {
		return ""
	}
	return tables[filters[0].By]
}

// byCost returns filters in an order in which those that few users match come
// first: of many joins the planner reorders only neighbours.
func byCost(filters []store.Filter) []store.Filter {
	cost := func(f store.Filter) int {
		switch f.By {
		case store.FieldName, store.FieldPhoneText, store.FieldEmailText:
			return 1
		case store.FieldStatus, store.FieldCreated, store.FieldPhoneVerified, store.FieldEmailVerified, store.FieldTOTPVerified:
			return 2
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(filters), func(a, b store.Filter) int { return cost(a) - cost(b) })
}

// tables has the table that a field is in, if that is not users.
var tables = map[store.Field]string{
	store.FieldExternalID:    "external_ids",
	store.FieldPhone:         "phones",
	store.FieldPhoneID:       "methods",
	store.FieldPhoneText:     "phones",
	store.FieldPhoneVerified: "methods",
	store.FieldEmail:         "emails",
	store.FieldEmailID:       "methods",
	store.FieldEmailText:     "emails",
	store.FieldEmailVerified: "methods",
	store.FieldTOTPID:        "methods",
	store.FieldTOTPVerified:  "methods",
}

// condition returns the condition that the row u of users, or v of the field's
// table, matches a filter.
func (s *statement) condition(f *store.Filter) string {
	switch f.By {
	case store.FieldID:
		return s.among("u.id", f)
	case store.FieldStatus:
		return s.among("u.status", f)
	case store.FieldCreated:
		var bounds []string
		if !f.After.IsZero() {
			bounds = append(bounds, "u.created_at > "+s.time(f.After))
		}
		if !f.Before.IsZero() {
			bounds = append(bounds, "u.created_at < "+s.time(f.Before))
		}
		return strings.Join(bounds, " AND ")
	case store.FieldName:
		return s.within(f, "u.name", "u.short_name")
	case store.FieldExternalID:
		return s.among("v.value", f)
	case store.FieldPhone, store.FieldEmail:
		return s.among("v.value", f) + s.there()
	case store.FieldPhoneText, store.FieldEmailText:
		return s.within(f, "v.folded") + s.there()
	case store.FieldPhoneID:
		return ofPart(partPhone) + s.among("v.value", f) + s.there()
	case store.FieldEmailID:
		return ofPart(partEmail) + s.among("v.value", f) + s.there()
	case store.FieldTOTPID:
		return ofPart(partTOTP) + s.among("v.value", f) + s.there()
	case store.FieldPhoneVerified:
		return ofPart(partPhone) + verified(f) + s.there()
	case store.FieldEmailVerified:
		return ofPart(partEmail) + verified(f) + s.there()
	case store.FieldTOTPVerified:
		return ofPart(partTOTP) + verified(f) + s.there()
	}
	return "false"
}

func ofPart(part string) string { return "v.part = '" + part + "' AND " }

func verified(f *store.Filter) string { return fmt.Sprintf("v.verified = %t", f.Is) }

// there: see store.Query.At. What is verified has no end.
func (s *statement) there() string {
	return " AND (v.expires IS NULL OR v.expires > " + s.shared("at", seconds(s.q.At), "numeric") + ")"
}

// among returns the condition that a column has one of the filter's values.
func (s *statement) among(column string, f *store.Filter) string {
	// No row has a value that Postgres cannot have.
	values := slices.DeleteFunc(slices.Clone(f.Values), func(v string) bool { return !isText(v) })
	switch len(values) {
	case 0:
		return "false"
	case 1:
		return column + " = " + s.arg(values[0], "text")
	}
	return column + " = ANY(" + s.arg(values, "text[]") + ")"
}

// within returns the condition that the filter's text is within one of the
// columns.
func (s *statement) within(f *store.Filter, columns ...string) string {
	text := fold(f.Text) // which is valid UTF-8 even if the text is not
	if !isText(text) {
		return "false"
	}
	pattern := s.arg("%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)+"%", "text")
	var any []string
	for _, column := range columns {
		any = append(any, column+" LIKE "+pattern)
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

func (s *statement) from() string { return s.shared("after", s.after, "text") }

func (s *statement) limit() string { return s.shared("limit", s.q.Size()+1, "bigint") }

func (s *statement) time(t time.Time) string { return s.arg(seconds(t), "numeric") }

// shared returns the placeholder of an argument that is passed once.
func (s *statement) shared(name string, value any, kind string) string {
	if s.known[name] == "" {
		s.known[name] = s.arg(value, kind)
	}
	return s.known[name]
}

// arg returns the placeholder of a new argument.
func (s *statement) arg(value any, kind string) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d::%s", len(s.args), kind)
}
