package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
)

// canary is a password, a key or a value that no error may show.
const canary = "canary-Xq7"

// wantQuiet fails the test if the error shows the canary or the servers' own
// password in any way of printing it.
func wantQuiet(t testing.TB, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%x"} {
			text := fmt.Sprintf(verb, err)
			for _, secret := range []string{canary, servertest.Password, "Xq7", url.QueryEscape(canary)} {
				if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
					t.Errorf("%s shows %q: %s", verb, secret, text)
				}
			}
		}
	}
}

// listen runs a server that speaks to each connection in its own way.
func listen(t testing.TB, speak func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go speak(conn)
		}
	}()
	return l.Addr().String()
}

// All that can go wrong while opening.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	addr := server(t).Addr()
	port := servertest.FreePort(t)
	silent := listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	echo := listen(t, func(conn net.Conn) { io.Copy(conn, conn) })
	web := listen(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 1))
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n"+canary)
		conn.Close()
	})
	repeats := listen(t, func(conn net.Conn) {
		chunk := make([]byte, 4096)
		for n := 0; ; n++ {
			got, err := conn.Read(chunk)
			if err != nil {
				return
			}
			if n == 0 {
				io.WriteString(conn, "-NOAUTH "+canary+"\r\n") // to the greeting
				continue
			}
			for range strings.Count("\r\n"+string(chunk[:got]), "\r\n*") { // to each command
				io.WriteString(conn, "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `"+canary+"`\r\n")
			}
		}
	})
	mail := listen(t, func(conn net.Conn) { io.WriteString(conn, "+OK POP3 ready\r\n"); io.Copy(conn, conn) })
	for _, c := range []struct {
		url  string
		want error // nil: any *Error
	}{
		{"redis://:" + canary + "@" + addr, ErrAuth},
		{"redis://" + canary + ":" + canary + "@" + addr, ErrAuth},
		{"redis://" + addr, ErrAuth},
		{"redis://:" + canary + "@127.0.0.1:" + fmt.Sprint(port), ErrUnreachable},
		{"redis://:" + canary + "@" + canary + ".invalid", ErrUnreachable},
		{"redis://" + canary, ErrUnreachable},
		{"unix://:" + canary + "@/" + canary, ErrUnreachable},
		{"rediss://:" + canary + "@" + addr, nil},
		{"redis://:" + canary + "@" + silent, ErrTimeout},
		{"rediss://:" + canary + "@" + silent, ErrTimeout},
		{"redis://:" + canary + "@" + web, ErrUnreachable},
		{"redis://:" + canary + "@" + echo, nil},
		{"redis://:" + canary + "@" + repeats, nil},
		{"redis://:" + canary + "@" + mail, ErrUnreachable},
		{"redis://:" + servertest.Password + "@" + addr + "/99999", nil},
		{"redis://:" + servertest.Password + "@" + addr + "?addr=" + addr, nil}, // no cluster
		{strings.Replace(cluster(t).Nodes[0].URL(), "/0", "/1", 1), nil},
		{strings.Replace(sentinel(t).URL(), "master_set=", "master_set="+canary, 1), ErrURL},
		{strings.Replace(sentinel(t).URL(), "sentinel_password="+servertest.Password, "sentinel_password="+canary, 1), ErrAuth},
		{strings.Replace(sentinel(t).URL(), ":"+servertest.Password+"@", ":"+canary+"@", 1), ErrAuth},
		{strings.Replace(sentinel(t).URL(), sentinel(t).Addr(), addr, 1), nil}, // no sentinel
		{"redis://:" + canary + "@" + addr + "/" + canary, ErrURL},
		{"redis://:" + canary + "%@" + addr, ErrURL},
		{"redis://:" + canary + "@host:" + canary, ErrURL},
		{canary + "://:" + canary, ErrURL},
		{"redis://host?" + canary + "=" + canary, ErrURL},
		{"redis://host?dial_timeout=" + canary, ErrURL},
	} {
		cfg := patient
		if strings.HasSuffix(c.url, silent) || strings.HasPrefix(c.url, "rediss") { // no answer comes
			cfg.DialTimeout = 200 * time.Millisecond
		}
		began := time.Now()
		s, err := Open(t.Context(), c.url, cfg)
		if err == nil {
			t.Errorf("%s was opened", c.url)
			s.Close()
			continue
		}
		wantQuiet(t, err)
		if e, ok := errors.AsType[*Error](err); !ok || c.want != nil && e.Kind != c.want {
			t.Errorf("%s: %T %v, want %v", c.url, err, err, c.want)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("%s: it took %v", c.url, took)
		}
	}
}

