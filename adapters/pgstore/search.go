package pgstore

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/cursor"
	"github.com/passcode-go/passcode/store"
)

// patience is how many times Config.Timeout a search may take.
const patience = 10

// Search implements [store.Directory]. A cursor is the last id of the page
// before, so it holds through any change. A page and its total are of one
// moment.
//
// Filters on exact values are looked up. A filter for text within names or
// addresses uses an index if the extension pg_trgm is there and the text has
// three letters or digits in a row. What else a page costs is a walk along the ids
// until it is full. A total without filters is kept at hand; one with filters
// looks at every user that they leave. Therefore a search may take ten times
// Config.Timeout. Half of the calls under way at most are searches; others wait.
func (d *Directory) Search(ctx context.Context, q store.Query) (store.Page, error) {
	after, err := cursor.Parse(q.Cursor)
	if err == nil && !isText(after) {
		err = store.ErrCursor // no user has such an id
	}
	if err == nil {
		err = q.Check()
	}
	if err != nil {
		return store.Page{}, err
	}
	s := newStatement(q, after)
	var page store.Page
	limit := patience * min(d.db.cfg.Timeout, math.MaxInt64/patience)
	err = d.call(ctx, "search", limit, func(ctx context.Context, conn *pgx.Conn) (err error) {
		page, err = d.fetch(ctx, conn, s)
		return err
	}, d.db.searches)
	if err != nil {
		return store.Page{}, err
	}
	if users := page.Users; len(users) > q.Size() {
		page.Users = users[:q.Size()]
		page.Next = cursor.After(users[q.Size()-1].ID)
	}
	return page, nil
}

// fetch returns the total and one user more than fits, if there is one.
func (d *Directory) fetch(ctx context.Context, conn *pgx.Conn, s *statement) (page store.Page, err error) {
	// Prepared anew each time, so that it is planned for the values that are
	// asked for: a rare name needs another plan than a common one.
	args := append([]any{pgx.QueryExecModeExec}, s.args...)
	rows, err := conn.Query(ctx, d.db.schema.sql(s.sql), args...)
	if err != nil {
		return page, err
	}
	var total *int
	var data string
	_, err = pgx.ForEachRow(rows, []any{&total, &data}, func() error {
		if total != nil {
			page.Total = *total
			return nil
		}
		var u store.User
		if err := decode(data, &u); err != nil {
			return err
		}
		page.Users = append(page.Users, u)
		return nil
	})
	// What the server put together in parallel may have lost its order.
	slices.SortFunc(page.Users, func(a, b store.User) int { return strings.Compare(a.ID, b.ID) })
	return page, err
}
