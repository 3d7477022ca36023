-- Users. The row of users has the whole user in "data", as JSON; all else here is
-- copied from it, to be unique or to be searched. So nothing but this package
-- should write these tables, save to delete a user.

CREATE TABLE users (
	id         text COLLATE "C" NOT NULL PRIMARY KEY,
	data       text NOT NULL, -- not json, which would have to be parsed again at every write
	status     text COLLATE "C" NOT NULL,
	created_at numeric NOT NULL,          -- seconds since 1970, to the nanosecond, which timestamptz has no room for
	name       text COLLATE "C" NOT NULL, -- "first middle last" as Go's strings.ToLower has it
	short_name text COLLATE "C" NOT NULL  -- "first last", if that is another one
) WITH (fillfactor = 85); -- an update that changes "data" alone stays on its page

CREATE INDEX users_status ON users (status, id);
CREATE INDEX users_created_at ON users (created_at);

-- What belongs to one user at the most: phone numbers, e-mail addresses, ids of
-- methods and external ids, each kind a table with a unique index of its own. They
-- are parts of one table so that one statement can insert what a user has of all
-- kinds in one order. As everybody keeps to that order, and takes new values
-- before they give up old ones, nobody waits in a circle.

CREATE TABLE user_values (
	value    text COLLATE "C" NOT NULL,
	kind     text COLLATE "C" NOT NULL,
	user_id  text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
	part     text COLLATE "C" NOT NULL, -- what a method is: phone, email or totp; otherwise kind
	verified boolean NOT NULL,
	expires  numeric,                   -- when it stops being the user's, in seconds since 1970; null: never
	folded   text COLLATE "C" NOT NULL, -- an address as Go's strings.ToLower has it
	PRIMARY KEY (value, kind)
) PARTITION BY LIST (kind);

CREATE TABLE phones PARTITION OF user_values FOR VALUES IN ('phone');
CREATE TABLE emails PARTITION OF user_values FOR VALUES IN ('email');
CREATE TABLE methods PARTITION OF user_values FOR VALUES IN ('method');
CREATE TABLE external_ids PARTITION OF user_values FOR VALUES IN ('external_id');

CREATE INDEX user_values_user_id ON user_values (user_id);
CREATE INDEX methods_verified ON methods (part, verified, user_id);

-- How many users there are is the sum of user_counts, since counting a million of
-- them takes a fifth of a second. Whoever adds or removes users changes a row
-- that nobody else holds, or makes one: nobody waits for it, and there are as many
-- rows as there were writers at once.

CREATE TABLE user_counts (
	slot  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	users bigint NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION count_users() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	change bigint;
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		DELETE FROM user_counts;
		RETURN NULL;
	END IF;
	SELECT count(*) INTO change FROM changed;
	IF change = 0 THEN
		RETURN NULL;
	END IF;
	IF TG_OP = 'DELETE' THEN
		change := -change;
	END IF;
	UPDATE user_counts SET users = users + change
		WHERE slot = (SELECT slot FROM user_counts LIMIT 1 FOR UPDATE SKIP LOCKED);
	IF NOT FOUND THEN
		INSERT INTO user_counts (users) VALUES (change);
	END IF;
	RETURN NULL;
END $$;

CREATE TRIGGER count_inserted AFTER INSERT ON users REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION count_users();
CREATE TRIGGER count_deleted AFTER DELETE ON users REFERENCING OLD TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION count_users();
CREATE TRIGGER count_truncated AFTER TRUNCATE ON users
	FOR EACH STATEMENT EXECUTE FUNCTION count_users();
