-- Indexes for text within names and addresses. They need the extension pg_trgm,
-- which comes with Postgres and which any role that may create objects in the
-- database may create in it. Where it may not, or where the extension is not
-- installed, searches for text read more and find the same.

DO $$
DECLARE
	place text;
	trgm  text;
BEGIN
	-- One extension serves all schemas of a database, so it should not go with
	-- this one. Several migrations may try at once.
	FOREACH place IN ARRAY ARRAY['public', current_schema()] LOOP
		EXIT WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm');
		BEGIN
			EXECUTE format('CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA %I', place);
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;

	SELECT quote_ident(n.nspname) || '.gin_trgm_ops' INTO trgm
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'pg_trgm' AND has_schema_privilege(n.oid, 'USAGE');
	IF trgm IS NULL THEN
		RETURN;
	END IF;
	EXECUTE 'CREATE INDEX users_name ON users USING gin (name ' || trgm || ', short_name ' || trgm || ')';
	EXECUTE 'CREATE INDEX phones_folded ON phones USING gin (folded ' || trgm || ')';
	EXECUTE 'CREATE INDEX emails_folded ON emails USING gin (folded ' || trgm || ')';
END $$;
