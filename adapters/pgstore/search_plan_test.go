package pgstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
)

// A planNode is a node of what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) prints.
type planNode struct {
	Type     string     `json:"Node Type"`
	Table    string     `json:"Relation Name"`
	Index    string     `json:"Index Name"`
	Rows     float64    `json:"Actual Rows"` // in each loop
	Loops    float64    `json:"Actual Loops"`
	Filtered float64    `json:"Rows Removed by Filter"`
	Lossy    float64    `json:"Rows Removed by Index Recheck"`
	Hit      int        `json:"Shared Hit Blocks"` // with those of the nodes below
	Read     int        `json:"Shared Read Blocks"`
	Plans    []planNode `json:"Plans"`
}

// explain returns how the server answers a query.
func explain(t testing.TB, db *DB, q store.Query, after string) (root planNode, text string) {
	t.Helper()
	s := newStatement(q, after)
	args := append([]any{pgx.QueryExecModeExec}, s.args...)
	err := db.pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "+db.schema.sql(s.sql), args...).Scan(&text)
	if err != nil {
		t.Fatalf("EXPLAIN of %+v: %v", q, err)
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan, text
}

// scans returns the nodes that read tables, the indexes they use and how many
// rows they look at.
func (p *planNode) scans() (tables, indexes []string, rows float64) {
	if p.Table != "" && p.Table != "user_counts" && strings.HasSuffix(p.Type, "Seq Scan") {
		tables = append(tables, p.Table)
	}
	if p.Index != "" {
		indexes = append(indexes, p.Index)
	}
	if p.Table != "" || p.Index != "" {
		rows = (p.Rows + p.Filtered + p.Lossy) * max(p.Loops, 1)
	}
	for i := range p.Plans {
		t, x, r := p.Plans[i].scans()
		tables, indexes, rows = append(tables, t...), append(indexes, x...), rows+r
	}
	return tables, indexes, rows
}

// planUser is one of many: ids come in no order, some have a name, a phone
// number or an e-mail address, the rare are one in a hundred or a thousand.
func planUser(i int) store.User {
	h := uint64(i+1) * 0x9e3779b97f4a7c15
	name := fmt.Sprintf("%016x", h)
	at := time.Date(2024, 1, 1, 0, 0, 0, 1, time.UTC).Add(time.Duration(i) * 30 * time.Second)
	u := store.User{ID: "user-live-" + name, Status: store.Active, CreatedAt: at}
	if i%4 == 0 {
		u.Name = store.Name{First: "Ann" + name[:3], Last: "Mc" + name[5:12]}
	}
	m := store.Method{Verified: i/10%100 != 0, CreatedAt: at}
	if !m.Verified {
		m.Expires = at.Add(7 * 24 * time.Hour)
	}
	switch i % 10 {
	case 0, 4:
		m.ID, m.Address = "phone-number-live-"+name, fmt.Sprintf("+1%010d", i*7)
		u.Phones = []store.Method{m}
	case 1, 2, 3:
		m.ID, m.Address = "email-live-"+name, fmt.Sprintf("%s@mail%d.example", name[2:10], i%7)
		u.Emails = []store.Method{m}
	}
	if i%5 == 0 {
		u.ExternalID = fmt.Sprintf("crm/%d", i)
	}
	if i%20 == 0 {
		u.TOTPs = []store.TOTP{{ID: "totp-live-" + name, Verified: i%400 != 0, CreatedAt: at}}
	}
	switch {
	case i%1000 == 1:
		u.Status = "banned"
	case i%100 == 2:
		u.Status = store.Pending
	}
	return u
}

// TestSearchPlans has a server of its own, which writes no more than it must, and
// is not parallel: filling it would keep other tests from their deadlines.
func TestSearchPlans(t *testing.T) {
	users := 1_000_000
	if testing.Short() || raceEnabled {
		users = 100_000
	}
	server := servertest.Postgres(t, "fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off",
		"shared_buffers=1GB", "max_wal_size=8GB", "maintenance_work_mem=256MB")
	db := openDB(t, server.URL(), Config{Migrate: true, UnsafeVolatile: true})
	began := time.Now()
	fillUsers(t, db, users, planUser)
	t.Logf("%d users after %v", users, time.Since(began).Round(time.Second))

	one := planUser(users/100*73 + 1840)   // has a name, a phone number, an external id and an app
	other := planUser(users/100*73 + 1841) // has an e-mail address
	at := one.CreatedAt
	values := func(by store.Field, values ...string) store.Filter { return store.Filter{By: by, Values: values} }
	text := func(by store.Field, text string) store.Filter { return store.Filter{By: by, Text: text} }
	is := func(by store.Field, is bool) store.Filter { return store.Filter{By: by, Is: is} }
	window := func(d time.Duration) store.Filter {
		return store.Filter{By: store.FieldCreated, After: at, Before: at.Add(d)}
	}
	active := values(store.FieldStatus, string(store.Active))
	for _, tt := range []struct {
		what    string
		filters []store.Filter // of which any must match if what begins with "any"
		indexes string         // what it must use, one of those between slashes
		rows    float64        // how many it may look at to find a page of 100
		total   bool           // whether that holds with a total as well
	}{
		{"nothing", nil, "users_pkey", 103, true},
		{"id", []store.Filter{values(store.FieldID, one.ID, other.ID)}, "users_pkey", 2, true},
		{"external id", []store.Filter{values(store.FieldExternalID, one.ExternalID)}, "external_ids_pkey users_pkey", 2, true},
		{"common status", []store.Filter{active}, "users_pkey/users_status", 150, false},
		{"rare status", []store.Filter{values(store.FieldStatus, "banned")}, "users_status", 101, false},
		{"an hour", []store.Filter{window(time.Hour)}, "users_created_at", 120, true},
		{"a year", []store.Filter{window(365 * 24 * time.Hour)}, "users_pkey", 1000, false},
		{"rare name", []store.Filter{text(store.FieldName, one.Name.Last)}, "users_name", 10, true},
		{"common name", []store.Filter{text(store.FieldName, "ann")}, "users_pkey", 600, false},
		{"short name", []store.Filter{text(store.FieldName, "a")}, "users_pkey", 600, false},
		{"phone", []store.Filter{values(store.FieldPhone, one.Phones[0].Address)}, "phones_pkey users_pkey", 2, true},
		{"phone id", []store.Filter{values(store.FieldPhoneID, one.Phones[0].ID)}, "methods_pkey users_pkey", 2, true},
		{"rare phone text", []store.Filter{text(store.FieldPhoneText, one.Phones[0].Address[4:])}, "phones_folded users_pkey", 20, true},
		{"common phone text", []store.Filter{text(store.FieldPhoneText, "+1")}, "phones_user_id_idx users_pkey", 202, false},
		{"rare verified", []store.Filter{is(store.FieldPhoneVerified, false)}, "methods_verified users_pkey", 1000, false},
		{"common verified", []store.Filter{is(store.FieldEmailVerified, true)}, "methods_user_id_idx/methods_verified users_pkey", 500, false},
		{"email", []store.Filter{values(store.FieldEmail, other.Emails[0].Address)}, "emails_pkey users_pkey", 2, true},
		{"email id", []store.Filter{values(store.FieldEmailID, other.Emails[0].ID)}, "methods_pkey users_pkey", 2, true},
		{"rare email text", []store.Filter{text(store.FieldEmailText, other.Emails[0].Address[:6])}, "emails_folded users_pkey", 20, true},
		{"common email text", []store.Filter{text(store.FieldEmailText, "@mail3")}, "emails_user_id_idx users_pkey", 2000, false},
		{"app id", []store.Filter{values(store.FieldTOTPID, one.TOTPs[0].ID)}, "methods_pkey users_pkey", 2, true},
		{"app verified", []store.Filter{is(store.FieldTOTPVerified, false)}, "methods_verified users_pkey", 1000, false},
		{"active with email", []store.Filter{active, values(store.FieldEmail, other.Emails[0].Address)}, "emails_pkey users_pkey/users_status", 2, true},
		{"active with rare email text", []store.Filter{active, text(store.FieldEmailText, other.Emails[0].Address[:6])}, "emails_folded users_pkey/users_status", 20, true},
		{"active with common email text", []store.Filter{active, text(store.FieldEmailText, "@mail3")}, "users_pkey/users_status emails_user_id_idx", 5000, false},
		{"active since a year, verified", []store.Filter{active, window(365 * 24 * time.Hour), is(store.FieldPhoneVerified, true)}, "users_pkey/users_status methods_verified/methods_user_id_idx", 5000, false},
		{"email after much else", append(slices.Repeat([]store.Filter{active, is(store.FieldEmailVerified, true)}, 10), values(store.FieldEmail, other.Emails[0].Address)),
			"emails_pkey users_pkey/users_status", 40, true},
		{"any of phone, email, rare name", []store.Filter{values(store.FieldPhone, one.Phones[0].Address), values(store.FieldEmail, other.Emails[0].Address),
			text(store.FieldName, one.Name.Last)}, "phones_pkey emails_pkey users_name users_pkey", 10, true},
		{"any of rare status, common verified", []store.Filter{values(store.FieldStatus, "banned"), is(store.FieldEmailVerified, true)},
			"users_status methods_user_id_idx/methods_verified users_pkey", 1000, false},
	} {
		t.Run(strings.ReplaceAll(tt.what, " ", "-"), func(t *testing.T) {
			for _, total := range []bool{false, true} {
				for _, after := range []string{"", "user-live-7"} {
					if total && !tt.total {
						continue
					}
					q := store.Query{Filters: tt.filters, Any: strings.HasPrefix(tt.what, "any"), Total: total, At: at.Add(-time.Hour)}
					check(t, db, q, after, tt.indexes, tt.rows)
				}
			}
		})
	}
}

// check fails unless a page is found by the indexes and a look at so many rows.
func check(t *testing.T, db *DB, q store.Query, after, indexes string, most float64) {
	t.Helper()
	plan, text := explain(t, db, q, after)
	tables, used, rows := plan.scans()
	if q.Total && len(q.Filters) > 0 {
		most *= 2
	}
	blocks := plan.Hit + plan.Read
	bad := len(tables) > 0 || rows > most || float64(blocks) > 200+5*most
	for want := range strings.FieldsSeq(indexes) {
		bad = bad || !slices.ContainsFunc(strings.Split(want, "/"), func(index string) bool { return slices.Contains(used, index) })
	}
	t.Logf("after %q, total %t: %.0f rows, %d blocks, %q", after, q.Total, rows, blocks, used)
	if bad {
		t.Errorf("want %s, at most %.0f rows; scanned whole: %q\n%s", indexes, most, tables, text)
	}
}

// A filter that few match comes first, and what is more than a few joins is
// asked of each user who is left.
func TestJoinsAreFew(t *testing.T) {
	t.Parallel()
	q := store.Query{Filters: slices.Repeat([]store.Filter{{By: store.FieldTOTPVerified}, {By: store.FieldEmailText, Text: "a"}, {By: store.FieldPhone, Values: []string{"1"}}}, 5)}
	s := newStatement(q, "")
	if all, apart := strings.Count(s.sql, "EXISTS"), strings.Count(s.sql, "OFFSET 0"); all != 15 || apart != 15-maxJoins {
		t.Errorf("of %d conditions %d are apart", all, apart)
	}
	phone, text, app := strings.LastIndex(s.sql, "v.value"), strings.LastIndex(s.sql, "LIKE"), strings.Index(s.sql, "v.verified =")
	if phone > text || text > app {
		t.Errorf("the order is %d, %d, %d", phone, text, app)
	}
}

// The plan of a search is made for what is searched for: the server keeps none.
func TestSearchesAreNotPrepared(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	conn := openDB(t, server(t).URL()+"&pool_max_conns=1", Config{Schema: db.cfg.Schema})
	for range 10 {
		if _, err := conn.Directory().Search(t.Context(), store.Query{Filters: []store.Filter{{By: store.FieldName, Text: "a"}}}); err != nil {
			t.Fatal(err)
		}
	}
	var prepared int
	err := conn.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1", "%short_name%").Scan(&prepared)
	if err != nil || prepared != 0 {
		t.Errorf("%d searches are prepared, %v", prepared, err)
	}
}
