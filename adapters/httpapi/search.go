package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// minFuzzy is how many characters a fuzzy filter has at the least: fewer fit
// nearly everybody.
const minFuzzy = 3

// searchReply is the body of a page of users.
type searchReply struct {
	meta
	Results  []userBody `json:"results"`
	Metadata struct {
		Total int     `json:"total"`
		Next  *string `json:"next_cursor"` // null on the last page
	} `json:"results_metadata"`
}

// searchUsers is POST /v1/users/search.
func (h *Handler) searchUsers(ctx context.Context, c *call) (reply, error) {
	f := c.form
	q := store.Query{Cursor: f.text("cursor"), Total: true}
	limit, _ := f.integer("limit") // 0 is the default
	if limit < 0 || limit > store.MaxLimit {
		f.fail(errSearchLimit)
	}
	q.Limit = int(limit)
	query := f.object("query")
	switch operator := query.text("operator"); operator {
	case "AND", "":
	case "OR":
		q.Any = true
	default:
		f.fail(errSearchOperator)
	}
	operands := query.objects("operands")
	if len(operands) > store.MaxFilters {
		f.fail(badRequest("The field query.operands has more than 100 filters."))
		operands = nil
	}
	for _, operand := range operands {
		q.Filters = append(q.Filters, operand.filter(h.live))
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	page, err := h.accounts.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	reply := &searchReply{Results: []userBody{}}
	for _, u := range page.Users {
		reply.Results = append(reply.Results, newUserBody(u))
	}
	reply.Metadata.Total = page.Total
	if page.Next != "" {
		reply.Metadata.Next = &page.Next
	}
	return reply, nil
}

// Kinds of filter: what its value is.
const (
	oneOf    = "array of strings"
	anyText  = "string"
	yesOrNo  = "bool"
	aMoment  = "timestamp"
	aPeriod  = "object"
	aStatus  = "status"
	userIDs  = "user ids"
	moreThan = "after"
	lessThan = "before"
)

// A filterKind says what a filter's value is, and which field it is about.
type filterKind struct {
	value string
	field store.Field
}

// filterKindOf returns the kind of a filter by its name on the wire. Those
// about what no user here has match nobody.
func filterKindOf(name string) (kind filterKind, ok bool) {
	switch name {
	case "created_at_greater_than":
		kind = filterKind{moreThan, store.FieldCreated}
	case "created_at_less_than":
		kind = filterKind{lessThan, store.FieldCreated}
	case "created_at_between":
		kind = filterKind{aPeriod, store.FieldCreated}
	case "status":
		kind = filterKind{aStatus, store.FieldStatus}
	case "user_id":
		kind = filterKind{userIDs, store.FieldID}
	case "full_name_fuzzy":
		kind = filterKind{anyText, store.FieldName}
	case "phone_number":
		kind = filterKind{oneOf, store.FieldPhone}
	case "phone_id":
		kind = filterKind{oneOf, store.FieldPhoneID}
	case "phone_number_fuzzy":
		kind = filterKind{anyText, store.FieldPhoneText}
	case "phone_verified":
		kind = filterKind{yesOrNo, store.FieldPhoneVerified}
	case "email_address":
		kind = filterKind{oneOf, store.FieldEmail}
	case "email_id":
		kind = filterKind{oneOf, store.FieldEmailID}
	case "email_address_fuzzy":
		kind = filterKind{anyText, store.FieldEmailText}
	case "email_verified":
		kind = filterKind{yesOrNo, store.FieldEmailVerified}
	case "totp_id":
		kind = filterKind{oneOf, store.FieldTOTPID}
	case "totp_verified":
		kind = filterKind{yesOrNo, store.FieldTOTPVerified}
	case "oauth_provider", "webauthn_registration_id", "crypto_wallet_id", "crypto_wallet_address", "biometric_registration_id":
		kind = filterKind{oneOf, store.FieldNothing}
	case "webauthn_registration_verified", "crypto_wallet_verified", "biometric_registration_verified", "password_exists":
		kind = filterKind{yesOrNo, store.FieldNothing}
	default:
		return kind, false
	}
	return kind, true
}

// filter reads one operand.
func (f *form) filter(live bool) (filter store.Filter) {
	var name string
	switch raw := f.raw("filter_name"); {
	case raw == nil:
		f.fail(errSearchNoName)
		return filter
	case json.Unmarshal(raw, &name) != nil:
		f.fail(errSearchNameType)
		return filter
	}
	kind, ok := filterKindOf(name)
	value := f.raw("filter_value")
	switch {
	case !ok:
		f.fail(errSearchName)
		return filter
	case value == nil:
		f.fail(errSearchNoValue)
		return filter
	}
	filter.By = kind.field
	switch kind.value {
	case oneOf:
		filter.Values = f.searchValues(value)
	case userIDs:
		filter.Values = f.searchValues(value)
		filter.By = f.userIDField(filter.Values, live)
	case aStatus:
		status := f.searchText(value, errSearchStatus)
		if status != string(store.Active) && status != string(store.Pending) {
			f.fail(errSearchStatus)
		}
		filter.Values = []string{status}
	case anyText:
		filter.Text = f.searchText(value, errSearchString)
		if utf8.RuneCountInString(filter.Text) < minFuzzy {
			f.fail(tooShort(kind.field))
		}
	case yesOrNo:
		if json.Unmarshal(value, &filter.Is) != nil {
			f.fail(errSearchBool)
		}
	case moreThan:
		filter.After = f.searchTime(value)
	case lessThan:
		filter.Before = f.searchTime(value)
	case aPeriod:
		var period map[string]json.RawMessage
		if json.Unmarshal(value, &period) != nil {
			f.fail(errSearchObject)
			return filter
		}
		filter.After, filter.Before = f.searchTime(period["greater_than"]), f.searchTime(period["less_than"])
	}
	return filter
}

func tooShort(field store.Field) error {
	switch field {
	case store.FieldPhoneText:
		return errSearchPhoneShort
	case store.FieldEmailText:
		return errSearchEmailShort
	}
	return errSearchNameShort
}

func (f *form) searchText(raw json.RawMessage, refusal error) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		f.fail(refusal)
	}
	return s
}

func (f *form) searchValues(raw json.RawMessage) []string {
	var list []*string
	if json.Unmarshal(raw, &list) != nil || slices.Contains(list, nil) {
		f.fail(errSearchArray)
		return nil
	}
	if len(list) > store.MaxFilterValues {
		f.fail(errSearchTooMany)
		return nil
	}
	var values []string
	for _, s := range list {
		values = append(values, *s)
	}
	return values
}

func (f *form) searchTime(raw json.RawMessage) time.Time {
	t, err := time.Parse(time.RFC3339, f.searchText(raw, errSearchTime))
	if err != nil || t.IsZero() { // a zero bound is none
		f.fail(errSearchTime)
	}
	return t
}

// userIDField returns whether ids are user ids or external ids. They cannot be
// both at once.
func (f *form) userIDField(ids []string, live bool) store.Field {
	own := 0
	for _, id := range ids {
		if accounts.UserID.Match(id, live) {
			own++
		}
	}
	switch own {
	case len(ids):
		return store.FieldID
	case 0:
		return store.FieldExternalID
	}
	f.fail(errSearchMixedIDs)
	return store.FieldNothing
}