// The context of Open ends what Open waits for: the greeting, with and without
// TLS, and the login.
func TestOpenHeedsContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scheme string
		greets bool
	}{{"redis", false}, {"rediss", false}, {"redis", true}} {
		waiting := make(chan struct{}, 100)
		addr := listen(t, func(conn net.Conn) {
			if c.greets {
				conn.Read(make([]byte, 100))
				io.WriteString(conn, "+PONG\r\n")
			}
			io.ReadFull(conn, make([]byte, 1))
			waiting <- struct{}{}
			io.Copy(io.Discard, conn)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-waiting; cancel() }()
		began := time.Now()
		_, err := Open(ctx, c.scheme+"://"+addr, Config{DialTimeout: 20 * time.Second, Timeout: time.Minute})
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 10*time.Second {
			t.Errorf("%+v, after %v: %v", c, took, err)
		}
	}
	if _, err := Open(done(t), server(t).URL(), Config{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// done returns a context that is done.
func done(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A server that is full, or cannot write, refuses and has changed nothing. It
// goes on when it can.
func TestRefusingServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args       []string
		fail, mend func(t *testing.T, server *servertest.Server)
		want       error
		code       string
		deletes    bool // whether it still deletes
	}{
		"memory full": {durable,
			func(t *testing.T, server *servertest.Server) { command(t, server, "CONFIG SET maxmemory 1") },
			func(t *testing.T, server *servertest.Server) { command(t, server, "CONFIG SET maxmemory 0") },
			store.ErrFull, "OOM", true},
		"disk full": {snapshot,
			func(t *testing.T, server *servertest.Server) {
				// What cannot be replaced stands in the snapshot's place.
				if err := os.MkdirAll(filepath.Join(server.Dir, "dump.rdb", "full"), 0o700); err != nil {
					t.Fatal(err)
				}
				servertest.RedisCommand(server.Addr(), "SAVE")
				eventually(t, func() error {
					if !strings.Contains(command(t, server, "INFO persistence"), "rdb_last_bgsave_status:err") {
						servertest.RedisCommand(server.Addr(), "BGSAVE")
						return errors.New("it still saves")
					}
					return nil
				})
			},
			func(t *testing.T, server *servertest.Server) {
				os.RemoveAll(filepath.Join(server.Dir, "dump.rdb"))
				save(t, server)
				eventually(t, func() error {
					if !strings.Contains(command(t, server, "INFO persistence"), "rdb_last_bgsave_status:ok") {
						return errors.New("it does not save")
					}
					return nil
				})
			},
			ErrDisk, "MISCONF", false},
		"too few replicas": {durable,
			func(t *testing.T, server *servertest.Server) {
				command(t, server, "CONFIG SET min-replicas-to-write 1")
			},
			func(t *testing.T, server *servertest.Server) {
				command(t, server, "CONFIG SET min-replicas-to-write 0")
			},
			ErrUnreachable, "NOREPLICAS", false},
	} {
		for _, fence := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, fence=%t", name, fence), func(t *testing.T) {
				t.Parallel()
				ctx := t.Context()
				server := servertest.Redis(t, c.args...)
				s := openAt(t, server.URL(), Config{Fence: fence, UnsafeVolatile: true})
				value, new := []byte(canary), []byte(canary+" new")
				mustSwap(t, s, canary, nil, value)
				mustSwap(t, s, "deleted", nil, value)
				wantSum(t, s, canary, 3, 3)
				c.fail(t, server)
				_, _, replace := s.CompareAndSwap(ctx, canary, value, new, later())
				_, _, create := s.CompareAndSwap(ctx, "other", nil, new, later())
				_, add := s.Add(ctx, canary, 1, later())
				_, addOther := s.Add(ctx, "other", 1, later())
				for _, err := range []error{replace, create, add, addOther} {
					wantError(t, err, c.want)
					wantQuiet(t, err)
					if e, ok := errors.AsType[*Error](err); !ok || e.Code != c.code {
						t.Errorf("%v: want the code %s", err, c.code)
					}
				}
				if c.deletes {
					mustSwap(t, s, "deleted", value, nil)
				}
				wantValue(t, s, canary, value)
				c.mend(t, server)
				wantValue(t, s, "other", nil)
				wantSum(t, s, canary, 0, 3)
				wantSum(t, s, "other", 1, 1)
				mustSwap(t, s, canary, value, new)
			})
		}
	}
}

