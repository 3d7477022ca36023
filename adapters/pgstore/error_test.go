package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
)

// What no error may hold: parts of a connection string.
const (
	canaryUser     = "canary-user"
	canaryPassword = "canary-p/ss:w@rd"
	canaryDatabase = "canary-database"
)

// wantKind fails the test unless err is an Error of a kind, all of whose text is
// free of canaries.
func wantKind(t testing.TB, what string, err, kind error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, kind) || e.Op == "" {
		t.Errorf("%s: %v (%T), want %v", what, err, err, kind)
		return
	}
	wantNoCanary(t, what, err)
}

func wantNoCanary(t testing.TB, what string, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		text := strings.ToLower(fmt.Sprintf("%v %+v %#v", err, err, err))
		for _, canary := range []string{"canary", "p/ss", "w@rd", "w%40rd"} {
			if strings.Contains(text, canary) {
				t.Errorf("%s: %q is in %s", what, canary, text)
			}
		}
	}
}

// canaryURL returns the server's URL with another user and another database.
func canaryURL(t testing.TB, database string, params ...string) string {
	t.Helper()
	u, err := url.Parse(server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(canaryUser, canaryPassword)
	u.Path = "/" + database
	for _, p := range params {
		u.RawQuery += "&" + p
	}
	return u.String()
}

// testRole makes the canary user, once for all tests.
func testRole(t testing.TB, attributes string) {
	t.Helper()
	execAt(t, server(t).URL(),
		`DO $$ BEGIN CREATE ROLE "canary-user" LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$`,
		`ALTER ROLE "canary-user" PASSWORD '`+canaryPassword+`' `+attributes)
}

// Connection strings that are none.
func TestBadURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"postgres://canary-user:canary-p/ss:w@rd@localhost:port/canary-database",
		"postgres://canary-user:canary-p%zz@localhost/canary-database",
		"postgres://canary-user:canary-p@localhost:5432:5433/canary-database",
		"postgres://canary-user:canary-p@localhost/canary-database?sslmode=canary-mode",
		"postgres://canary-user:canary-p@localhost/canary-database?pool_max_conns=canary",
		"postgres://canary-user:canary-p@localhost/canary-database?target_session_attrs=canary",
		"redis://canary-user:canary-p@localhost",
		"host=localhost password='canary-p user=canary-user",
		"canary",
		"host=localhost port=canary password=canary-p",
		"postgres://canary-user:canary-p@localhost/?sslrootcert=/no/canary&sslmode=verify-full",
		"\x00canary",
	} {
		db, err := Open(t.Context(), bad, Config{})
		if db != nil {
			t.Errorf("%q was opened", bad)
		}
		wantKind(t, bad, err, ErrURL)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"long":    {Schema: strings.Repeat("x", 64)},
		"nul":     {Schema: "a\x00b"},
		"utf8":    {Schema: "\xff"},
		"timeout": {Timeout: -1},
		"skew":    {Skew: -1},
	} {
		_, err := Open(t.Context(), "postgres://localhost", cfg)
		wantKind(t, name, err, ErrConfig)
		wantKind(t, name, Migrate(t.Context(), nil, cfg), ErrConfig)
	}
	_, err := Open(t.Context(), server(t).URL(), Config{Schema: "pg_mine", Migrate: true})
	wantKind(t, "a reserved schema", err, ErrConfig)
}

// Servers that let nobody in, and what is said of it.
func TestServerRefuses(t *testing.T) {
	t.Parallel()
	testRole(t, "CONNECTION LIMIT -1")
	port := servertest.FreePort(t)
	silent := listen(t, func(net.Conn) {})
	closing := listen(t, func(c net.Conn) { c.Close() })
	at := func(addr string) string {
		return fmt.Sprintf("postgres://canary-user:canary-p%%2Fss@%s/canary-database?sslmode=disable", addr)
	}
	none := testDatabase(t)
	for _, test := range []struct {
		name, url string
		kind      error
		text      string
	}{
		{"password", canaryURL(t, "postgres") + "&password=canary-other", ErrAuth, "28P01"},
		{"user", strings.Replace(canaryURL(t, "postgres"), "canary-user", "canary-nobody", 1), ErrAuth, "28P01"},
		{"database", canaryURL(t, canaryDatabase), ErrAuth, "3D000"},
		{"port", at(fmt.Sprintf("127.0.0.1:%d", port)), ErrUnreachable, "connection refused"},
		{"host", at("canary.invalid"), ErrUnreachable, ""},
		{"silent", at(silent), ErrTimeout, ""},
		{"closing", at(closing), ErrUnreachable, ""},
		{"no TLS", strings.Replace(server(t).URL(), "sslmode=disable", "sslmode=require", 1), ErrUnreachable, "TLS"},
		{"version", at(fakeServer(t, "12.22 (Debian 12.22-1)")), ErrVersion, "version 12"},
		{"not migrated", none, ErrNotMigrated, ""},
		{"no right to migrate", strings.Replace(canaryURL(t, databaseOf(t, none)), "?", "?", 1), ErrDenied, "42501"},
		{"read-only", server(t).URL() + "&default_transaction_read_only=on", ErrReadOnly, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db, err := Open(t.Context(), test.url, Config{Timeout: time.Second, Migrate: test.kind == ErrDenied})
			if db != nil {
				db.Close()
				t.Error("opened")
			}
			wantKind(t, test.name, err, test.kind)
			if err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q does not say %q", err, test.text)
			}
		})
	}
}

