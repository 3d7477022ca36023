package pgstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/group"
	"github.com/passcode-go/passcode/store"
)

// A swap is one operation of CompareAndSwap that changes something.
type swap struct {
	key      string
	old, new []byte
	expires  time.Time

	swapped bool
	known   bool // if not swapped: whether current is what was found
	current []byte
	err     error
}

// CompareAndSwap implements [store.Store].
func (db *DB) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	if err := store.CheckKey(key); err != nil {
		return nil, false, err
	}
	if len(new) > store.MaxValue {
		return nil, false, store.ErrValue
	}
	if err := db.enter(ctx); err != nil {
		return nil, false, err
	}
	defer db.leave()
	turn, cancel := context.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	for {
		if old != nil || new != nil {
			s := swap{key: key, old: old, new: new, expires: timestamp(expires)}
			err := queue(ctx, turn, "swap", db.swaps(old, new), &s)
			if err == nil {
				err = s.err
			}
			if err != nil {
				return nil, false, err
			}
			if s.swapped && old == nil {
				db.collect(turn)
			}
			if s.swapped || s.known {
				return s.current, s.swapped, nil
			}
		}
		current, err := db.get(ctx, turn, "swap", key)
		if err != nil {
			return nil, false, err
		}
		if !same(current, old) {
			return current, false, nil
		}
		if old == nil && new == nil {
			return nil, true, nil
		}
		// It was something else a moment ago and is old again: try again.
	}
}

// swaps returns the group of a kind of swap.
func (db *DB) swaps(old, new []byte) *group.Group[swap] {
	switch {
	case old == nil:
		return db.creates
	case new == nil:
		return db.deletes
	}
	return db.updates
}

// A swapKind is a kind of swap and its statements. Both return a row for each
// row they changed, and the statement for many the key in it.
type swapKind struct {
	one, many string
	arg       func(*swap) []any   // for one
	args      func([]*swap) []any // for many
}

var (
	updateKind = swapKind{
		one: updateOne, many: updateMany,
		arg: func(s *swap) []any { return []any{s.key, s.old, s.new, s.expires} },
		args: func(all []*swap) []any {
			return []any{column(all, keyOf), column(all, oldOf), column(all, newOf), column(all, expiresOf)}
		},
	}
	createKind = swapKind{
		one: createOne, many: createMany,
		arg: func(s *swap) []any { return []any{s.key, s.new, s.expires} },
		args: func(all []*swap) []any {
			return []any{column(all, keyOf), column(all, newOf), column(all, expiresOf)}
		},
	}
	deleteKind = swapKind{
		one: deleteOne, many: deleteMany,
		arg:  func(s *swap) []any { return []any{s.key, s.old} },
		args: func(all []*swap) []any { return []any{column(all, keyOf), column(all, oldOf)} },
	}
)

func keyOf(s *swap) string        { return s.key }
func oldOf(s *swap) []byte        { return s.old }
func newOf(s *swap) []byte        { return s.new }
func expiresOf(s *swap) time.Time { return s.expires }

// column returns one field of all.
func column[O, T any](all []*O, field func(*O) T) []T {
	values := make([]T, len(all))
	for i, o := range all {
		values[i] = field(o)
	}
	return values
}

// swapper returns what carries a batch of swaps of one kind. A key can stand
// once in a statement. So the swaps of one key take turns, save those that the
// outcome of an earlier one refutes.
func (db *DB) swapper(kind swapKind) func(batch []*swap, more func() []*swap) error {
	kind.one, kind.many = db.schema.sql(kind.one), db.schema.sql(kind.many)
	return func(batch []*swap, _ func() []*swap) error {
		ctx, cancel := db.limited()
		defer cancel()
		slices.SortStableFunc(batch, func(a, b *swap) int { return cmp.Compare(a.key, b.key) })
		for len(batch) > 0 {
			turn, rest := firsts(batch)
			err := db.call(ctx, "swap", func(conn *pgx.Conn) error { return kind.carry(ctx, conn, turn) })
			if err != nil {
				for _, s := range batch {
					s.err = err
				}
				return nil // what was carried before is done
			}
			batch = refute(turn, rest)
		}
		return nil
	}
}

// carry makes swaps of different keys, sorted by key.
func (kind swapKind) carry(ctx context.Context, conn *pgx.Conn, turn []*swap) error {
	if len(turn) == 1 {
		tag, err := conn.Exec(ctx, kind.one, kind.arg(turn[0])...)
		turn[0].swapped = err == nil && tag.RowsAffected() == 1
		return err
	}
	changed := make([]bool, len(turn))
	err := queryMany(ctx, conn, kind.many, kind.args(turn), func(rows pgx.Rows) error {
		key := string(rows.RawValues()[0])
		i, found := slices.BinarySearchFunc(turn, key, func(s *swap, key string) int { return cmp.Compare(s.key, key) })
		if found {
			changed[i] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, s := range turn {
		s.swapped = changed[i]
	}
	return nil
}

// firsts splits sorted swaps in the first of each key and the rest.
func firsts(batch []*swap) (turn, rest []*swap) {
	for i := 1; i < len(batch); i++ {
		if batch[i].key != batch[i-1].key {
			continue
		}
		// Rarely.
		for i, s := range batch {
			if i > 0 && s.key == batch[i-1].key {
				rest = append(rest, s)
			} else {
				turn = append(turn, s)
			}
		}
		return turn, rest
	}
	return batch, nil
}

// refute decides those of rest that cannot swap given how the turn went, and
// returns the others. Both are sorted by key.
func refute(turn, rest []*swap) (left []*swap) {
	i := 0
	for _, s := range rest {
		for turn[i].key != s.key {
			i++
		}
		switch t := turn[i]; {
		case t.swapped && !same(t.new, s.old):
			s.current, s.known = bytes.Clone(t.new), true // t's caller will use new again
		case !t.swapped && same(t.old, s.old):
			// Neither of the two can have swapped; what was found is to be read.
		default:
			left = append(left, s)
		}
	}
	return left
}

// same reports whether two values are the same, telling nil from empty.
func same(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}
