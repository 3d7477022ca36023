package redisstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
)

// Every setting of a server that matters, with every option: what is refused,
// what is warned of, and what is taken without a word.
func TestCheck(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, durable...)
	const ok, evicts, forgets = 0, 1, 2 // what is wrong
	for _, c := range []struct {
		policy, appendonly, appendfsync string
		wrong                           int
		fence                           bool // whether Fence puts the forgetting right
	}{
		{"noeviction", "yes", "always", ok, false},
		{"allkeys-lru", "yes", "always", evicts, false},
		{"volatile-ttl", "yes", "always", evicts, false},
		{"volatile-lru", "yes", "always", evicts, false},
		{"allkeys-random", "yes", "always", evicts, false},
		{"noeviction", "yes", "everysec", forgets, true},
		{"noeviction", "yes", "no", forgets, false},
		{"noeviction", "no", "always", forgets, false},
		{"noeviction", "no", "everysec", forgets, false},
		{"allkeys-lfu", "no", "everysec", evicts | forgets, false},
		{"allkeys-lfu", "yes", "everysec", evicts | forgets, true},
	} {
		for setting, value := range map[string]string{"maxmemory-policy": c.policy, "appendonly": c.appendonly, "appendfsync": c.appendfsync} {
			eventually(t, func() error { // unless the file is being rewritten
				_, err := servertest.RedisCommand(server.Addr(), "CONFIG SET "+setting+" "+value)
				return err
			})
		}
		eventually(t, func() error { return whole(server) })
		for options := range 8 {
			var warned []error
			cfg := Config{Fence: options&1 != 0, UnsafeEviction: options&2 != 0, UnsafeVolatile: options&4 != 0}
			cfg.Warn = func(err error) { warned = append(warned, err) }
			var want []error // refusals or warnings
			refused := false
			if c.wrong&evicts != 0 {
				want = append(want, ErrEviction)
				refused = !cfg.UnsafeEviction
			}
			if c.wrong&forgets != 0 && !(c.fence && cfg.Fence) {
				want = append(want, ErrVolatile)
				if refused = refused || !cfg.UnsafeVolatile; refused && !cfg.UnsafeVolatile && cfg.UnsafeEviction {
					want = []error{ErrVolatile}
				}
			}
			if refused {
				want = want[:1]
			}
			s, err := Open(t.Context(), server.URL(), cfg)
			name := fmt.Sprintf("%+v with fence=%t evict=%t volatile=%t", c, cfg.Fence, cfg.UnsafeEviction, cfg.UnsafeVolatile)
			if err == nil {
				s.Close()
			} else {
				wantError(t, err, want[0])
			}
			if (err != nil) != refused || refused && len(warned) > 0 || !refused && !sameKinds(warned, want) {
				t.Errorf("%s: %v, warned of %v; want %v, refused %t", name, err, warned, want, refused)
			}
		}
	}
}

func sameKinds(errs, kinds []error) bool {
	return slices.EqualFunc(errs, kinds, func(err, kind error) bool { return err.(*Error).Kind == kind })
}

// A file that is not flushed while another is being written is no promise.
func TestPausedFsync(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, append(durable[:len(durable):len(durable)], "--no-appendfsync-on-rewrite", "yes")...)
	for _, fence := range []bool{false, true} {
		_, err := tryOpen(t.Context(), server.URL(), Config{Fence: fence})
		wantError(t, err, ErrVolatile)
	}
	openAt(t, server.URL(), Config{UnsafeVolatile: true})
}

// What INFO says, or does not say.
func TestFacts(t *testing.T) {
	t.Parallel()
	const good = "# Server\r\nredis_version:7.0.15\r\n\r\nrole:master\r\nconnected_slaves:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\ncluster_enabled:0\r\n"
	client, err := rueidis.NewClient(must(Config{}.ClientOption(server(t).URL())))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := &Store{client: client, cfg: must(Config{}.withDefaults())}
	for _, c := range []struct {
		old, new string
		want     error
	}{
		{"", "", nil},
		{"\r\n", "\n", nil},
		{"7.0.15", "6.2.0", nil},
		{"7.0.15", "8.0", nil},
		{"7.0.15", "10.2.3", nil},
		{"redis_version:7.0.15", "server_name:valkey\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0", nil},
		{"7.0.15", "6.0.16", ErrVersion},
		{"7.0.15", "5.0.14", ErrVersion},
		{"7.0.15", "3.2.100", ErrVersion},
		{"7.0.15", "7", ErrVersion},
		{"7.0.15", "v7.0.15", ErrVersion},
		{"7.0.15", "7.x", ErrVersion},
		{"7.0.15", "", ErrVersion},
		{"redis_version", "version", ErrVersion},
		{"role:master", "role:slave", ErrReadOnly},
		{"role:master\r\n", "", ErrReadOnly},
		{"noeviction", "volatile-lfu", ErrEviction},
		{"noeviction", "", ErrEviction},
		{"maxmemory_policy", "policy", ErrEviction},
		{"aof_enabled:1", "aof_enabled:0", ErrVolatile},
		{"aof_enabled:1", "aof_enabled:", ErrVolatile},
		{"aof_enabled:1\r\n", "", ErrVolatile},
		{"connected_slaves:0", "connected_slaves:1", ErrVolatile},
		{"connected_slaves:0", "", ErrVolatile},
		{"cluster_enabled:0", "cluster_enabled:1", ErrDenied},
		{"aof_enabled:1", "aof_enabled:1\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\naof_base_size:0", nil},
	} {
		f := parseInfo(strings.ReplaceAll(good, c.old, c.new))
		f.fsync, f.pauses = "always", "no"
		err := s.judge(f)
		if c.want == nil && err != nil || c.want != nil && (err == nil || err.(*Error).Kind != c.want) {
			t.Errorf("%q for %q: %v, want %v", c.new, c.old, err, c.want)
		}
	}
	f := parseInfo(good)
	f.fsync, f.pauses, f.sentinel = "always", "no", true
	wantError(t, s.judge(f), ErrVolatile)
	for fsync, want := range map[string]error{"": ErrVolatile, "no": ErrVolatile, "everysec": ErrVolatile, "sometimes": ErrVolatile} {
		f := parseInfo(good)
		f.fsync, f.pauses = fsync, "no"
		wantError(t, s.judge(f), want)
	}
}