// listen serves connections until the test ends.
func listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// fakeServer says that it is some version of Postgres and takes writes, and has
// no answer to anything else.
func fakeServer(t testing.TB, version string) (addr string) {
	return listen(t, func(c net.Conn) {
		b := pgproto3.NewBackend(c, c)
		if _, err := b.ReceiveStartupMessage(); err != nil {
			return
		}
		b.Send(&pgproto3.AuthenticationOk{})
		b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: version})
		b.Send(&pgproto3.BackendKeyData{SecretKey: []byte{1, 2, 3, 4}})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		b.Flush()
		for {
			message, err := b.Receive()
			if err != nil {
				return
			}
			if q, ok := message.(*pgproto3.Query); ok { // whether it is read-only
				b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte(q.String)}}})
				b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("off")}})
				b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SHOW")})
				b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				b.Flush()
			}
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	execAt(t, server(t).URL(), `CREATE ROLE "canary-busy" LOGIN CONNECTION LIMIT 0 PASSWORD '`+canaryPassword+`'`)
	_, err := Open(t.Context(), strings.Replace(canaryURL(t, "postgres"), "canary-user", "canary-busy", 1), Config{})
	wantKind(t, "connection limit", err, ErrBusy)

	// All connections of a pool in use by the program.
	db := openDB(t, server(t).URL()+"&pool_max_conns=1", Config{Schema: newName(), Migrate: true})
	conn, err := db.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	patient := db.cfg.Timeout
	db.cfg.Timeout = 50 * time.Millisecond
	_, err = db.Get(t.Context(), "key")
	db.cfg.Timeout = patient
	conn.Release()
	wantKind(t, "a full pool", err, ErrTimeout)
	if err != nil && !strings.Contains(err.Error(), "of the pool are in use") {
		t.Errorf("%q does not say why", err)
	}
	wantValue(t, db, "key", nil)
}

// What goes wrong on a server that was fine at Open. Nothing is accepted, the
// cause has a name, and once it is gone all is well again.
func TestServerFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		breakIt, fix []string
		kind         error
	}{
		{"tables renamed", []string{"ALTER TABLE passcode.records RENAME TO r", "ALTER TABLE passcode.counters RENAME TO c"},
			[]string{"ALTER TABLE passcode.r RENAME TO records", "ALTER TABLE passcode.c RENAME TO counters"}, ErrNotMigrated},
		{"schema renamed", []string{"ALTER SCHEMA passcode RENAME TO canary"}, []string{"ALTER SCHEMA canary RENAME TO passcode"}, ErrNotMigrated},
		{"columns renamed", []string{"ALTER TABLE passcode.records RENAME key TO k", "ALTER TABLE passcode.counters RENAME key TO k"},
			[]string{"ALTER TABLE passcode.records RENAME k TO key", "ALTER TABLE passcode.counters RENAME k TO key"}, ErrNotMigrated},
		{"read-only", []string{"ALTER DATABASE $ SET default_transaction_read_only = on"},
			[]string{"ALTER DATABASE $ RESET default_transaction_read_only"}, ErrReadOnly},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			at := testDatabase(t)
			db := openDB(t, at, Config{Migrate: true})
			a, b := []byte("a"), []byte("b")
			mustSwap(t, db, "key", nil, a)
			change := func(statements []string) {
				for _, s := range statements {
					if alter, ok := strings.CutPrefix(s, "ALTER DATABASE $"); ok { // from without
						execAt(t, server(t).URL(), "ALTER DATABASE "+databaseOf(t, at)+alter)
					} else {
						execAt(t, at, s)
					}
				}
				db.pool.Reset() // whose connections began before
			}
			change(test.breakIt)
			fails := func(what string, err error) {
				t.Helper()
				wantKind(t, what, err, test.kind)
			}
			_, err := db.Get(t.Context(), "key")
			fails("Get", err)
			_, _, err = db.CompareAndSwap(t.Context(), "key", a, b, expires)
			fails("update", err)
			_, _, err = db.CompareAndSwap(t.Context(), "other", nil, b, expires)
			fails("creation", err)
			_, _, err = db.CompareAndSwap(t.Context(), "key", a, nil, expires)
			fails("deletion", err)
			_, err = db.Add(t.Context(), "key", 1, expires)
			fails("Add", err)
			_, err = db.Sweep(t.Context())
			fails("Sweep", err)
			change(test.fix)
			wantValue(t, db, "key", a)
			wantValue(t, db, "other", nil)
			mustSwap(t, db, "key", a, b)
			if sum, err := db.Add(t.Context(), "key", 1, expires); sum != 1 || err != nil {
				t.Errorf("Add: %d, %v", sum, err)
			}
		})
	}
}

