package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/servertest"
)

// patientSentinel starts a sentinel that takes no master for down which is busy.
func patientSentinel(t *testing.T, master *servertest.Server) *servertest.Server {
	t.Helper()
	s := servertest.RedisSentinel(t, master)
	command(t, s, "SENTINEL SET "+servertest.SentinelName+" down-after-milliseconds 60000")
	return s
}

// offset returns how far a server has come in its history, as one of the role.
func offset(t *testing.T, s *servertest.Server, role string) string {
	t.Helper()
	_, n, _ := strings.Cut(command(t, s, "INFO replication"), role+"_repl_offset:")
	n, _, _ = strings.Cut(n, "\r")
	return n
}

// The master dies and the sentinel puts its replica in its place. Codes of before
// are void there, whether the replica knew that they were used or not, and the
// engine goes on with new ones. Without Fence such a master is refused.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master := servertest.Redis(t, durable...)
	sentinel := patientSentinel(t, master)
	_, err := tryOpen(t.Context(), sentinel.URL(), Config{})
	wantError(t, err, ErrVolatile)

	replica := replicaOf(t, master, durable...)
	eventually(t, func() error {
		if answer, err := servertest.RedisCommand(sentinel.Addr(), "SENTINEL CKQUORUM "+servertest.SentinelName); err != nil || !strings.HasPrefix(answer, "OK") {
			return fmt.Errorf("%s, %w", answer, err)
		}
		info := command(t, sentinel, "INFO sentinel")
		if !strings.Contains(info, "slaves=1") {
			return fmt.Errorf("the sentinel does not know the replica: %s", info)
		}
		return nil
	})
	s := openAt(t, sentinel.URL(), Config{Fence: true})
	d := newDesk(t, s, engine.RandomKeys())
	used, usedCode := d.start("ada@example.com")
	live, liveCode := d.start("bob@example.com")
	// What the replica does not get any more is lost with the master.
	eventually(t, func() error {
		if had, all := offset(t, replica, "slave"), offset(t, master, "master"); had != all {
			return fmt.Errorf("the replica has %s of %s", had, all)
		}
		return nil
	})
	command(t, master, "CLIENT KILL TYPE replica")
	command(t, replica, "CONFIG SET masterauth wrong")
	d.want(used, usedCode, nil)
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	command(t, sentinel, "SENTINEL SET "+servertest.SentinelName+" down-after-milliseconds 500")
	eventually(t, func() error {
		_, err := d.eng.Verify(context.Background(), used, usedCode)
		if err == nil {
			t.Fatal("a code was accepted twice")
		}
		if !errors.Is(err, engine.ErrUsed) {
			return err
		}
		return nil
	})
	d.want(live, liveCode, engine.ErrUsed)
	id, code := d.start("bob@example.com")
	d.want(id, wrong(code), engine.ErrWrong)
	d.want(id, code, nil)
	d.want(id, code, engine.ErrUsed)
	eventually(t, func() error { return s.Check(t.Context()) }) // it may still write its file
	if role := command(t, replica, "INFO replication"); !strings.Contains(role, "role:master") {
		t.Error("the replica is none")
	}
	_, err = d.eng.Start(t.Context(), engine.Request{Channel: delivery.Email, To: "eve@example.com", Purpose: "login"})
	if err != nil {
		t.Error(err)
	}
}

// A replica that a sentinel may put in its master's place is asked what its master
// is asked.
func TestSentinelReplica(t *testing.T) {
	t.Parallel()
	master := servertest.Redis(t, durable...)
	sentinel := patientSentinel(t, master)
	replica := replicaOf(t, master, durable...)
	s := openAt(t, sentinel.URL(), Config{Fence: true})
	for _, c := range []struct {
		set, back string
		want      error
	}{
		{"maxmemory-policy allkeys-lru", "maxmemory-policy noeviction", ErrEviction},
		{"appendonly no", "appendonly yes", ErrVolatile},
		{"appendfsync no", "appendfsync everysec", ErrVolatile},
	} {
		command(t, replica, "CONFIG SET "+c.set)
		_, err := tryOpen(t.Context(), sentinel.URL(), Config{Fence: true})
		for _, err := range []error{err, s.Check(t.Context())} {
			wantError(t, err, c.want)
			if !strings.Contains(fmt.Sprint(err), "the replica "+replica.Addr()) {
				t.Errorf("%v: it does not say which", err)
			}
		}
		var warned error
		openAt(t, sentinel.URL(), Config{Fence: true, UnsafeEviction: true, UnsafeVolatile: true, Warn: func(err error) { warned = err }})
		wantError(t, warned, c.want)

		// One that never takes its master's place does not matter.
		command(t, replica, "CONFIG SET replica-priority 0")
		openAt(t, sentinel.URL(), Config{Fence: true})
		command(t, replica, "CONFIG SET replica-priority 100")
		eventually(t, func() error { // unless the file is being written
			_, err := servertest.RedisCommand(replica.Addr(), "CONFIG SET "+c.back)
			return err
		})
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("after %s: %v", c.back, err)
		}
	}
	command(t, replica, "CONFIG SET maxmemory-policy allkeys-lru")
	wantError(t, s.Check(t.Context()), ErrEviction)
	command(t, replica, "CONFIG SET requirepass "+canary) // nobody can log in
	openAt(t, sentinel.URL(), Config{Fence: true})
	if err := replica.Kill(); err != nil {
		t.Fatal(err)
	}
	openAt(t, sentinel.URL(), Config{Fence: true})
}
