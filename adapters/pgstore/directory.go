package pgstore

// A Directory is the users in the database of a [DB].
type Directory struct {
	db *DB
}

// Directory returns the users in the same schema.
func (db *DB) Directory() *Directory { return &Directory{db} }
