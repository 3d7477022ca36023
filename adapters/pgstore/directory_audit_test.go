package pgstore

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/passcode-go/passcode/store"
)

// audit fails unless everything in the tables is what the users' data says and
// their number is what is counted.
func audit(t testing.TB, db *DB) {
	t.Helper()
	want, got := make(map[string]bool), make(map[string]bool)
	rows := func(statement string, into []any, each func()) {
		t.Helper()
		r, err := db.pool.Query(context.Background(), db.schema.sql(statement))
		if err == nil {
			_, err = pgx.ForEachRow(r, into, func() error { each(); return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	var id, data, status, name, short string
	var created, expires pgtype.Numeric
	users := 0
	rows("SELECT id, status, created_at, name, short_name, data FROM passcode.users", []any{&id, &status, &created, &name, &short, &data}, func() {
		var u store.User
		if err := decode(data, &u); err != nil {
			t.Fatal(err)
		}
		users++
		got[fmt.Sprintf("%q is %q, %s, %q, %q", id, status, nanoseconds(created), name, short)] = true
		c := columns(&u)
		want[fmt.Sprintf("%q is %q, %s, %q, %q", c[0], c[1], nanoseconds(c[2].(pgtype.Numeric)), c[3], c[4])] = true
		for _, v := range values(&u) {
			want[fmt.Sprintf("%q has %q, %q, %q, %t, %s, %q", u.ID, v.kind, v.value, v.part, v.verified, nanoseconds(v.end()), v.folded)] = true
		}
	})
	var kind, value, part, folded string
	var verified bool
	rows("SELECT user_id, kind, value, part, verified, expires, folded FROM passcode.user_values", []any{&id, &kind, &value, &part, &verified, &expires, &folded}, func() {
		got[fmt.Sprintf("%q has %q, %q, %q, %t, %s, %q", id, kind, value, part, verified, nanoseconds(expires), folded)] = true
	})
	if !maps.Equal(got, want) {
		for _, row := range slices.Sorted(maps.Keys(want)) {
			if !got[row] {
				t.Errorf("not in the tables: %s", row)
			}
		}
		for _, row := range slices.Sorted(maps.Keys(got)) {
			if !want[row] {
				t.Errorf("in the tables, but no user says so: %s", row)
			}
		}
	}
	var counted, rowsOfCounts int
	rows("SELECT coalesce(sum(users), 0)::bigint, count(*) FROM passcode.user_counts", []any{&counted, &rowsOfCounts}, func() {})
	if counted != users {
		t.Errorf("%d users are counted as %d, in %d rows", users, counted, rowsOfCounts)
	}
}

func nanoseconds(n pgtype.Numeric) string {
	if !n.Valid {
		return "null"
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.Exp)+9), nil) // at least a nanosecond
	return power.Mul(power, n.Int).String()
}
