-- Values and counters. Unqualified names land in the schema that Migrate was told.
--
-- An update must change no indexed column, so that it can stay on its page (a
-- "heap-only tuple") and touch no index. Hence "due", the indexed one, says
-- when to look whether a row has expired, not when it does: it stays as it is
-- while expires moves on. The room that fillfactor leaves is where updates go.

CREATE TABLE records (
	key     text COLLATE "C" NOT NULL PRIMARY KEY,
	value   bytea NOT NULL,
	expires timestamptz NOT NULL, -- after it the row may be collected
	due     timestamptz NOT NULL  -- when to look at the row
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

ALTER TABLE records ALTER COLUMN value SET STORAGE EXTERNAL; -- sealed and random bytes do not compress

CREATE INDEX records_due ON records (due);

CREATE TABLE counters (
	key     text COLLATE "C" NOT NULL PRIMARY KEY,
	sum     bigint NOT NULL,
	expires timestamptz NOT NULL,
	due     timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

CREATE INDEX counters_due ON counters (due);
