// Package servertest runs private Redis and Postgres servers for tests and
// benchmarks: real ones, from the installed binaries, on free ports of the
// loopback interface, in directories of their own.
//
// A test asks for a server with [Redis] or [Postgres] and is skipped, with a
// line that says why, where the binary is missing; with PASSCODE_REQUIRE_SERVERS=1
// it fails instead. A program starts one with [StartRedis] or [StartPostgres].
// [Proxy] stands between a client and a server and breaks connections.
package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Require is the environment variable that makes a missing binary a failure.
const Require = "PASSCODE_REQUIRE_SERVERS"

// Path is the environment variable with directories, as in PATH, whose servers
// are taken before the installed ones: the tests run on any version with it.
const Path = "PASSCODE_SERVERS"

// ErrMissing is returned where the binaries of a server are not installed.
var ErrMissing = errors.New("servertest: not installed")

// Password is what every server asks for.
const Password = "correct-horse"

// A Server is one process, or one that was killed and can be started again on
// the same port with the same data. Its methods are not for concurrent use,
// save Addr, URL and Log.
type Server struct {
	Dir string // where it keeps its data; removed by Stop

	port  port
	bus   port // where the nodes of a cluster talk to each other
	url   string
	argv  []string
	user  account // as whom it runs
	ready func(*Server) error

	cmd *exec.Cmd
	log syncBuffer
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port.number)) }

// URL returns the server's address as its clients write it, password included.
func (s *Server) URL() string { return s.url }

// Pid returns the process id of the server that runs, 0 if none does.
func (s *Server) Pid() int {
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Log returns what the server has printed so far.
func (s *Server) Log() string { return s.log.String() }

// Start starts the server again after Kill, and waits until it answers.
func (s *Server) Start() error {
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Dir = s.Dir
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	cmd.WaitDelay = 20 * time.Second // for processes of it that still hold its output
	s.user.become(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	var err error
	for range 600 {
		if err = s.ready(s); err == nil {
			return nil
		}
		if !alive(cmd.Process.Pid) {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("servertest: %s does not answer: %w\n%s", s.argv[0], err, s.Log()), s.Kill())
}

// Kill ends the server as a crash does, all its processes at once, and returns
// when they are gone. It is no error if it does not run.
func (s *Server) Kill() error {
	if s.cmd == nil {
		return nil
	}
	err := killAll(s.cmd)
	began := time.Now()
	s.cmd.Wait()
	if time.Since(began) >= s.cmd.WaitDelay {
		err = errors.Join(err, fmt.Errorf("servertest: a process of %s lives on", s.argv[0]))
	}
	s.cmd = nil
	return err
}

// Stop kills the server, removes its data and gives its ports back.
func (s *Server) Stop() error {
	err := errors.Join(s.Kill(), os.RemoveAll(s.Dir))
	s.port.giveBack()
	s.bus.giveBack()
	return err
}

// start makes a directory and a free port, and starts what setUp says.
func start(name string, setUp func(*Server) error) (*Server, error) {
	dir, err := os.MkdirTemp("", "passcode-"+name)
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir}
	if s.port, err = reservePort(); err == nil {
		if err = setUp(s); err == nil {
			err = s.Start()
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// lookPath finds a binary by its name or in the given places, or under the name
// of either in the directories of PASSCODE_SERVERS, which come first.
func lookPath(name string, places ...string) (string, error) {
	places = append([]string{name}, places...)
	for _, dir := range filepath.SplitList(os.Getenv(Path)) {
		for _, place := range places {
			if path, err := exec.LookPath(filepath.Join(dir, filepath.Base(place))); err == nil {
				return path, nil
			}
		}
	}
	for _, place := range places {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrMissing, name)
}

// forTest ends a test in the right way if there is no server, and the server
// with the test.
func forTest(t testing.TB, s *Server, err error) *Server {
	t.Helper()
	SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// SkipIfMissing skips the test if err says that a server is not installed, or
// fails it if PASSCODE_REQUIRE_SERVERS is 1.
func SkipIfMissing(t testing.TB, err error) {
	t.Helper()
	switch {
	case !errors.Is(err, ErrMissing):
	case os.Getenv(Require) == "1":
		t.Fatalf("%v, and %s=1", err, Require)
	default:
		t.Skipf("%v; install it to run this test, or let .ci/run do it", err)
	}
}

// A syncBuffer is a bytes.Buffer that a process may write while it is read.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