// An old server is found out by what it says over the wire.
func TestOldServer(t *testing.T) {
	t.Parallel()
	real := command(t, server(t), "INFO server")
	_, version, _ := strings.Cut(real, "redis_version:")
	version, _, _ = strings.Cut(version, "\r")
	old := "6.0.9999"[:len(version)]
	cfg := Config{dial: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", addr)
		return replacing{conn, []byte("redis_version:" + version), []byte("redis_version:" + old)}, err
	}}
	_, err := Open(t.Context(), server(t).URL(), cfg)
	wantError(t, err, ErrVersion)
}

// A replacing is a connection that says something else in a place.
type replacing struct {
	net.Conn
	old, new []byte
}

func (r replacing) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	copy(b, bytes.ReplaceAll(b[:n], r.old, r.new))
	return n, err
}

func TestReplicaIsRefused(t *testing.T) {
	t.Parallel()
	master := servertest.Redis(t, durable...)
	replica := replicaOf(t, master, durable...)
	for _, cfg := range []Config{{}, {Fence: true}, {UnsafeVolatile: true, UnsafeEviction: true}} {
		_, err := Open(t.Context(), replica.URL(), cfg)
		wantError(t, err, ErrReadOnly)
	}
	// Nor is one that takes writes, which its master overwrites.
	command(t, replica, "CONFIG SET replica-read-only no")
	_, err := tryOpen(t.Context(), replica.URL(), Config{})
	wantError(t, err, ErrReadOnly)

	_, err = tryOpen(t.Context(), master.URL(), Config{})
	wantError(t, err, ErrVolatile)
	s := openAt(t, master.URL(), Config{Fence: true})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A user with the permissions that the package comment lists, and with fewer.
func TestPermissions(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, durable...)
	user := func(name, rules string) string {
		command(t, server, "ACL SETUSER "+name+" on >"+servertest.Password+" "+rules)
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(name, servertest.Password)
		return u.String()
	}
	const all = "~test:* +get +set +del +incrby +pexpire +evalsha +eval +info +config|get"
	for _, fence := range []bool{false, true} {
		s := openAt(t, user("all", all), Config{Prefix: "test:", Fence: fence})
		mustSwap(t, s, "key", nil, []byte("a"))
		mustSwap(t, s, "key", []byte("a"), []byte("b"))
		wantValue(t, s, "key", []byte("b"))
		mustSwap(t, s, "key", []byte("b"), nil)
		if _, err := s.Add(t.Context(), "key", 1, later()); err != nil {
			t.Error(err)
		}
		outside := openAt(t, user("all", all), Config{Prefix: "other:", Fence: fence})
		_, err := outside.Get(t.Context(), "key")
		wantError(t, err, ErrDenied)
		_, _, err = outside.CompareAndSwap(t.Context(), "key", nil, []byte("a"), later())
		wantError(t, err, ErrDenied)
	}

	_, err := Open(t.Context(), user("noconfig", all+" -config"), Config{})
	wantError(t, err, ErrVolatile)
	if !strings.Contains(err.Error(), "cannot be found out") {
		t.Error(err)
	}
	warned := 0
	openAt(t, user("noconfig", all+" -config"), Config{UnsafeVolatile: true, Warn: func(error) { warned++ }})
	if warned != 1 {
		t.Errorf("%d warnings", warned)
	}
	_, err = tryOpen(t.Context(), user("noinfo", all+" -info"), Config{UnsafeVolatile: true, UnsafeEviction: true})
	wantError(t, err, ErrDenied)

	s := openAt(t, user("noset", all+" -set"), Config{Prefix: "test:"})
	_, _, err = s.CompareAndSwap(t.Context(), "key", nil, []byte("a"), later())
	wantError(t, err, ErrDenied)
	wantValue(t, s, "key", nil)
	s = openAt(t, user("noeval", all+" -eval -evalsha"), Config{Prefix: "test:"})
	_, err = s.Add(t.Context(), "key", 1, later())
	wantError(t, err, ErrDenied)
}

