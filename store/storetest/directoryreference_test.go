package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A refDirectory is the simplest right directory, and with a flaw, one that is
// wrong in one way.
type refDirectory struct {
	flaw string

	mu    sync.Mutex
	users map[string]store.User
	index map[refIndex]string // to the id of the owner
}

type refIndex struct {
	by    store.Index
	value string
}

func newRefDirectory(flaw string) *refDirectory {
	return &refDirectory{flaw: flaw, users: make(map[string]store.User), index: make(map[refIndex]string)}
}

// begin takes the lock.
func (d *refDirectory) begin(ctx context.Context) error {
	d.mu.Lock()
	if err := ctx.Err(); err != nil && d.flaw != "cancellation ignored" {
		d.mu.Unlock()
		return err
	}
	return nil
}

// step lets others in between checking and writing.
func (d *refDirectory) step(flaw string) {
	if d.flaw == flaw {
		d.mu.Unlock()
		for range 8 {
			runtime.Gosched()
		}
		d.mu.Lock()
	}
}

// keys returns where a user is indexed.
func (d *refDirectory) keys(u store.User) []refIndex {
	var keys []refIndex
	for by, value := range u.Values {
		keys = append(keys, d.key(by, value))
	}
	switch d.flaw {
	case "empty external id is indexed":
		if u.ExternalID == "" {
			keys = append(keys, refIndex{store.ByExternalID, ""})
		}
	case "apps not indexed":
		keys = slices.DeleteFunc(keys, func(k refIndex) bool {
			return slices.ContainsFunc(u.TOTPs, func(a store.TOTP) bool { return k.by == store.ByMethod && k.value == a.ID })
		})
	case "method ids per kind":
		for i := range keys {
			if keys[i].by == store.ByMethod && i > 0 {
				keys[i].by += keys[i-1].by
			}
		}
	}
	return keys
}

func (d *refDirectory) key(by store.Index, value string) refIndex {
	switch d.flaw {
	case "values folded":
		value = strings.ToLower(value)
	case "values trimmed":
		value = strings.TrimSpace(value)
	case "one space of addresses":
		if by == store.ByEmail {
			by = store.ByPhone
		}
	case "unknown index is the id":
		if !slices.Contains([]store.Index{store.ByPhone, store.ByEmail, store.ByMethod, store.ByExternalID}, by) {
			by = store.ByID
		}
	}
	return refIndex{by, value}
}

func (d *refDirectory) check(u store.User, self string) error {
	if err := u.Check(); err != nil && d.flaw != "bad users accepted" && d.flaw != "kept as JSON" {
		return err
	}
	for _, key := range d.keys(u) {
		if d.flaw == "external id not unique" && key.by == store.ByExternalID {
			continue
		}
		if owner, ok := d.index[key]; ok && owner != self {
			switch d.flaw {
			case "owner not told":
				return store.ErrTaken
			case "wrong owner told":
				owner = u.ID
			}
			if strings.HasPrefix(string(key.by), string(store.ByMethod)) {
				key.by = store.ByMethod // of whichever kind
			}
			return &store.TakenError{Index: key.by, Owner: owner}
		}
		if d.flaw == "refusals leave an index" {
			d.index[key] = u.ID
		}
	}
	return nil
}

// copy is what lies between the directory and its callers.
func (d *refDirectory) copy(u store.User, flaw string) store.User {
	if d.flaw == flaw {
		return u
	}
	apps := u.TOTPs
	u = u.Clone()
	if d.flaw == "apps kept by reference" {
		u.TOTPs = apps
	}
	switch d.flaw {
	case "lock in seconds":
		u.Lock.Until = u.Lock.Until.Truncate(time.Second)
	case "expiry forgotten":
		for i := range u.Phones {
			u.Phones[i].Expires = time.Time{}
		}
	case "microseconds":
		u.CreatedAt = u.CreatedAt.Truncate(time.Microsecond)
	case "local times":
		u.CreatedAt = u.CreatedAt.In(time.FixedZone("local", 3600))
	case "64 bit times":
		if !u.CreatedAt.IsZero() {
			u.CreatedAt = time.Unix(0, u.CreatedAt.UnixNano()).UTC()
		}
	case "kept as JSON":
		raw, _ := json.Marshal(u)
		u = store.User{}
		json.Unmarshal(raw, &u)
	case "metadata as floats":
		var v any
		if json.Unmarshal(u.Trusted, &v) == nil {
			u.Trusted, _ = json.Marshal(v)
		}
	}
	return u
}

