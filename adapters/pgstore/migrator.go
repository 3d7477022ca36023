package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A migrator works on one schema over one connection.
type migrator struct {
	conn   *pgx.Conn
	schema schema
	known  []migration
	limits migrationLimits
}

// migrationLimits bound what would otherwise keep a program from starting, with
// no word said. No limit is on what a migration does by itself, which takes long
// where there are many rows, but that all of it takes an hour at most.
type migrationLimits struct {
	answer time.Duration // for the server to answer what takes it no time, and to wait for others' locks
	idle   time.Duration // for a session that has the lock to do nothing
}

// limits returns those of Migrate.
func (c Config) limits() migrationLimits {
	return migrationLimits{answer: c.Timeout, idle: max(c.Timeout, 10*time.Second)}
}

// errWaits says that others had the lock all the time.
var errWaits = errors.New("pgstore: others are migrating")

// run applies what is missing.
func (m migrator) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	for {
		// Without the lock first: most often there is nothing to do, and then
		// nobody should need to wait, or more rights than to read.
		missing, err := m.missing(ctx)
		if err != nil || len(missing) == 0 {
			return err
		}
		err = m.locked(ctx, func() error {
			// Who waited for the lock must see what was done meanwhile.
			missing, err := m.missing(ctx)
			if err != nil || len(missing) == 0 {
				return err
			}
			return m.apply(ctx, missing[0])
		})
		if err == errWaits {
			err = m.checkHolder(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// locked calls do in a transaction that has the lock of those who migrate. The
// server ends a session that has it and does nothing, because its program was
// cut off.
func (m migrator) locked(ctx context.Context, do func() error) error {
	tx, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.limits.answer)
		defer cancel()
		tx.Rollback(ctx) // which does nothing after the commit
	}()
	short, cancel := context.WithTimeout(ctx, 2*m.limits.answer) // the server gives up first
	defer cancel()
	if _, err := tx.Exec(short, "SELECT pg_advisory_xact_lock($1)", m.schema.lock()); err != nil {
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" {
			return errWaits
		}
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func (m migrator) begin(ctx context.Context) (pgx.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, m.limits.answer)
	defer cancel()
	ms := func(d time.Duration) int64 { return max(1, d.Milliseconds()) }
	return m.conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: fmt.Sprintf(
		"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d",
		ms(m.limits.answer), ms(m.limits.idle))})
}

// checkHolder returns an error if who has the lock does nothing, and has not for
// longer than the server lets a program of this package.
func (m migrator) checkHolder(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.limits.answer)
	defer cancel()
	var pid int
	err := m.conn.QueryRow(ctx, `SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = l.database
		WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND a.datname = current_database()
			AND (l.classid::bigint << 32) | l.objid::bigint = $1
			AND a.state LIKE 'idle%' AND clock_timestamp() - a.state_change > make_interval(secs => $2)`, m.schema.lock(), 2*m.limits.idle.Seconds()).Scan(&pid)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return newError(ErrTimeout, "", fmt.Sprintf("the server's process %d has the lock of those who migrate and does nothing", pid))
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
	ctx, cancel := context.WithTimeout(ctx, m.limits.answer)
	defer cancel()
	_, err = m.conn.Exec(ctx, m.schema.sql("INSERT INTO passcode.migrations (number, name, sum, made, unmade) VALUES ($1, $2, $3, $4, $5)"),
		next.number, next.name, next.sum, without(after, before), without(before, after))
	return err
}

// found makes the schema, if there is none, and the table of migrations.
func (m migrator) found(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.limits.answer)
	defer cancel()
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
	ctx, cancel := context.WithTimeout(ctx, m.limits.answer)
	defer cancel()
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
	ctx, cancel := context.WithTimeout(ctx, m.limits.answer)
	defer cancel()
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
