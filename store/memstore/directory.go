package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/passcode-go/passcode/internal/cursor"
	"github.com/passcode-go/passcode/store"
)

// A Directory is a [store.Directory] in memory. Make one with [NewDirectory].
// Its methods are safe for concurrent use. Nothing bounds how many users it
// takes.
type Directory struct {
	mu sync.RWMutex

	// A user that is in the map is never changed: Update puts another one in
	// its place. So readers need the lock for the look-up only and copy
	// without it, and Update sees by the pointer whether it came too late.
	users  map[string]*store.User // by id
	owners map[indexed]string     // the id of the user who has a value
	ids    sortedIDs
}

var _ store.Directory = (*Directory)(nil)

// indexed is a value of any index but the ids.
type indexed struct {
	by    store.Index
	value string
}

// NewDirectory returns an empty Directory.
func NewDirectory() *Directory {
	return &Directory{users: make(map[string]*store.User), owners: make(map[indexed]string)}
}

// Create implements [store.Directory].
func (d *Directory) Create(ctx context.Context, u store.User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := u.Check(); err != nil {
		return err
	}
	u = u.Clone()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users[u.ID] != nil {
		return &store.TakenError{Index: store.ByID, Owner: u.ID}
	}
	if err := d.checkFree(&u); err != nil {
		return err
	}
	d.ids.insert(u.ID)
	d.put(&u)
	return nil
}

// Lookup implements [store.Directory].
func (d *Directory) Lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	u := d.find(by, value)
	if u == nil {
		return store.User{}, store.ErrNotFound
	}
	return u.Clone(), nil
}

// Update implements [store.Directory]. It holds no lock while change runs, so
// a slow one keeps nobody waiting. If the user was changed in the meantime,
// change runs again on the new state, until it came in time or ctx is done.
func (d *Directory) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	for {
		if err := ctx.Err(); err != nil {
			return store.User{}, err
		}
		old := d.find(store.ByID, id)
		if old == nil {
			return store.User{}, store.ErrNotFound
		}
		draft := old.Clone()
		if err := change(&draft); err != nil {
			return store.User{}, err
		}
		u := draft.Clone() // change may have kept the draft
		if u.ID != id {
			return store.User{}, fmt.Errorf("%w: the id cannot change", store.ErrUser)
		}
		if err := u.Check(); err != nil {
			return store.User{}, err
		}
		if done, err := d.replace(ctx, old, &u); err != nil {
			return store.User{}, err
		} else if done {
			return u.Clone(), nil
		}
	}
}

// replace puts u in the place of old. It reports false if old is not there any
// more.
func (d *Directory) replace(ctx context.Context, old, u *store.User) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users[u.ID] != old {
		return false, nil
	}
	if err := ctx.Err(); err != nil { // change may have taken long
		return false, err
	}
	if err := d.checkFree(u); err != nil {
		return false, err
	}
	d.disown(old)
	d.put(u)
	return true, nil
}

// Delete implements [store.Directory].
func (d *Directory) Delete(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.users[id]
	if u == nil {
		return store.User{}, store.ErrNotFound
	}
	d.disown(u)
	d.ids.remove(id)
	delete(d.users, id)
	return u.Clone(), nil
}

// batch is how many users are looked at between two looks at the context.
const batch = 1000

// Search implements [store.Directory]. A cursor holds the last id of its page
// and so stays good whatever happens to users, that one included. Without a
// filter on an indexed value every user is looked at, a batch at a time.
func (d *Directory) Search(ctx context.Context, q store.Query) (store.Page, error) {
	after, err := cursor.Parse(q.Cursor)
	if err == nil {
		err = q.Check()
	}
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	var found []*store.User // one more than the page
	size := q.Size()
	counting := q.Total && len(q.Filters) > 0
	look := func(u *store.User) {
		if !q.Match(u) {
			return
		}
		page.Total++
		if u.ID > after && len(found) <= size {
			found = append(found, u)
		}
	}
	if by, values, ok := q.Exact(); ok {
		if err := ctx.Err(); err != nil {
			return store.Page{}, err
		}
		for _, u := range d.findAll(by, values) {
			look(u)
		}
	} else {
		from := after
		if counting {
			from = ""
		}
		for counting || len(found) <= size {
			if err := ctx.Err(); err != nil {
				return store.Page{}, err
			}
			users := d.findAfter(from, batch)
			for _, u := range users {
				look(u)
			}
			if len(users) < batch {
				break
			}
			from = users[len(users)-1].ID
		}
	}
	switch {
	case !q.Total:
		page.Total = 0
	case !counting:
		page.Total = d.count()
	}
	if len(found) > size {
		found = found[:size]
		page.Next = cursor.After(found[size-1].ID)
	}
	page.Users = make([]store.User, len(found))
	for i, u := range found {
		page.Users[i] = u.Clone()
	}
	return page, nil
}

// count returns the number of users.
func (d *Directory) count() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.users)
}

// findAll returns the users who have one of the values, in the order of their
// ids. They must not be changed.
func (d *Directory) findAll(by store.Index, values []string) []*store.User {
	found := make(map[string]*store.User)
	for _, value := range values {
		if u := d.find(by, value); u != nil {
			found[u.ID] = u
		}
	}
	var users []*store.User
	for _, id := range slices.Sorted(maps.Keys(found)) {
		users = append(users, found[id])
	}
	return users
}

// find returns the user who has the value, or nil. It must not be changed.
func (d *Directory) find(by store.Index, value string) *store.User {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if by != store.ByID {
		value = d.owners[indexed{by, value}]
	}
	return d.users[value]
}

// findAfter returns up to n users whose ids are above id, in order. They must
// not be changed.
func (d *Directory) findAfter(id string, n int) []*store.User {
	d.mu.RLock()
	defer d.mu.RUnlock()
	found := make([]*store.User, 0, min(n, len(d.users)))
	for id := range d.ids.after(id) {
		if len(found) == n {
			break
		}
		found = append(found, d.users[id])
	}
	return found
}

// checkFree returns a *store.TakenError if another user has a value of u.
func (d *Directory) checkFree(u *store.User) error {
	for by, value := range u.Values {
		if owner, taken := d.owners[indexed{by, value}]; taken && owner != u.ID {
			return &store.TakenError{Index: by, Owner: owner}
		}
	}
	return nil
}

// put keeps u and makes it the owner of its values.
func (d *Directory) put(u *store.User) {
	d.users[u.ID] = u
	for by, value := range u.Values {
		if by != store.ByID {
			d.owners[indexed{by, value}] = u.ID
		}
	}
}

func (d *Directory) disown(u *store.User) {
	for by, value := range u.Values {
		delete(d.owners, indexed{by, value})
	}
}