// A primary that comes back as a standby is refused, for reads as well, until
// it is promoted.
func TestStandby(t *testing.T) {
	t.Parallel()
	s := servertest.Postgres(t)
	db := openDB(t, s.URL(), Config{Migrate: true})
	a := []byte("a")
	mustSwap(t, db, "key", nil, a)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20 { // the pool still has connections to what was
		if _, err := db.Get(t.Context(), "key"); !errors.Is(err, ErrUnreachable) {
			break
		}
	}
	_, err := db.Get(t.Context(), "key")
	wantKind(t, "Get", err, ErrReadOnly)
	_, _, err = db.CompareAndSwap(t.Context(), "key", a, nil, expires)
	wantKind(t, "swap", err, ErrReadOnly)
	_, err = Open(t.Context(), s.URL(), Config{})
	wantKind(t, "Open", err, ErrReadOnly)

	execAt(t, s.URL(), "SELECT pg_promote()")
	wantValue(t, db, "key", a)
	mustSwap(t, db, "key", a, nil)
}

func TestBadKeysAndValues(t *testing.T) {
	t.Parallel()
	db, sent := testTally(t)
	for _, key := range []string{"", "a b", "a\x00", "ä", strings.Repeat("k", store.MaxKey+1)} {
		_, err := db.Get(t.Context(), key)
		_, _, err1 := db.CompareAndSwap(t.Context(), key, nil, []byte("a"), expires)
		_, err2 := db.Add(t.Context(), key, 1, expires)
		for _, err := range []error{err, err1, err2} {
			if !errors.Is(err, store.ErrKey) {
				t.Errorf("%q: %v, want ErrKey", key, err)
			}
		}
	}
	if _, _, err := db.CompareAndSwap(t.Context(), "key", nil, make([]byte, store.MaxValue+1), expires); !errors.Is(err, store.ErrValue) {
		t.Errorf("%v, want ErrValue", err)
	}
	sent.want(t, "what is refused", 0, 0)
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"25006": ErrReadOnly, "42501": ErrDenied, "53100": ErrDiskFull, "53200": ErrBusy, "53300": ErrBusy, "53400": ErrBusy,
		"42P01": ErrNotMigrated, "42703": ErrNotMigrated, "3F000": ErrNotMigrated, "3D000": ErrAuth, "28P01": ErrAuth, "28000": ErrAuth,
		"57P01": ErrUnreachable, "57P02": ErrUnreachable, "57P03": ErrUnreachable, "25P03": ErrUnreachable, "08006": ErrUnreachable, "08P01": ErrUnreachable,
		"57014": ErrTimeout, "55P03": ErrTimeout, "42939": ErrConfig, "XX000": nil, "22003": nil, "": nil, "5": nil,
	} {
		secret := &pgconn.PgError{Code: code, Message: "canary", Detail: "canary", Where: "canary"}
		err := failure("swap", fmt.Errorf("canary: %w", secret))
		e, ok := err.(*Error)
		if !ok || e.Kind != want || e.Code != code || e.Op != "swap" {
			t.Errorf("%s: %#v, want %v", code, err, want)
		}
		wantNoCanary(t, code, err)
	}
	for err, want := range map[error]error{
		context.Canceled:                                 context.Canceled,
		context.DeadlineExceeded:                         ErrTimeout,
		&net.OpError{Op: "canary", Err: errors.New("x")}: ErrUnreachable,
		&net.DNSError{Name: "canary", IsNotFound: true}:  ErrUnreachable,
		pgconn.ErrConnClosed:                             ErrUnreachable,
		pgconn.ErrReadOnlyConnection:                     ErrReadOnly,
		newError(ErrNewer, "", "fine"):                   ErrNewer,
		fmt.Errorf("canary: %w", errors.ErrUnsupported):  nil,
	} {
		wantNoCanary(t, fmt.Sprint(want), failure("swap", err))
		if e, ok := failure("swap", err).(*Error); !ok || e.Kind != want || e.Op != "swap" {
			t.Errorf("%v: %#v, want %v", err, e, want)
		}
	}
	if err := failure("swap", nil); err != nil {
		t.Error(err)
	}
	if !errors.Is(ErrTimeout, context.DeadlineExceeded) {
		t.Error("ErrTimeout is no context.DeadlineExceeded")
	}
}
