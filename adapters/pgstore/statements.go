package pgstore

// The statements of a Store, written for the schema "passcode". Each is a
// transaction of its own.
//
// # Alone and many
//
// What one caller wants is done by a statement for one row, what many want by
// one for arrays, sorted by key. A kind of change has its own statement, and
// none changes rows in two ways, because that keeps nodes out of deadlock: each
// transaction locks rows of one table in the order of their keys, and only
// creations wait for rows that are not theirs to change (those of other
// creations, also in order, and of changes, which never wait for creations).
// For the same reason, and because statistics of a table that grows are always
// old, the planner must not scan or hash the table: what it may still do, it
// does in the order of keys (see prelude).
//
// # Durable
//
// A transaction that says "done" must be on the disk, whatever
// synchronous_commit the server, the database or the user has. It is raised
// within the transaction itself, which holds on any connection, through a pooler
// too. A higher setting stays.
//
// # Expiry
//
// due says when to look whether a row has expired. It is the indexed column, so
// it stays when expires moves on, or back by less than an hour: then the update
// touches no index.
const (
	durable = `CASE WHEN current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
		THEN set_config('synchronous_commit', 'on', true) END`

	// prelude stands before a statement for many, in its transaction.
	prelude = `SELECT ` + durable + `,
		set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

	getOne = `SELECT value FROM passcode.records WHERE key = $1`

	getMany = `SELECT key, value FROM passcode.records WHERE key = ANY($1::text[])`

	updateOne = `UPDATE passcode.records
		SET value = $3, expires = $4, due = CASE WHEN $4 < due - interval '1 hour' THEN $4 ELSE due END
		WHERE key = $1 AND value = $2
		RETURNING ` + durable

	updateMany = `UPDATE passcode.records r
		SET value = u.new, expires = u.expires, due = CASE WHEN u.expires < r.due - interval '1 hour' THEN u.expires ELSE r.due END
		FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[]) AS u (key, old, new, expires)
		WHERE r.key = u.key AND r.value = u.old
		RETURNING r.key`

	createOne = `INSERT INTO passcode.records (key, value, expires, due) VALUES ($1, $2, $3, $3)
		ON CONFLICT (key) DO NOTHING
		RETURNING ` + durable

	createMany = `INSERT INTO passcode.records (key, value, expires, due)
		SELECT key, new, expires, expires FROM unnest($1::text[], $2::bytea[], $3::timestamptz[]) AS u (key, new, expires)
		ON CONFLICT (key) DO NOTHING
		RETURNING key`

	deleteOne = `DELETE FROM passcode.records WHERE key = $1 AND value = $2
		RETURNING ` + durable

	deleteMany = `DELETE FROM passcode.records r USING unnest($1::text[], $2::bytea[]) AS u (key, old)
		WHERE r.key = u.key AND r.value = u.old
		RETURNING r.key`

	// A sum past the range of bigint is an error to Postgres. Here it goes
	// around, by taking 2^64 off, or adding it, in halves.
	addTail = ` ON CONFLICT (key) DO UPDATE SET
		sum = CASE
			WHEN c.sum > 0 AND excluded.sum > 9223372036854775807 - c.sum
			THEN (c.sum + '-9223372036854775808'::bigint) + (excluded.sum + '-9223372036854775808'::bigint)
			WHEN c.sum < 0 AND excluded.sum < '-9223372036854775808'::bigint - c.sum
			THEN (c.sum - '-9223372036854775808'::bigint) + (excluded.sum - '-9223372036854775808'::bigint)
			ELSE c.sum + excluded.sum END,
		expires = excluded.expires,
		due = CASE WHEN excluded.expires < c.due - interval '1 hour' THEN excluded.expires ELSE c.due END`

	addOne = `INSERT INTO passcode.counters AS c (key, sum, expires, due) VALUES ($1, $2, $3, $3)` +
		addTail + ` RETURNING sum, ` + durable

	addMany = `INSERT INTO passcode.counters AS c (key, sum, expires, due)
		SELECT key, delta, expires, expires FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS u (key, delta, expires)` +
		addTail + ` RETURNING key, sum`

	// sweep looks at $2 rows that are due by $1, drops those that have expired and
	// files the others anew. It waits for nobody: rows that somebody is changing
	// are skipped, and those it looks at are locked. Their latest version counts.
	sweep = `WITH seen AS MATERIALIZED (
			SELECT key FROM passcode.TABLE WHERE due <= $1 ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED),
		dropped AS (
			DELETE FROM passcode.TABLE t USING seen s WHERE t.key = s.key AND t.expires <= $1 RETURNING 1),
		filed AS (
			UPDATE passcode.TABLE t SET due = t.expires FROM seen s WHERE t.key = s.key AND t.expires > $1 RETURNING 1)
		SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM dropped), (SELECT count(*) FROM filed)`
)