// failsOver is what a cluster is started with that soon puts a replica in a
// master's place, however long it could not ask that for news.
var failsOver = slices.Concat(durable, []string{"--cluster-node-timeout", "3000", "--cluster-replica-validity-factor", "0"})

// In a cluster every master counts, and every replica that is there.
func TestCheckCluster(t *testing.T) {
	t.Parallel()
	c := servertest.RedisCluster(t, 3, failsOver...)
	s := openAt(t, c.URL(), Config{})
	command(t, c.Nodes[1], "CONFIG SET maxmemory-policy allkeys-lru")
	for _, node := range c.Nodes {
		_, err := tryOpen(t.Context(), node.URL(), Config{})
		wantError(t, err, ErrEviction)
		if !strings.Contains(err.Error(), c.Nodes[1].Addr()) {
			t.Errorf("%v: it does not say which", err)
		}
	}
	wantError(t, s.Check(t.Context()), ErrEviction)
	command(t, c.Nodes[1], "CONFIG SET maxmemory-policy noeviction")
	command(t, c.Nodes[2], "CONFIG SET appendfsync everysec")
	wantError(t, s.Check(t.Context()), ErrVolatile)
	command(t, c.Nodes[2], "CONFIG SET appendfsync always")
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}

	// A replica of the first.
	replica := joinReplica(t, c)
	_, err := tryOpen(t.Context(), c.URL(), Config{})
	wantError(t, err, ErrVolatile)
	command(t, replica, "CONFIG SET maxmemory-policy allkeys-lru")
	eventually(t, func() error { // clients learn of a replica later than the nodes
		s, err := tryOpen(t.Context(), c.URL(), Config{Fence: true})
		if err == nil {
			s.Close()
			return errors.New("a replica that evicts is accepted")
		}
		if !errors.Is(err, ErrEviction) {
			return err
		}
		if !strings.Contains(err.Error(), "the replica "+replica.Addr()) {
			t.Errorf("%v: it does not say which", err)
		}
		return nil
	})
	command(t, replica, "CONFIG SET maxmemory-policy noeviction")
	fenced := openAt(t, c.URL(), Config{Fence: true})
	for i := range 100 {
		mustSwap(t, fenced, fmt.Sprint(i), nil, []byte("value"))
	}
	if err := replica.Kill(); err != nil {
		t.Fatal(err)
	}
	openAt(t, c.URL(), Config{Fence: true}) // a replica that is down is no reason to refuse
	if err := replica.Start(); err != nil {
		t.Fatal(err)
	}
	follows(t, c, replica)

	// A failover: its values are rewound, and the others' are not.
	if err := c.Nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := fenced.Check(t.Context()); err != nil {
			return fmt.Errorf("%w, in %s", err, command(t, c.Nodes[1], "CLUSTER NODES"))
		}
		return nil
	})
	eventually(t, func() error { return s.Check(t.Context()) }) // now nobody has a replica
	moved := 0
	for i := range 100 {
		var value []byte
		eventually(t, func() (err error) { // the client finds out by calls that fail
			value, err = fenced.Get(t.Context(), fmt.Sprint(i))
			return err
		})
		written, rewound := store.CutRewound(value)
		if string(written) != "value" {
			t.Fatalf("%q", value)
		}
		if rewound {
			moved++
		}
	}
	if moved < 10 || moved > 60 {
		t.Errorf("%d of 100 values are rewound, want a third", moved)
	}
}

// joinReplica starts a replica of the cluster's first node.
func joinReplica(t testing.TB, c *servertest.Cluster) *servertest.Server {
	t.Helper()
	replica := c.Join(t, failsOver...)
	master := command(t, c.Nodes[0], "CLUSTER MYID")
	eventually(t, func() error {
		_, err := servertest.RedisCommand(replica.Addr(), "CLUSTER REPLICATE "+master)
		return err
	})
	follows(t, c, replica)
	return replica
}

// follows waits until a replica has everything, and until all nodes know it.
func follows(t testing.TB, c *servertest.Cluster, replica *servertest.Server) {
	t.Helper()
	eventually(t, func() error {
		if info := command(t, replica, "INFO replication"); !strings.Contains(info, "master_link_status:up") {
			return fmt.Errorf("the replica does not follow: %s", info)
		}
		id := command(t, replica, "CLUSTER MYID")
		for _, node := range c.Nodes {
			_, known, _ := strings.Cut(command(t, node, "CLUSTER NODES"), id)
			line, _, _ := strings.Cut(known, "\n")
			if !strings.Contains(line, "slave ") || !strings.Contains(line, " connected") {
				return fmt.Errorf("a node knows of the replica: %q", line)
			}
		}
		return nil
	})
}
