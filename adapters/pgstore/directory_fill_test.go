package pgstore

import (
	"iter"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/store"
)

// fillUsers puts n users into an empty directory, by COPY and with the indexes made
// afterwards, and has the server gather statistics. What it writes is what Create
// writes: see TestFillIsCreate.
func fillUsers(t testing.TB, db *DB, n int, user func(i int) store.User) {
	t.Helper()
	ctx := t.Context()
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	must := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, db.schema.sql(statement), args...); err != nil {
			t.Fatalf("%.80s: %v", statement, err)
		}
	}
	// Indexes that belong to no constraint, and not those of partitions, which
	// come and go with that of the whole table.
	rows, err := conn.Query(ctx, `SELECT i.relname, replace(pg_get_indexdef(i.oid), ' ON ONLY ', ' ON ')
		FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
		WHERE i.relnamespace = $1::regnamespace AND t.relname IN ('users', 'user_values', 'phones', 'emails', 'methods', 'external_ids')
		AND NOT x.indisprimary AND NOT i.relispartition`, db.schema.quoted())
	if err != nil {
		t.Fatal(err)
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Statement string }])
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range indexes {
		must("DROP INDEX passcode." + index.Name)
	}
	must("SET session_replication_role = replica") // no foreign keys, no triggers
	copyTo := func(table string, columns string, rows iter.Seq[[]any]) {
		t.Helper()
		next, stop := iter.Pull(rows)
		defer stop()
		source := pgx.CopyFromFunc(func() ([]any, error) {
			row, _ := next() // nil at the end
			return row, nil
		})
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{string(db.schema), table}, strings.Fields(columns), source); err != nil {
			t.Fatalf("COPY %s: %v", table, err)
		}
	}
	copyTo("users", "id status created_at name short_name data", func(yield func([]any) bool) {
		for i := range n {
			u := user(i)
			data, err := encode(&u)
			if err != nil {
				t.Error(err)
				return
			}
			if !yield(append(columns(&u), data)) {
				return
			}
		}
	})
	copyTo("user_values", "kind value part verified expires folded user_id", func(yield func([]any) bool) {
		for i := range n {
			u := user(i)
			for _, v := range values(&u) {
				if !yield([]any{string(v.kind), v.value, v.part, v.verified, v.end(), v.folded, u.ID}) {
					return
				}
			}
		}
	})
	must("INSERT INTO passcode.user_counts (users) VALUES ($1)", n)
	must("RESET session_replication_role")
	for _, index := range indexes {
		must(index.Statement)
	}
	must("VACUUM ANALYZE")
}