func (d *refDirectory) put(u store.User) {
	for i, key := range d.keys(u) {
		if !(i > 0 && d.flaw == "only ids indexed") {
			d.index[key] = u.ID
		}
	}
	d.users[u.ID] = u
}

func (d *refDirectory) remove(u store.User, flaw string) {
	if d.flaw != flaw {
		for _, key := range d.keys(u) {
			delete(d.index, key)
		}
	}
	delete(d.users, u.ID)
}

func (d *refDirectory) Create(ctx context.Context, u store.User) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := d.check(u, ""); err != nil {
		return err
	}
	d.step("checked before the lock")
	d.put(d.copy(u, "aliased by Create"))
	return nil
}

func (d *refDirectory) Lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	if err := d.begin(ctx); err != nil {
		return store.User{}, err
	}
	defer d.mu.Unlock()
	id, ok := d.index[d.key(by, value)]
	if d.flaw == "an empty value finds somebody" && value == "" {
		id, ok = "neighbour00", true
	}
	if d.flaw == "method ids per kind" && by == store.ByMethod {
		if id, ok = d.index[refIndex{by + store.ByPhone, value}]; !ok {
			id, ok = d.index[refIndex{by + store.ByEmail, value}]
		}
	}
	if !ok {
		return store.User{}, store.ErrNotFound
	}
	return d.copy(d.users[id], "aliased by Lookup"), nil
}

func (d *refDirectory) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	if err := d.begin(ctx); err != nil {
		return store.User{}, err
	}
	defer d.mu.Unlock()
	was, ok := d.users[id]
	if !ok {
		return store.User{}, store.ErrNotFound
	}
	given := d.copy(was, "change works on what is kept")
	if err := change(&given); err != nil {
		if d.flaw == "error of change replaced" {
			return store.User{}, fmt.Errorf("update: %v", err)
		}
		return store.User{}, err
	}
	if given.ID != id && d.flaw != "id can change" {
		return store.User{}, store.ErrUser
	}
	d.step("updated in two steps")
	if err := d.check(given, id); err != nil {
		return store.User{}, err
	}
	d.step("update checked before the lock")
	u := d.copy(given, "aliased by change")
	switch d.flaw {
	case "update puts before it removes":
		d.put(u)
		for _, key := range d.keys(was) {
			delete(d.index, key)
		}
		d.index[refIndex{store.ByID, u.ID}] = u.ID
	case "update adds no index":
		d.users[id] = u
	case "torn update":
		half := u.Clone()
		half.Roles = was.Roles
		d.remove(was, "")
		d.put(half)
		d.step("torn update")
		d.put(u)
	default:
		d.remove(was, "update leaves indexes")
		d.put(u)
	}
	switch d.flaw {
	case "update returns what was":
		return was.Clone(), nil
	case "update returns what change has":
		return given, nil
	}
	return d.copy(u, "aliased by Update"), nil
}

func (d *refDirectory) Delete(ctx context.Context, id string) (store.User, error) {
	if err := d.begin(ctx); err != nil {
		return store.User{}, err
	}
	defer d.mu.Unlock()
	u, ok := d.users[id]
	if !ok {
		return store.User{}, store.ErrNotFound
	}
	d.remove(u, "delete leaves indexes")
	if d.flaw == "delete harms another" {
		delete(d.index, refIndex{store.ByEmail, "neighbour07@example.com"})
	}
	if d.flaw == "delete returns nothing" {
		return store.User{}, nil
	}
	return d.copy(u, ""), nil
}

