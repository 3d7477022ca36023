package accounts

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/passcode-go/passcode/store"
)

// Search returns users page by page, as [store.Directory] does. Query.At is
// not looked at. With Query.Total they are counted for the first page, and its
// total is told on every page. Errors: store.ErrCursor, store.ErrFilter,
// engine.ErrUnavailable.
func (a *Accounts) Search(ctx context.Context, q store.Query) (store.Page, error) {
	q.At = a.now()
	total, cursor, err := splitCursor(q.Cursor)
	if err != nil {
		return store.Page{}, err
	}
	known := q.Total && q.Cursor != "" && total >= 0
	told := q.Total
	q.Cursor, q.Total = cursor, q.Total && !known
	page, err := a.directory.Search(ctx, q)
	switch {
	case errors.Is(err, store.ErrCursor), errors.Is(err, store.ErrFilter):
		return store.Page{}, without(err, words(&q)...)
	case err != nil:
		return store.Page{}, unavailable(err, words(&q)...)
	}
	if known {
		page.Total = total
	}
	if page.Next != "" {
		total := -1
		if told {
			total = page.Total
		}
		page.Next = strconv.Itoa(total) + "." + page.Next
	}
	for i := range page.Users {
		a.settle(&page.Users[i])
	}
	return page, nil
}

// words returns what a query looks for, which may be addresses.
func words(q *store.Query) []string {
	all := []string{q.Cursor}
	for _, f := range q.Filters {
		all = append(append(all, f.Values...), f.Text)
	}
	return all
}

// splitCursor returns the parts of a cursor of Search: the total, -1 for
// unknown, and the Directory's own cursor.
func splitCursor(cursor string) (total int, inner string, err error) {
	if cursor == "" {
		return -1, "", nil
	}
	count, inner, ok := strings.Cut(cursor, ".")
	total, err = strconv.Atoi(count)
	if !ok || inner == "" || err != nil || total < -1 || strconv.Itoa(total) != count {
		return 0, "", store.ErrCursor
	}
	return total, inner, nil
}
