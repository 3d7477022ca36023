package pgstore

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrationFiles has the migrations as NNNN_name.sql, numbered from 0001
// without a gap. A file is never changed once it was released: what it did is
// done, and its checksum is in the databases. Its statements name tables
// without a schema and run in one transaction with the row that records them.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration is one file.
type migration struct {
	number int
	name   string // of the file
	sql    string
	sum    string // SHA-256 of sql, in hex
}

// readMigrations reads the files of a directory in order.
func readMigrations(dir fs.FS) ([]migration, error) {
	paths, err := fs.Glob(dir, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, path := range paths { // in order of their names
		data, err := fs.ReadFile(dir, path)
		if err != nil {
			return nil, err
		}
		m := migration{name: strings.TrimPrefix(path, "migrations/")}
		m.sql = strings.ReplaceAll(string(data), "\r\n", "\n") // the same file wherever it was checked out
		sum := sha256.Sum256([]byte(m.sql))
		m.sum = hex.EncodeToString(sum[:])
		if m.number, err = strconv.Atoi(m.name[:min(4, len(m.name))]); err != nil || m.number != i+1 {
			return nil, fmt.Errorf("pgstore: migration %s is not number %d", m.name, i+1)
		}
		all = append(all, m)
	}
	return all, nil
}

// Migrate brings the tables of a database up to what this version of the
// package needs, and does nothing where they are so already. Of cfg Schema and
// UnsafeVolatile matter. Any number of processes may call it at once: a lock lets them in one
// after the other. Each migration takes effect whole or not at all.
//
// It needs a role that may create a schema in the database, or that owns the
// schema. A role that only uses the store needs none of that; see the package
// comment.
//
// Errors: those of [New], save ErrNotMigrated. Where ErrDamaged or ErrNewer is
// returned nothing was changed.
func Migrate(ctx context.Context, pool *pgxpool.Pool, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return failure("migrate", err)
	}
	known, err := readMigrations(migrationFiles)
	if err != nil {
		return err
	}
	return onConn(ctx, pool, "migrate", func(conn *pgx.Conn) error {
		if err := checkServer(ctx, conn, cfg); err != nil {
			return err
		}
		return migrator{conn, schema(cfg.Schema), known}.run(ctx)
	})
}

// A migrator works on one schema over one connection.
type migrator struct {
	conn   *pgx.Conn
	schema schema
	known  []migration
}

// run applies what is missing.
func (m migrator) run(ctx context.Context) error {
	for {
		// Without the lock first: most often there is nothing to do, and then
		// nobody should need to wait, or more rights than to read.
		missing, err := m.missing(ctx)
		if err != nil || len(missing) == 0 {
			return err
		}
		// Who waits for the lock must see afterwards what was done meanwhile.
		err = pgx.BeginTxFunc(ctx, m.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", m.schema.lock()); err != nil {
				return err
			}
			missing, err := m.missing(ctx)
			if err != nil || len(missing) == 0 {
				return err
			}
			return m.apply(ctx, missing[0])
		})
		if err != nil {
			return err
		}
	}
}

// apply makes one migration in the transaction that is open, and records it
// together with what it made and unmade.
func (m migrator) apply(ctx context.Context, next migration) error {
	if next.number == 1 {
		if err := m.found(ctx); err != nil {
			return err
		}
	}
	before, err := m.parts(ctx)
	if err != nil {
		return err
	}
	script := "SET LOCAL search_path TO " + m.schema.quoted() + ", pg_temp;\n" + next.sql
	// The simple protocol takes many statements at once.
	if _, err := m.conn.PgConn().Exec(ctx, script).ReadAll(); err != nil {
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if ok && strings.HasPrefix(pg.Code, "42") && pg.Code != "42501" { // not for want of a right
			return newError(ErrDamaged, pg.Code, "migration "+next.name+" does not fit what is there")
		}
		return err
	}
	after, err := m.parts(ctx)
	if err != nil {
		return err
	}
	_, err = m.conn.Exec(ctx, m.schema.sql("INSERT INTO passcode.migrations (number, name, sum, made, unmade) VALUES ($1, $2, $3, $4, $5)"),
		next.number, next.name, next.sum, without(after, before), without(before, after))
	return err
}