// match is store.Query.Match, with flaws.
func (d *refDirectory) match(q store.Query, u store.User) bool {
	switch d.flaw {
	case "filters ignored":
		return true
	case "any is all":
		q.Any = false
	case "the moment ignored":
		q.At = time.Time{}
	case "only the first filter":
		q.Filters = q.Filters[:min(len(q.Filters), 1)]
	case "case of ASCII only":
		for _, f := range q.Filters {
			for _, r := range f.Text {
				if r > 'z' && !strings.Contains(u.Name.First+" "+u.Name.Middle+" "+u.Name.Last+" "+u.Name.First+" "+u.Name.Last, f.Text) {
					return false
				}
			}
		}
	}
	return q.Match(&u)
}

func (d *refDirectory) Search(ctx context.Context, q store.Query) (page store.Page, err error) {
	if err := d.begin(ctx); err != nil {
		return page, err
	}
	defer d.mu.Unlock()
	after, ok := strings.CutPrefix(q.Cursor, "after:")
	if q.Cursor != "" && !ok && d.flaw != "bad cursor begins again" {
		return page, store.ErrCursor
	}
	list := slices.Sorted(maps.Keys(d.users))
	if d.flaw == "ordered without case" {
		slices.SortFunc(list, func(a, b string) int {
			return strings.Compare(strings.ToLower(a)+a, strings.ToLower(b)+b)
		})
	}
	if err := q.Check(); err != nil && d.flaw != "bad filters match nobody" {
		return page, err
	}
	switch d.flaw {
	case "filtered after the page was cut":
	case "filtered cursor counts": // the rest is below
		list = slices.DeleteFunc(list, func(id string) bool { u := d.users[id]; return !q.Match(&u) })
		d.step("filtered cursor counts")
	default:
		list = slices.DeleteFunc(list, func(id string) bool { return !d.match(q, d.users[id]) })
	}
	page.Total = len(list)
	size := q.Size()
	if d.flaw == "limit not limited" && q.Limit > 0 {
		size = q.Limit
	}
	var from int
	switch d.flaw {
	case "cursor counts", "filtered cursor counts":
		from, _ = strconv.Atoi(after)
	case "cursor must be there":
		from = slices.Index(list, after) + 1
		if after != "" && from == 0 {
			return page, store.ErrCursor
		}
	default:
		for ok && from < len(list) && list[from] <= after {
			from++
		}
	}
	end := min(len(list), from+size)
	for _, id := range list[min(from, end):end] {
		u := d.copy(d.users[id], "aliased by Search")
		switch d.flaw {
		case "search returns less":
			u.Trusted = nil
		case "expired apps dropped":
			u.TOTPs = slices.DeleteFunc(u.TOTPs, func(a store.TOTP) bool { return !a.Verified && !a.Expires.After(q.At) })
		case "filtered after the page was cut":
			if !q.Match(&u) {
				continue
			}
		}
		page.Users = append(page.Users, u)
	}
	switch d.flaw {
	case "total of the page":
		page.Total = len(page.Users)
	case "total of the rest":
		page.Total -= from
	case "total of everybody":
		page.Total = len(d.users)
	}
	if !q.Total && d.flaw != "total not asked for" {
		page.Total = 0
	}
	if len(page.Users) == 0 && d.flaw == "next after nothing" {
		page.Next = "after:"
	}
	if len(page.Users) > 0 && (end < len(list) || d.flaw == "next after the last page") {
		page.Next = "after:" + list[end-1]
		if d.flaw == "cursor counts" || d.flaw == "filtered cursor counts" {
			page.Next = fmt.Sprintf("after:%d", end)
		}
	}
	return page, nil
}
