package pgstore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// What SQL finds is compared with what store.Query.Match says of every user, on
// random users and queries made of few odd values, so that they meet. It is done
// by whole scans, by every index, and without the indexes for text.
func TestSearchIsMatch(t *testing.T) {
	t.Parallel()
	// A planner that must not read whole tables or sort, and takes no time to compile
	// plans that it therefore thinks dear.
	indexes := server(t).URL() + "&enable_seqscan=off&enable_sort=off&jit=off"
	for name, open := range map[string]func(t *testing.T) *DB{
		"small":   func(t *testing.T) *DB { return testDB(t, Config{}) },
		"indexes": func(t *testing.T) *DB { return openDB(t, indexes, Config{Schema: newName(), Migrate: true}) },
		"without trigrams": func(t *testing.T) *DB {
			db := openDB(t, indexes, Config{Schema: newName(), Migrate: true})
			exec(t, db, "DROP INDEX passcode.users_name", "DROP INDEX passcode.phones_folded", "DROP INDEX passcode.emails_folded")
			return db
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := oddity{rand.New(rand.NewPCG(seed, 1))}
			users := make([]store.User, 300)
			for i := range users {
				users[i] = r.user(i)
			}
			db := open(t)
			fillUsers(t, db, len(users), func(i int) store.User { return users[i] })
			slices.SortFunc(users, func(a, b store.User) int { return strings.Compare(a.ID, b.ID) })
			found := 0
			for range 400 {
				found += compareWithMatch(t, db.Directory(), users, r.query(users))
			}
			t.Logf("found %d users", found)
			audit(t, db)
		})
	}
}

// compareWithMatch walks through all pages of a query.
func compareWithMatch(t *testing.T, d *Directory, users []store.User, q store.Query) (found int) {
	t.Helper()
	var want, got []string
	for _, u := range users {
		if q.Match(&u) {
			want = append(want, u.ID)
		}
	}
	total := 0
	if q.Total {
		total = len(want)
	}
	for {
		page, err := d.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("Search(%s): %v", show(q), err)
		}
		if page.Total != total {
			t.Fatalf("Search(%s) has the total %d, want %d", show(q), page.Total, total)
		}
		for _, u := range page.Users {
			got = append(got, u.ID)
		}
		if page.Next == "" {
			break
		}
		if len(page.Users) != q.Size() {
			t.Fatalf("Search(%s) returned %d users and a next page", show(q), len(page.Users))
		}
		q.Cursor = page.Next
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Search(%s) found %q, want %q", show(q), got, want)
	}
	return len(got)
}

// oddity makes odd users and queries.
type oddity struct{ *rand.Rand }

func (r oddity) pick(list ...string) string { return list[r.IntN(len(list))] }

// text is what breaks searches: case beyond ASCII, characters that change their
// length or that only one of two rules folds, what LIKE and regular expressions
// take for something else.
func (r oddity) text() string {
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(r.pick("a", "B", "ab", "Ann", "ann", "İ", "ı", "I", "i", "ß", "ẞ", "ſ", "s", "K", "k", "K", "Σ", "σ", "ς", "Ǆ", "ǅ", "ǆ", "é", "e\u0301", "É",
			"Ⱥ", "ⱥ", "日本", "😀", "\ufffd", "%", "_", `\`, `\%`, "%%", "'", `"`, "*", ".*", "+", "[a]", "\n", "\t", " ", "  ", "\x01", "\u200b", "\u0130", "1", "202", "@"))
	}
	return b.String()
}

func (r oddity) time() time.Time {
	base := []time.Time{
		{}, time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(2024, 2, 29, 12, 0, 0, 999_999_999, time.UTC),
		time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_990, time.UTC), time.Date(0, 1, 1, 0, 0, 0, 5, time.UTC),
	}
	return base[r.IntN(len(base))].Add(time.Duration(r.IntN(5)))
}

func (r oddity) user(i int) store.User {
	n := 0
	unique := func() string { n++; return fmt.Sprintf("%s|%d.%d", r.text(), i, n) }
	u := store.User{ID: unique(), Status: store.Status(r.pick("active", "pending", "Active", "", "%")), CreatedAt: r.time(),
		Name: store.Name{First: r.text(), Middle: r.pick("", r.text()), Last: r.text()}}
	methods := func() (list []store.Method) {
		for range r.IntN(3) {
			list = append(list, store.Method{ID: unique(), Address: unique(), Verified: r.IntN(2) == 0, Expires: r.time()})
		}
		return list
	}
	u.Phones, u.Emails = methods(), methods()
	for range r.IntN(3) {
		u.TOTPs = append(u.TOTPs, store.TOTP{ID: unique(), Verified: r.IntN(2) == 0, Expires: r.time()})
	}
	if r.IntN(2) == 0 {
		u.ExternalID = unique()
	}
	return u
}

func (r oddity) query(users []store.User) store.Query {
	q := store.Query{Any: r.IntN(2) == 0, Limit: 1 + r.IntN(150), Total: r.IntN(2) == 0, At: r.time()}
	for range r.IntN(5) {
		f := store.Filter{By: fields[r.IntN(len(fields))], Is: r.IntN(2) == 0}
		if f.After = r.time(); r.IntN(3) == 0 {
			f.After = time.Time{}
		}
		if f.Before = r.time(); f.After.IsZero() && f.Before.IsZero() {
			f.Before = time.Unix(1<<40, 0)
		}
		// A part of somebody's name or address, most often.
		u := users[r.IntN(len(users))]
		f.Text = r.pick(join(u.Name.First, u.Name.Middle, u.Name.Last), join(u.Name.First, u.Name.Last))
		if len(u.Phones) > 0 && r.IntN(3) == 0 {
			f.Text = u.Phones[0].Address
		}
		if runes := []rune(f.Text); len(runes) > 0 {
			from := r.IntN(len(runes))
			f.Text = string(runes[from:min(len(runes), from+1+r.IntN(8))])
		}
		switch r.IntN(8) {
		case 0:
			f.Text = r.text()
		case 1:
			f.Text = strings.ToUpper(f.Text)
		case 2:
			f.Text += r.pick("\x00", "\xff", "\xc3", strings.Repeat("x", 10_000))
		}
		if f.Text == "" {
			f.Text = r.pick("a", " ", "%", "_", "\xff")
		}
		for range r.IntN(5) {
			u := users[r.IntN(len(users))]
			values := []string{"nobody", "", "\xff", "\x00", u.ID + "\x00", strings.Repeat("x", 5000), string(u.Status), strings.ToUpper(u.ID)}
			for _, value := range u.Values {
				values = append(values, value, value)
			}
			f.Values = append(f.Values, r.pick(values...))
		}
		q.Filters = append(q.Filters, f)
	}
	if r.IntN(8) == 0 {
		q.Filters = slices.Repeat(q.Filters, 4) // more than are joined
	}
	return q
}

var fields = []store.Field{
	store.FieldID, store.FieldExternalID, store.FieldStatus, store.FieldCreated, store.FieldName, store.FieldPhone, store.FieldPhoneID,
	store.FieldPhoneText, store.FieldPhoneVerified, store.FieldEmail, store.FieldEmailID, store.FieldEmailText, store.FieldEmailVerified,
	store.FieldTOTPID, store.FieldTOTPVerified, store.FieldNothing,
}

func show(q store.Query) string { return fmt.Sprintf("%.2000q", fmt.Sprintf("%+v", q)) }
