package pgstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// minVersion is the oldest major version of Postgres that will do.
const minVersion = 13

// check refuses a server or a schema that will not do.
func (db *DB) check(ctx context.Context, conn *pgx.Conn) error {
	if err := checkServer(ctx, conn, db.cfg); err != nil {
		return err
	}
	known, err := readMigrations(migrationFiles)
	if err != nil {
		return err
	}
	missing, err := migrator{conn, db.schema, known, db.cfg.limits()}.missing(ctx)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return newError(ErrNotMigrated, "", fmt.Sprintf("%d migrations are missing", len(missing)))
	}
	return db.checkTables(ctx, conn)
}

// allTables are the tables that migrations make, save the record of them.
var allTables = []string{"records", "counters", "users", "phones", "emails", "methods", "external_ids", "user_counts"}

// checkTables refuses tables that a crash would empty.
func (db *DB) checkTables(ctx context.Context, conn *pgx.Conn) error {
	if db.cfg.UnsafeVolatile {
		return nil
	}
	var table string
	err := conn.QueryRow(ctx, `SELECT coalesce(min(c.relname), '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = ANY($2) AND c.relpersistence <> 'p'`, string(db.schema), allTables).Scan(&table)
	if err == nil && table != "" {
		return newError(ErrVolatile, "", "the table "+table+" is unlogged")
	}
	return err
}

// checkServer refuses a server or a database that will not do.
func checkServer(ctx context.Context, conn *pgx.Conn, cfg Config) error {
	if major := majorVersion(conn.PgConn().ParameterStatus("server_version")); major < minVersion {
		return newError(ErrVersion, "", fmt.Sprintf("version %d, want %d", major, minVersion))
	}
	var readOnly bool
	var fsync, pages, encoding string
	if err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('server_encoding')`).
		Scan(&readOnly, &fsync, &pages, &encoding); err != nil {
		return err
	}
	switch {
	case readOnly:
		return newError(ErrReadOnly, "", "")
	case encoding != "UTF8":
		return newError(ErrEncoding, "", "it is "+encoding+", want UTF8")
	case cfg.UnsafeVolatile:
	case fsync != "on":
		return newError(ErrVolatile, "", "fsync is "+fsync)
	case pages != "on":
		return newError(ErrVolatile, "", "full_page_writes is "+pages)
	}
	return nil
}

// majorVersion returns the first number of a version, "15.18 (Debian)" say, 0
// if there is none.
func majorVersion(version string) int {
	end := 0
	for end < len(version) && version[end] >= '0' && version[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}
