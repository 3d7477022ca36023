package pgstore

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/internal/group"
	"github.com/passcode-go/passcode/store"
)

// maxBatch bounds how many operations one statement carries, and with it how
// long a caller waits for the operations of others.
const maxBatch = 512

// A DB is a schema of a database. It is safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	owned  bool // whether Close closes the pool
	cfg    Config
	schema schema

	// Each kind of operation is carried by statements of its own, one at a time.
	// More at once would carry fewer each, which costs more than it gains.
	gets    *group.Group[get]
	updates *group.Group[swap]
	creates *group.Group[swap]
	deletes *group.Group[swap]
	adds    *group.Group[add]

	made     atomic.Int64 // how often a row may have been made since the last collection
	sweeping slots        // one

	users    slots // calls of Directories
	searches slots // those of them that may take long

	mu     sync.Mutex
	closed bool           // and with it no more calls
	calls  sync.WaitGroup // that use pool
}

// How connections are shared out. Codes are checked while an export of all users
// is under way, and users are looked up.
const (
	storeConns   = 6  // as many as a Store uses: one for each group, one to sweep
	defaultConns = 10 // of a pool
)

// newDB returns a DB over a pool, unchecked.
func newDB(pool *pgxpool.Pool, cfg Config) *DB {
	users := max(1, int(pool.Stat().MaxConns())-storeConns)
	db := &DB{pool: pool, cfg: cfg, schema: schema(cfg.Schema),
		sweeping: make(slots, 1), users: make(slots, users), searches: make(slots, max(1, users/2))}
	db.gets = group.New(maxBatch, db.getter())
	db.updates = group.New(maxBatch, db.swapper(updateKind))
	db.creates = group.New(maxBatch, db.swapper(createKind))
	db.deletes = group.New(maxBatch, db.swapper(deleteKind))
	db.adds = group.New(maxBatch, db.adder())
	return db
}

// Open connects to the database that url names, as libpq writes it:
// "postgres://user:password@host:port/database?sslmode=verify-full". It makes a
// pool of its own, which Close closes; pool_max_conns=20 in url sets its size, by
// default 10, or the number of CPUs if that is more.
//
// A server that hangs is given up after Config.Timeout, and left by the driver
// within 15 s more.
//
// Errors: ErrConfig, ErrURL, ErrUnreachable, ErrTimeout, ErrAuth, ErrBusy,
// ErrVersion, ErrReadOnly, ErrVolatile, ErrEncoding, ErrNotMigrated, ErrNewer,
// ErrDamaged, ErrDenied, each in an [*Error].
func Open(ctx context.Context, url string, cfg Config) (*DB, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, failure("open", err)
	}
	parsed, err := pgxpool.ParseConfig(url)
	if err != nil {
		// What the driver says of it may repeat the password.
		return nil, failure("open", newError(ErrURL, "", "want postgres://user:password@host:port/database, with special characters percent-encoded"))
	}
	if plain, err := pgconn.ParseConfig(url); err == nil && plain.RuntimeParams["pool_max_conns"] == "" {
		parsed.MaxConns = max(parsed.MaxConns, defaultConns)
	}
	if parsed.ConnConfig.ConnectTimeout == 0 {
		parsed.ConnConfig.ConnectTimeout = cfg.Timeout
	}
	// A standby would answer Get with what was. After a failover the pool may
	// find itself connected to one.
	if parsed.ConnConfig.ValidateConnect == nil {
		parsed.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, failure("open", err)
	}
	db, err := New(ctx, pool, cfg)
	if err != nil {
		pool.Close()
		return nil, err
	}
	db.owned = true
	return db, nil
}

// New uses a pool of the program, which stays the program's to close. Its
// connections must lead to the primary server, also after a failover, which
// target_session_attrs=read-write sees to, and it needs a connect_timeout: pgx
// gives up a connection that hangs after two minutes, and meanwhile it counts.
//
// Errors: as Open, save ErrURL.
func New(ctx context.Context, pool *pgxpool.Pool, cfg Config) (*DB, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, failure("open", err)
	}
	if cfg.Migrate {
		if err := Migrate(ctx, pool, cfg); err != nil {
			return nil, err
		}
	}
	db := newDB(pool, cfg)
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	if err := onConn(ctx, pool, "open", func(conn *pgx.Conn) error { return db.check(ctx, conn) }); err != nil {
		return nil, err
	}
	return db, nil
}

// Close waits for the calls under way and closes the pool if Open made it.
// Every later call of any method answers store.ErrClosed at once, also while
// Close waits; another Close waits, too, and answers nil.
func (db *DB) Close() error {
	db.mu.Lock()
	db.closed = true
	db.mu.Unlock()
	db.calls.Wait()
	if db.owned {
		db.pool.Close()
	}
	return nil
}

// enter holds the pool open until leave, unless it returns an error. It waits
// for nobody.
func (db *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return store.ErrClosed
	}
	db.calls.Add(1)
	return nil
}

func (db *DB) leave() { db.calls.Done() }
