package servertest

import (
	"bufio"
	"fmt"
	"net"
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
			"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.Dir, "--requirepass", Password, "--masterauth", Password,
			"--save", "", "--daemonize", "no"}, args...)
		return nil
	})
}

// pingRedis asks the server whether it has loaded its data and answers.
func pingRedis(s *Server) error {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(c, "AUTH %s\r\nPING\r\n", Password); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	for _, want := range []string{"", "+PONG"} {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, want) {
			return fmt.Errorf("it says %q", line)
		}
	}
	return nil
}
