package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
)

// restart ends a server as a crash does and starts it again.
func restart(t testing.TB, s *servertest.Server) {
	t.Helper()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
}

// snapshot is what a server is started with that keeps snapshots only, made when
// SAVE is called.
var snapshot = []string{"--save", "3600", "1000000", "--repl-diskless-sync-delay", "0"}

// save has a server make a snapshot once it makes no other, for a replica say.
func save(t testing.TB, s *servertest.Server) {
	t.Helper()
	eventually(t, func() error {
		_, err := servertest.RedisCommand(s.Addr(), "SAVE")
		return err
	})
}

// A code that is live in the snapshot and then used comes back live. With Fence
// it is void, on the node that used it and on one that was not there, and the
// guesses that the snapshot knows still count. Without, it is taken again, which
// shows that this test would see it.
func TestUsedCodeComesBack(t *testing.T) {
	t.Parallel()
	for _, fence := range []bool{true, false} {
		t.Run(fmt.Sprintf("fence=%t", fence), func(t *testing.T) {
			t.Parallel()
			server := servertest.Redis(t, snapshot...)
			cfg := Config{Prefix: "test:", Fence: fence, UnsafeVolatile: true}
			s, keys := openAt(t, server.URL(), cfg), engine.RandomKeys()
			d := newDesk(t, s, keys)
			id, code := d.start("ada@example.com")
			again, other := d.start("bob@example.com")
			d.want(id, wrong(code), engine.ErrWrong)
			d.want(id, wrong(code), engine.ErrWrong)
			save(t, server)
			d.want(id, code, nil)
			d.want(id, code, engine.ErrUsed)
			restart(t, server)
			reconnect(t, s)

			elsewhere := newDesk(t, openAt(t, server.URL(), cfg), keys)
			if !fence {
				elsewhere.want(id, code, nil)
				return
			}
			d.want(id, code, engine.ErrUsed)
			elsewhere.want(id, code, engine.ErrUsed)
			elsewhere.want(again, other, engine.ErrUsed)
			d.want(again, other, engine.ErrUsed)

			// Two guesses of the lock's ten were made before the snapshot.
			guesses := 2
			for range 2 {
				id, code := elsewhere.start("ada@example.com")
				for {
					_, err := elsewhere.eng.Verify(context.Background(), id, wrong(code))
					if !errors.Is(err, engine.ErrWrong) {
						break
					}
					guesses++
				}
			}
			if guesses != 10 {
				t.Errorf("%d guesses until the lock, want 10", guesses)
			}
		})
	}
}

// reconnect calls until the store has its connections again. What breaks is found
// out by calls, of which one fails for each connection.
func reconnect(t testing.TB, s *Store) {
	t.Helper()
	const enough = 50 // in a row, for keys of all nodes
	for n, failed := 0, 0; n < enough; n++ {
		if _, err := s.Get(context.Background(), fmt.Sprint("any/", n)); err != nil {
			if failed++; failed > 3000 {
				t.Fatalf("no connection: %v", err)
			}
			n = -1
			<-time.After(10 * time.Millisecond)
		}
	}
}

// What makes a server go back in time makes its values rewound, and nothing else
// does.
func TestFence(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	value, rewound := []byte("value"), []byte(store.Rewound+"value")
	for name, c := range map[string]struct {
		args []string
		run  func(t *testing.T, server *servertest.Server)
		want []byte
	}{
		"nothing": {durable, func(t *testing.T, server *servertest.Server) {
			command(t, server, "SCRIPT FLUSH")
			command(t, server, "BGSAVE")
			command(t, server, "CLIENT KILL TYPE normal")
		}, value},
		"restart from an append-only file": {durable, func(t *testing.T, server *servertest.Server) { restart(t, server) }, rewound},
		"restart from a snapshot": {snapshot, func(t *testing.T, server *servertest.Server) {
			save(t, server)
			restart(t, server)
		}, rewound},
		"restart from a snapshot with a replica's place in it": {snapshot, func(t *testing.T, server *servertest.Server) {
			replica := replicaOf(t, server, durable...)
			command(t, replica, "REPLICAOF NO ONE")
			save(t, server)
			restart(t, server)
		}, rewound},
		"stop and start": {durable, func(t *testing.T, server *servertest.Server) {
			servertest.RedisCommand(server.Addr(), "SHUTDOWN") // no answer
			restart(t, server)
		}, rewound},
		// Another takes over, and then this one again, having run all the time.
		"there and back": {durable, func(t *testing.T, server *servertest.Server) {
			replica := replicaOf(t, server, durable...)
			command(t, replica, "REPLICAOF NO ONE")
			follow(t, server, replica)
			command(t, server, "REPLICAOF NO ONE")
		}, rewound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.Redis(t, c.args...)
			s := openAt(t, server.URL(), Config{Fence: true, UnsafeVolatile: true})
			mustSwap(t, s, "key", nil, value)
			mustSwap(t, s, "other", nil, []byte{})
			wantSum(t, s, "key", 3, 3)
			c.run(t, server)
			reconnect(t, s)
			wantValue(t, s, "key", c.want)
			wantSum(t, s, "key", 1, 4)
			if !same(c.want, rewound) {
				return
			}
			wantLost(t, s, "key", value, []byte("new"), rewound)
			wantLost(t, s, "key", value, nil, rewound)
			wantLost(t, s, "other", []byte{}, nil, []byte(store.Rewound))
			mustSwap(t, s, "other", []byte(store.Rewound), nil)
			wantValue(t, s, "other", nil)
			mustSwap(t, s, "key", rewound, value)
			wantValue(t, s, "key", value)
			if _, err := s.Get(ctx, "key"); err != nil {
				t.Error(err)
			}
		})
	}
}

// replicaOf starts a replica of the server and waits until it has everything.
func replicaOf(t testing.TB, master *servertest.Server, args ...string) *servertest.Server {
	t.Helper()
	replica := servertest.Redis(t, args...)
	follow(t, replica, master)
	return replica
}

// follow makes a server another's replica.
func follow(t testing.TB, replica, master *servertest.Server) {
	t.Helper()
	host, port, _ := strings.Cut(master.Addr(), ":")
	command(t, replica, "REPLICAOF "+host+" "+port)
	eventually(t, func() error {
		if info := command(t, replica, "INFO replication"); !strings.Contains(info, "master_link_status:up") || !strings.Contains(info, "master_sync_in_progress:0") {
			return errors.New("the replica does not follow")
		}
		return nil
	})
}

// eventually waits until f returns nil, for a minute.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; {
		if err = f(); err == nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatal(err)
}

// A replica knows its master's history, and has an old state of it.
func TestFencedReadOfReplica(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, durable...)
	other := servertest.Redis(t, durable...)
	s := openAt(t, server.URL(), Config{Fence: true})
	mustSwap(t, s, "key", nil, []byte("value"))
	follow(t, server, other)
	reconnect := func() (err error) { _, err = s.Get(context.Background(), "key"); return err }
	eventually(t, func() error {
		if err := reconnect(); !errors.Is(err, ErrReadOnly) {
			return fmt.Errorf("Get from a replica: %w", err)
		}
		return nil
	})
	_, _, err := s.CompareAndSwap(context.Background(), "key", nil, []byte("value"), later())
	wantError(t, err, ErrReadOnly)
	wantError(t, s.Check(context.Background()), ErrReadOnly)
	// What says so by itself is not remembered.
	command(t, server, "REPLICAOF NO ONE")
	eventually(t, func() error {
		_, _, err := s.CompareAndSwap(context.Background(), "new", nil, []byte("value"), later())
		return err
	})
}