// A server that runs somebody's endless script does nothing else.
func TestBusyServer(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, slices.Concat(durable, []string{"--lua-time-limit", "50"})...)
	s := openAt(t, server.URL(), Config{})
	running := make(chan struct{})
	go func() {
		defer close(running)
		servertest.RedisCommand(server.Addr(), "EVAL repeat(redis.sha1hex)(1)until(false) 0")
	}()
	eventually(t, func() error {
		_, err := s.Add(t.Context(), "key", 1, later())
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != ErrUnreachable || e.Code != "BUSY" {
			return fmt.Errorf("want BUSY: %v", err)
		}
		return nil
	})
	eventually(t, func() error {
		_, err := servertest.RedisCommand(server.Addr(), "SCRIPT KILL")
		return err
	})
	<-running
	reconnect(t, s)
}

// A cluster that has lost a master answers for nobody, or only for the others.
func TestClusterDown(t *testing.T) {
	t.Parallel()
	c := servertest.RedisCluster(t, 3, slices.Concat(durable, []string{"--cluster-node-timeout", "2000"})...)
	s := openAt(t, c.URL(), Config{})
	if err := c.Nodes[2].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		for i := range 50 {
			_, err := s.Add(t.Context(), fmt.Sprint(i), 1, later())
			if err == nil {
				return errors.New("it still counts")
			}
			wantError(t, err, ErrUnreachable)
		}
		return nil
	})
	wantError(t, s.Check(t.Context()), ErrUnreachable)
	_, err := tryOpen(t.Context(), c.URL(), Config{})
	wantError(t, err, ErrUnreachable)
	wantQuiet(t, err)
	if err := c.Nodes[2].Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		eventually(t, func() error { _, err := s.Add(t.Context(), fmt.Sprint(i), 1, later()); return err })
	}
}

// What servers say, and what becomes of it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		kind error
		text string
	}{
		"OOM command not allowed when used memory > 'maxmemory'.":                      {store.ErrFull, "redisstore: swap: store: full (OOM)"},
		"-OOM command not allowed":                                                     {store.ErrFull, "redisstore: swap: store: full (OOM)"},
		"WRONGPASS invalid username-password pair or user is disabled.":                {ErrAuth, "redisstore: swap: the server refuses the user or the password (WRONGPASS)"},
		"NOPERM this user has no permissions to run the 'set' command":                 {ErrDenied, "redisstore: swap: the user may not do this (NOPERM)"},
		"The user executing the script can't run this command or subcommand":           {ErrDenied, "redisstore: swap: the user may not do this (ERR)"},
		"ACL failure in script: User x has no permissions to run the 'get' command":    {ErrDenied, "redisstore: swap: the user may not do this (ERR)"},
		"No such master with that name":                                                {ErrURL, "redisstore: swap: bad URL: the sentinels know no master_set of that name (ERR)"},
		"LOADING Redis is loading the dataset in memory":                               {ErrUnreachable, "redisstore: swap: the server cannot be reached (LOADING)"},
		"CLUSTERDOWN Hash slot not served":                                             {ErrUnreachable, "redisstore: swap: the server cannot be reached (CLUSTERDOWN)"},
		"TRYAGAIN Multiple keys request during rehashing of slot":                      {ErrUnreachable, "redisstore: swap: the server cannot be reached (TRYAGAIN)"},
		"MASTERDOWN Link with MASTER is down":                                          {ErrUnreachable, "redisstore: swap: the server cannot be reached (MASTERDOWN)"},
		"READONLY You can't write against a read only replica.":                        {ErrReadOnly, "redisstore: swap: the server is a replica (READONLY)"},
		"MISCONF Errors writing to the AOF file: No space left on device":              {ErrDisk, "redisstore: swap: the server cannot write to its disk (MISCONF)"},
		"unknown command 'EVALSHA', with args beginning with: 'sha' '1' 'key' 'value'": {nil, "redisstore: swap: failed: unknown command (ERR)"},
		"max number of clients reached":                                                {nil, "redisstore: swap: failed: max number of clients reached (ERR)"},
		"NEWCODE whatever `it` says":                                                   {nil, "redisstore: swap: failed: whatever (NEWCODE)"},
		"":                                                                             {nil, "redisstore: swap: failed (ERR)"},
		strings.Repeat("x", 1000):                                                      {nil, "redisstore: swap: failed: " + strings.Repeat("x", 80) + " (ERR)"},
	} {
		if err := refusal("swap", text); err.Kind != want.kind || err.Error() != want.text {
			t.Errorf("%q: %v; want %s", text, err, want.text)
		}
	}
}
