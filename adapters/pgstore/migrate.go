package pgstore

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
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
// package needs, and does nothing where they are so already. Any number of
// processes may call it at once: a lock lets them in one after the other. Each
// migration takes effect whole or not at all.
//
// A migration may take as long as it needs, up to an hour, and so long others
// wait for it. Config.Timeout bounds what takes a server no time, and the wait
// for a table that somebody else has locked, during which everybody else would
// wait, too. Who has the lock and does nothing is no reason to wait: the server
// ends such a session after 10 s, or Timeout if that is more, and another
// program's that it does not end is ErrTimeout after twice that.
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
	short, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	return onConn(short, pool, "migrate", func(conn *pgx.Conn) error {
		if err := checkServer(short, conn, cfg); err != nil {
			return err
		}
		return migrator{conn, schema(cfg.Schema), known, cfg.limits()}.run(ctx)
	})
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
