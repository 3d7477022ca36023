package pgstore

import "github.com/passcode-go/passcode/store"

// The statements of a Directory, written for the schema "passcode". Those that
// search are made in search_statement.go.

// lookups find a user, by each index.
var lookups = map[store.Index]string{
	store.ByID:         `SELECT data FROM passcode.users WHERE id = $1`,
	store.ByPhone:      `SELECT u.data FROM passcode.phones v JOIN passcode.users u ON u.id = v.user_id WHERE v.value = $1`,
	store.ByEmail:      `SELECT u.data FROM passcode.emails v JOIN passcode.users u ON u.id = v.user_id WHERE v.value = $1`,
	store.ByMethod:     `SELECT u.data FROM passcode.methods v JOIN passcode.users u ON u.id = v.user_id WHERE v.value = $1`,
	store.ByExternalID: `SELECT u.data FROM passcode.external_ids v JOIN passcode.users u ON u.id = v.user_id WHERE v.value = $1`,
}

const (
	createUser = `INSERT INTO passcode.users (id, status, created_at, name, short_name, data)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`

	// updateUser changes the row that still has the data $7.
	updateUser = `UPDATE passcode.users
		SET status = $2, created_at = $3, name = $4, short_name = $5, data = $6
		WHERE id = $1 AND data = $7 RETURNING ` + durable

	// deleteUser takes the user's values along.
	deleteUser = `DELETE FROM passcode.users WHERE id = $1 RETURNING data`

	// takeValues inserts values in their order; see write.take.
	takeValues = `INSERT INTO passcode.user_values (user_id, kind, value, part, verified, expires, folded)
		SELECT $1, n.* FROM unnest($2::text[], $3::text[], $4::text[], $5::bool[], $6::numeric[], $7::text[])
			n (kind, value, part, verified, expires, folded)
		ORDER BY n.value COLLATE "C", n.kind COLLATE "C" ON CONFLICT DO NOTHING`

	ownerOfValues = `SELECT v.kind, v.user_id
		FROM unnest($2::text[], $3::text[]) n (kind, value)
		JOIN passcode.user_values v ON v.kind = n.kind AND v.value = n.value
		WHERE v.user_id <> $1 ORDER BY v.value, v.kind LIMIT 1`

	changeValues = `UPDATE passcode.user_values v
		SET part = n.part, verified = n.verified, expires = n.expires, folded = n.folded
		FROM unnest($2::text[], $3::text[], $4::text[], $5::bool[], $6::numeric[], $7::text[])
			n (kind, value, part, verified, expires, folded)
		WHERE v.kind = n.kind AND v.value = n.value AND v.user_id = $1`

	giveUpValues = `DELETE FROM passcode.user_values v
		USING unnest($2::text[], $3::text[]) n (kind, value)
		WHERE v.kind = n.kind AND v.value = n.value AND v.user_id = $1`
)