// found makes the schema, if there is none, and the table of migrations.
func (m migrator) found(ctx context.Context) error {
	var there bool
	if err := m.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", string(m.schema)).Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := m.conn.Exec(ctx, "CREATE SCHEMA "+m.schema.quoted()); err != nil {
			return err
		}
	}
	_, err := m.conn.Exec(ctx, m.schema.sql(`CREATE TABLE IF NOT EXISTS passcode.migrations (
		number  int NOT NULL PRIMARY KEY,
		name    text NOT NULL,
		sum     text NOT NULL,
		made    text[] NOT NULL,
		unmade  text[] NOT NULL,
		applied timestamptz NOT NULL DEFAULT now())`))
	return err
}

// parts returns the columns and indexes in the schema.
func (m migrator) parts(ctx context.Context) ([]string, error) {
	rows, err := m.conn.Query(ctx, `
		SELECT format('column %s.%s %s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod))
		FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE n.nspname = $1 AND t.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT format('%sindex %s', CASE WHEN x.indisunique THEN 'unique ' END, i.relname)
		FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
		WHERE n.nspname = $1 AND x.indisvalid`, string(m.schema))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// missing compares what is on record with what is known and with what is there,
// and returns the migrations that are not applied yet.
func (m migrator) missing(ctx context.Context) ([]migration, error) {
	// Not to_regclass, which within a transaction may not see what others have
	// made since it began.
	var there bool
	if err := m.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = 'migrations')`, string(m.schema)).Scan(&there); err != nil {
		return nil, err
	}
	if !there {
		return m.known, nil
	}
	rows, err := m.conn.Query(ctx, m.schema.sql("SELECT number, sum, made, unmade FROM passcode.migrations ORDER BY number"))
	if err != nil {
		return nil, err
	}
	type applied struct {
		Number       int
		Sum          string
		Made, Unmade []string
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[applied])
	if err != nil {
		return nil, err
	}
	var parts []string // that should be there
	for i, a := range all {
		switch {
		case a.Number != i+1:
			return nil, newError(ErrDamaged, "", fmt.Sprintf("migration %d is not on record", i+1))
		case i < len(m.known) && a.Sum != m.known[i].sum:
			return nil, newError(ErrDamaged, "", fmt.Sprintf("migration %d was another one", i+1))
		}
		parts = append(without(parts, a.Unmade), a.Made...)
	}
	if len(all) > len(m.known) {
		return nil, newError(ErrNewer, "", fmt.Sprintf("it has %d migrations, this program knows %d", len(all), len(m.known)))
	}
	present, err := m.parts(ctx)
	if err != nil {
		return nil, err
	}
	if gone := without(parts, present); len(gone) > 0 {
		return nil, newError(ErrDamaged, "", gone[0]+" is missing")
	}
	return m.known[len(all):], nil
}

// without returns what is in all and not in some, never nil.
func without(all, some []string) []string {
	return slices.DeleteFunc(append([]string{}, all...), func(s string) bool { return slices.Contains(some, s) })
}

// A schema is the name of a Postgres schema.
type schema string

// quoted returns the name as it stands in statements.
func (s schema) quoted() string { return pgx.Identifier{string(s)}.Sanitize() }

// sql returns a statement for this schema. Statements are written for the
// schema "passcode".
func (s schema) sql(statement string) string {
	return strings.ReplaceAll(statement, "passcode.", s.quoted()+".")
}

// lock returns the number of the advisory lock of those who migrate.
func (s schema) lock() int64 {
	h := fnv.New64a()
	h.Write([]byte("github.com/passcode-go/passcode/adapters/pgstore " + string(s)))
	return int64(h.Sum64())
}
