package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Redis starts a Redis server for a test and stops it afterwards. See
// [StartRedis].
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := StartRedis(args...)
	return forTest(t, s, err)
}

// StartRedis starts redis-server, or valkey-server where there is no Redis,
// with the arguments added: "--appendonly", "yes" say. Without any it keeps
// nothing on disk, as with --save "". The caller stops it.
func StartRedis(args ...string) (*Server, error) {
	path, err := lookPath("redis-server", "valkey-server")
	if err != nil {
		return nil, err
	}
	return start("redis", func(s *Server) error {
		s.url = fmt.Sprintf("redis://:%s@%s/0", Password, s.Addr())
		s.ready = pingRedis
		s.argv = append([]string{path,
			"--port", strconv.Itoa(s.port.number), "--bind", "127.0.0.1", "--dir", s.Dir, "--requirepass", Password, "--masterauth", Password,
			"--save", "", "--daemonize", "no"}, args...)
		return nil
	})
}

// pingRedis asks the server whether it has loaded its data and answers.
func pingRedis(s *Server) error {
	answer, err := RedisCommand(s.Addr(), "PING")
	if err == nil && answer != "PONG" {
		err = fmt.Errorf("it says %q", answer)
	}
	return err
}

// RedisCommand has a server run a command, written as for redis-cli without
// quotes, over a connection of its own. It returns a simple answer, a number or
// a string; an error answer is an error.
func RedisCommand(addr, command string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(c, "AUTH %s\r\n%s\r\n", Password, command); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil {
		return "", err
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '-':
		return "", errors.New(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err
		}
		text := make([]byte, n)
		_, err = io.ReadFull(r, text)
		return string(text), err
	}
	return rest, nil
}

// A Cluster is some masters without replicas that share the slots of a Redis
// cluster.
type Cluster struct{ Nodes []*Server }

// RedisCluster starts a Redis cluster for a test and stops it afterwards. See
// [StartRedisCluster].
func RedisCluster(t testing.TB, masters int, args ...string) *Cluster {
	t.Helper()
	c, err := StartRedisCluster(masters, args...)
	SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// StartRedisCluster starts masters with the arguments of [StartRedis] and joins
// them to a cluster, in which the first has the first of the slots. The caller
// stops it.
func StartRedisCluster(masters int, args ...string) (c *Cluster, err error) {
	c = new(Cluster)
	defer func() {
		if err != nil {
			c.Stop()
			c = nil
		}
	}()
	const slots = 16384
	for i := range masters {
		s, err := startNode(args...)
		if err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, s)
		for _, command := range []string{
			fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1),
			fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", slots*i/masters, slots*(i+1)/masters-1),
		} {
			if _, err := RedisCommand(s.Addr(), command); err != nil {
				return c, fmt.Errorf("servertest: %s: %w", command, err)
			}
		}
		if i > 0 {
			if err := c.meet(s); err != nil {
				return c, err
			}
		}
	}
	return c, c.Wait()
}

// startNode starts a server that is a cluster of its own.
func startNode(args ...string) (*Server, error) {
	bus, err := reservePort()
	if err != nil {
		return nil, err
	}
	s, err := StartRedis(append([]string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus.number)}, args...)...)
	if err != nil {
		bus.giveBack()
		return nil, err
	}
	s.bus = bus
	return s, nil
}

// meet has the first node make the acquaintance of another.
func (c *Cluster) meet(s *Server) error {
	_, err := RedisCommand(c.Nodes[0].Addr(), fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %d", s.port.number, s.bus.number))
	if err != nil {
		return fmt.Errorf("servertest: CLUSTER MEET: %w", err)
	}
	return nil
}

// Join starts a node with the arguments of [StartRedis] that the first node
// gets to know, a master without slots as yet. It ends with the test.
func (c *Cluster) Join(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := startNode(args...)
	s = forTest(t, s, err)
	if err := c.meet(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Wait waits until all nodes see a whole cluster of all nodes.
func (c *Cluster) Wait() error {
	whole := func() error {
		for _, s := range c.Nodes {
			info, err := RedisCommand(s.Addr(), "CLUSTER INFO")
			if err != nil {
				return err
			}
			for _, want := range []string{"cluster_state:ok\r", "cluster_slots_ok:16384\r", fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Nodes))} {
				if !strings.Contains(info, want) {
					return fmt.Errorf("no %q in %q", want, info)
				}
			}
		}
		return nil
	}
	var err error
	for range 600 {
		if err = whole(); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return fmt.Errorf("servertest: the cluster does not form: %w", err)
}

// URL returns the address of the cluster as its clients write it.
func (c *Cluster) URL() string {
	url := c.Nodes[0].URL()
	url = url[:strings.LastIndexByte(url, '/')] + "?"
	for _, s := range c.Nodes[1:] {
		url += "&addr=" + s.Addr()
	}
	return strings.Replace(url, "?&", "?", 1)
}

// Stop stops all nodes.
func (c *Cluster) Stop() error {
	var errs []error
	for _, s := range c.Nodes {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}

// SentinelName is what a sentinel calls the master that it watches.
const SentinelName = "main"

// RedisSentinel starts a sentinel for a test and stops it afterwards. See
// [StartRedisSentinel].
func RedisSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s, err := StartRedisSentinel(master)
	return forTest(t, s, err)
}

// StartRedisSentinel starts a sentinel that watches the master and decides alone.
// It takes the master for down after half a second. Its URL leads to the master.
// The caller stops it.
func StartRedisSentinel(master *Server) (*Server, error) {
	path, err := lookPath("redis-server", "valkey-server")
	if err != nil {
		return nil, err
	}
	return start("sentinel", func(s *Server) error {
		file := filepath.Join(s.Dir, "sentinel.conf")
		text := fmt.Sprintf(`port %d
bind 127.0.0.1
dir %s
requirepass %s
sentinel monitor %s 127.0.0.1 %d 1
sentinel auth-pass %[4]s %[3]s
sentinel down-after-milliseconds %[4]s 500
sentinel failover-timeout %[4]s 2000
`, s.port.number, s.Dir, Password, SentinelName, master.port.number)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		s.url = fmt.Sprintf("redis://:%s@%s/0?master_set=%s&sentinel_password=%[1]s", Password, s.Addr(), SentinelName)
		s.ready = pingRedis
		s.argv = []string{path, file, "--sentinel"}
		return nil
	})
}
