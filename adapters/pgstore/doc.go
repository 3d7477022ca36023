// Package pgstore keeps a [store.Store] and a [store.Directory] in Postgres 13 or
// later. It is the store of several machines that share a database, and of those
// who have one already.
//
//	db, err := pgstore.Open(ctx, "postgres://app:secret@db.internal/app?sslmode=verify-full", pgstore.Config{Migrate: true})
//	...
//	defer db.Close()
//	users := db.Directory()
//
// Open makes a pool of connections of its own; New uses one of the program's. Any
// number of programs may use one schema at once.
//
// # Tables
//
// The database's encoding is UTF8, or it is refused with [ErrEncoding]. The tables
// live in a schema of their own, "passcode" unless Config says otherwise.
// Migrate makes and changes them, Config.Migrate has Open do so; a database that
// was not migrated is refused, and so is one whose tables are not what its record
// of migrations says. A program that shall not change tables runs as a role with
//
//	GRANT USAGE ON SCHEMA passcode TO app;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA passcode TO app;
//
// once the owner of the schema has called Migrate. An older program does not
// start on the tables of a newer one, but goes on if it runs.
//
// # Transactions
//
// Each call is a transaction of its own, and there is no way to hand in yours. A
// guess that is counted in a transaction which its caller rolls back would not
// be counted, and a used code would be good again.
//
// # Durability
//
// What was acknowledged is on the server's disk: synchronous_commit is raised to
// "on" within each transaction, whatever the server, the database or the role
// has it at; "remote_apply" stays. What no transaction can raise is looked at
// when a database is opened: a server with fsync or full_page_writes off is
// refused with [ErrVolatile], and so is one where a table was made unlogged. Some
// hosted servers, and those on ZFS, have one of the two off because their
// storage does better; for them there is Config.UnsafeVolatile.
//
// A failover to a standby that replicates asynchronously loses the last moments,
// and with them guesses that were counted and codes that were used. Where that matters, name the standby in
// synchronous_standby_names: then a swap waits for its disk, too. A restored
// backup is a failover of hours.
//
// Reads must come from the primary. Open sees to it that connections lead there,
// also after a failover: name all servers in the URL, as in
// "postgres://db1,db2/app".
//
// # Many callers
//
// While one statement is under way those who come wait, and the next carries all
// of them, up to 512. A lone caller waits for nobody and costs one plain
// statement. Updates, creations, deletions, additions and reads travel apart, in
// one statement each at a time, and one more collects what has expired, so six
// connections are what a Store uses at most.
//
// A Directory uses a connection for each call. Those of one DB use as many as the
// pool has more than six, at least one, and their searches half of them, at least
// one; further calls wait. So a search that takes long, or an export, holds up no
// check of a code. pool_max_conns in the URL is what there is for both: by
// default 10, or the number of CPUs if that is more. With fewer than eight, searches
// hold up other calls of the Directory, with one connection all calls.
//
// A caller whose operation is on the way hears how it went, even if its context
// ends meanwhile, because others travel with it. Config.Timeout bounds that.
//
// # Failures
//
// An [*Error] names the kind, to be asked for with errors.Is, and holds nothing
// of the connection string. A failed write is unknown, as the contract says: it
// may have arrived. It is not tried again, unless the server itself has undone
// it because of others. A connection that broke is replaced when it is next
// needed, so a server that was away is found again without help.
//
// # Collection
//
// Every 64th write that may make a row also drops some that have expired, more
// than were made since, so a store in use stays small. Sweep drops all of them.
// The clock is the program's, so a row is kept for Config.Skew longer, for
// programs whose clocks are behind. One whose expiry is set to an earlier time
// than before may outlive it by an hour.
//
// # Poolers, and others that speak like Postgres
//
// PgBouncer in transaction mode works, tables made by Migrate included. Before
// its version 1.21 it cannot carry prepared statements: add
// default_query_exec_mode=exec to the URL.
//
// CockroachDB is not supported: the planner settings that keep the order of locks
// are Postgres's own.
package pgstore
