package pgstore

import (
	"fmt"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return testDB(t, Config{Now: ahead(now)})
	})
}

// Callers whose connections are cut while they wait for replies, so that nobody
// knows what arrived, are told nothing that is not so.
func TestStoreOverBrokenConnections(t *testing.T) {
	t.Parallel()
	storetest.RunFaulty(t, func(t *testing.T, now func() time.Time) store.Store {
		url, proxy := throughProxy(t)
		db := openDB(t, url, Config{Now: ahead(now), Schema: newName(), Migrate: true})
		cut, stop := make(chan bool, 1), make(chan bool)
		var breaking sync.WaitGroup
		t.Cleanup(func() { close(stop); breaking.Wait() })
		breaking.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-cut:
				}
				sent := proxy.Sent()
				proxy.Swallow(true)
				select {
				case <-sent: // and it has arrived
				case <-time.After(time.Second): // nobody asks for anything
				}
				proxy.Cut()
				proxy.Swallow(false)
			}
		})
		// By the number of calls, not by time, so that most go through on any machine.
		return storetest.NewFaulty(db, func(c storetest.Call) storetest.Fault {
			if c.N%100 == 99 {
				select {
				case cut <- true:
				default:
				}
			}
			return storetest.None
		})
	})
}

func TestStoreBehindFaulty(t *testing.T) {
	t.Parallel()
	storetest.RunFaulty(t, func(t *testing.T, now func() time.Time) store.Store {
		return storetest.NewFaulty(testDB(t, Config{Now: ahead(now)}), func(c storetest.Call) storetest.Fault {
			switch c.N % 13 {
			case 3:
				return storetest.Before
			case 7:
				return storetest.After
			}
			return storetest.None
		})
	})
}

// A database that sorts as people do, whose transactions are serializable, and
// a driver that prepares nothing.
func TestStoreElsewhere(t *testing.T) {
	t.Parallel()
	url := testDatabaseWith(t, "TEMPLATE template0 "+asPeopleSort(t))
	execAt(t, server(t).URL(), "ALTER DATABASE "+databaseOf(t, url)+" SET default_transaction_isolation = serializable")
	url += "&default_query_exec_mode=simple_protocol"
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return openDB(t, url, Config{Now: ahead(now), Schema: newName(), Migrate: true})
	})
}

// asPeopleSort returns options of CREATE DATABASE for an order of text that is
// not that of its bytes.
func asPeopleSort(t *testing.T) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if majorVersion(conn.PgConn().ParameterStatus("server_version")) >= 15 {
		return "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
	}
	var locale string
	err = conn.QueryRow(ctx, "SELECT collcollate FROM pg_collation WHERE collprovider = 'c' AND collname ~ '^[a-z]+_[A-Z]+.utf-?8$' LIMIT 1").Scan(&locale)
	if err != nil {
		t.Skip("the machine has no locale, and this version of the server no other, that sorts as people do")
	}
	return "LOCALE '" + locale + "'"
}

// PgBouncer in transaction mode, as old a version as there is: it knows nothing
// of prepared statements and gives each transaction another connection.
func TestStoreBehindPgBouncer(t *testing.T) {
	t.Parallel()
	url := pgBouncer(t) + "&default_query_exec_mode=exec"
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return openDB(t, url, Config{Now: ahead(now), Schema: newName(), Migrate: true})
	})
}

// pgBouncer starts one before the shared server and returns a URL that leads
// through it.
func pgBouncer(t *testing.T) (url string) {
	t.Helper()
	host, port, _ := strings.Cut(server(t).Addr(), ":")
	path, err := osexec.LookPath("pgbouncer")
	if err != nil {
		servertest.SkipIfMissing(t, fmt.Errorf("%w: pgbouncer", servertest.ErrMissing))
	}
	listen := servertest.FreePort(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	users := file("users.txt", fmt.Sprintf("%q %q\n", "postgres", servertest.Password))
	args := []string{file("pgbouncer.ini", fmt.Sprintf(`[databases]
postgres = host=%s port=%s dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
server_reset_query_always = 1
default_pool_size = 12
max_client_conn = 500
`, host, port, listen, users))}
	if os.Getuid() == 0 { // as whom it refuses to run
		for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
			os.Chmod(d, 0o755)
		}
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-u", nobody.Username}, args...)
	}
	cmd := osexec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	url = fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/postgres?sslmode=disable", servertest.Password, listen)
	for range 200 {
		var conn *pgx.Conn
		if conn, err = pgx.Connect(t.Context(), url+"&default_query_exec_mode=simple_protocol"); err == nil {
			conn.Close(t.Context())
			return url
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatal(err)
	return ""
}
