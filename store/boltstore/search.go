package boltstore

import (
	"context"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/internal/cursor"
	"github.com/passcode-go/passcode/store"
)

// batch is how many users are looked at between two looks at the context.
const batch = 1000

// Search implements [store.Directory]. A cursor is the last id of the page
// before, so it holds through any change. Without a filter on an indexed value
// every user is read, as far as the page needs, or all of them for
// Query.Total; all that in one transaction, which keeps writers from reusing
// pages but does not hold them up.
func (d *Directory) Search(ctx context.Context, q store.Query) (store.Page, error) {
	after, err := cursor.Parse(q.Cursor)
	if err == nil {
		err = q.Check()
	}
	if err != nil {
		return store.Page{}, err
	}
	s := search{q: q, after: after}
	err = d.view(ctx, func(tx *bolt.Tx) error {
		if q.Total && len(q.Filters) == 0 {
			defer func() { s.page.Total = int(tx.Bucket(bucketUsers).Sequence()) }()
		}
		if by, values, ok := q.Exact(); ok {
			return s.lookUp(tx, by, values)
		}
		return s.scan(ctx, tx)
	})
	if err != nil {
		return store.Page{}, err
	}
	if !q.Total {
		s.page.Total = 0
	}
	if users := s.page.Users; len(users) > q.Size() {
		s.page.Users = users[:q.Size()]
		s.page.Next = cursor.After(users[q.Size()-1].ID)
	}
	return s.page, nil
}

// A search is a Search under way. Its page has one user more than fits, if
// there is one.
type search struct {
	q     store.Query
	after string
	page  store.Page
}

// counting reports whether all users that match have to be seen.
func (s *search) counting() bool { return s.q.Total && len(s.q.Filters) > 0 }

func (s *search) full() bool { return len(s.page.Users) > s.q.Size() }

// look looks at a user.
func (s *search) look(id, data []byte) error {
	wanted := string(id) > s.after && !s.full()
	if !wanted && !s.counting() {
		return nil
	}
	var u store.User
	if err := decode(data, &u); err != nil {
		return err
	}
	if s.q.Match(&u) {
		s.page.Total++
		if wanted {
			s.page.Users = append(s.page.Users, u)
		}
	}
	return nil
}

// lookUp looks at the users who have one of the values, in the order of their
// ids.
func (s *search) lookUp(tx *bolt.Tx, by store.Index, values []string) error {
	ids := make(map[string]bool)
	for _, value := range values {
		if id := owner(tx, by, value); id != nil {
			ids[string(id)] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if err := s.look([]byte(id), tx.Bucket(bucketUsers).Get([]byte(id))); err != nil {
			return err
		}
	}
	return nil
}

// scan looks at all users from the cursor on, or all if they are counted.
func (s *search) scan(ctx context.Context, tx *bolt.Tx) error {
	from := s.after
	if s.counting() {
		from = ""
	}
	c := tx.Bucket(bucketUsers).Cursor()
	id, data := c.Seek([]byte(from))
	for n := 1; id != nil && (s.counting() || !s.full()); n++ {
		if n%batch == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.look(id, data); err != nil {
			return err
		}
		id, data = c.Next()
	}
	return nil
}

// count adds to the number of users, which is kept as the sequence of their
// bucket: it is in the file already, and changes with the users at once.
func count(tx *bolt.Tx, delta int) error {
	users := tx.Bucket(bucketUsers)
	return users.SetSequence(users.Sequence() + uint64(delta))
}

// recount puts the number of users right in a file of a version that did not
// count them.
func recount(b *bolt.DB) error {
	right := false
	err := b.View(func(tx *bolt.Tx) error {
		users := tx.Bucket(bucketUsers)
		right = users.Sequence() == uint64(users.Stats().KeyN)
		return nil
	})
	if err != nil || right {
		return err
	}
	return b.Update(func(tx *bolt.Tx) error {
		users := tx.Bucket(bucketUsers)
		return users.SetSequence(uint64(users.Stats().KeyN))
	})
}
