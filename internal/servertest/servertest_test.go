package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
)

// ask sends commands to a Redis server and returns the first line of each
// answer.
func ask(t *testing.T, addr string, commands ...string) (lines []string, err error) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for _, command := range append([]string{"AUTH " + Password}, commands...) {
		if _, err := io.WriteString(c, command+"\r\n"); err != nil {
			return nil, err
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines[1:], nil
}

func TestRedisComesBack(t *testing.T) {
	t.Parallel()
	s := Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	if lines, err := ask(t, s.Addr(), "INCR n", "INCR n"); err != nil || lines[1] != ":2\r\n" {
		t.Fatalf("%q, %v", lines, err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, s.Addr(), "PING"); err == nil {
		t.Error("it answers after Kill")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if lines, err := ask(t, s.Addr(), "INCR n"); err != nil || lines[0] != ":3\r\n" {
		t.Fatalf("%q, %v", lines, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its data is still there: %v", err)
	}
}

// A port is nobody else's as long as it is kept, used or not.
func TestPortIsKept(t *testing.T) {
	t.Parallel()
	p, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	if other, err := tryPort(p.number); err == nil {
		other.giveBack()
		t.Errorf("port %d was had twice", p.number)
	}
	if p.number >= 32768 {
		t.Errorf("port %d may be given to an outgoing connection", p.number)
	}
	p.giveBack()
	p.giveBack()
	again, err := tryPort(p.number)
	if err != nil {
		t.Error(err)
	}
	again.giveBack()
}

func TestBadArgumentFails(t *testing.T) {
	t.Parallel()
	s, err := StartRedis("--no-such-option", "1")
	SkipIfMissing(t, err)
	if err == nil {
		t.Errorf("it runs: %v", s.Stop())
	}
}

func TestPostgresComesBack(t *testing.T) {
	t.Parallel()
	s := Postgres(t)
	pid := s.Pid()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if s.Pid() == pid || s.Pid() == 0 {
		t.Errorf("pid %d, then %d", pid, s.Pid())
	}
}

// A crash of Postgres ends what its sessions are doing, too.
func TestKillEndsSessions(t *testing.T) {
	t.Parallel()
	s := Postgres(t)
	path, err := lookPostgres("psql")
	SkipIfMissing(t, err)
	psql := exec.Command(path, s.URL(), "-At", "-c", "SELECT pg_backend_pid()",
		"-c", "DO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$") // half a minute and more
	out, err := psql.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := psql.Start(); err != nil {
		t.Fatal(err)
	}
	defer psql.Wait()
	defer psql.Process.Kill()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Error(err)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s := Redis(t)
	p := NewProxy(t, s.Addr())
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(command, want string) {
		t.Helper()
		if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
			t.Fatal(err)
		}
		if line, err := r.ReadString('\n'); err != nil || line != want+"\r\n" {
			t.Fatalf("%s: %q, %v", command, line, err)
		}
	}
	say("AUTH "+Password, "+OK")
	say("INCR n", ":1")
	sent := p.Sent()
	p.Swallow(true)
	fmt.Fprintf(c, "INCR n\r\n")
	<-sent
	p.Cut()
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("a reply came through")
	}
	p.Swallow(false)
	p.Refuse(true)
	if lines, err := ask(t, p.Addr(), "PING"); err == nil {
		t.Errorf("a refused connection answered %q", lines)
	}
	p.Refuse(false)
	if lines, err := ask(t, p.Addr(), "GET n", "INCR n"); err != nil || lines[0] != "$1\r\n" {
		t.Fatalf("%q, %v", lines, err)
	}
}
