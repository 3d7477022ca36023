package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// Postgres starts a Postgres server for a test and stops it afterwards. See
// [StartPostgres].
func Postgres(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := StartPostgres(settings...)
	return forTest(t, s, err)
}

// StartPostgres makes a new cluster and starts it with its stock configuration
// and the settings added, each as "name=value". It has a superuser "postgres" and
// asks for its password. Where it is run by root, the server runs as the user
// postgres or nobody. It takes a second; a package shares one among its tests
// from TestMain. The caller stops it.
func StartPostgres(settings ...string) (*Server, error) {
	initdb, err := lookPostgres("initdb")
	if err != nil {
		return nil, err
	}
	server, err := lookPostgres("postgres")
	if err != nil {
		return nil, err
	}
	return start("postgres", func(s *Server) error {
		s.user = unprivileged("postgres", "nobody")
		if err := s.user.own(s.Dir); err != nil {
			return err
		}
		if err := os.Chmod(s.Dir, 0o755); err != nil {
			return err
		}
		secret := filepath.Join(s.Dir, "password")
		if err := os.WriteFile(secret, []byte(Password+"\n"), 0o644); err != nil {
			return err
		}
		data := filepath.Join(s.Dir, "data")
		make := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync")
		make.Dir = s.Dir
		s.user.become(make)
		if out, err := make.CombinedOutput(); err != nil {
			return fmt.Errorf("servertest: initdb: %w\n%s", err, out)
		}
		s.url = fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable", Password, s.Addr())
		s.ready = askPostgres
		s.argv = []string{server, "-D", data, "-p", strconv.Itoa(s.port.number), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
		for _, setting := range settings {
			s.argv = append(s.argv, "-c", setting)
		}
		return nil
	})
}

// askPostgres asks the server, by its own tool, whether it takes connections.
func askPostgres(s *Server) error {
	tool, err := lookPostgres("pg_isready")
	if err != nil {
		return err
	}
	if out, err := exec.Command(tool, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port.number), "-t", "1").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// lookPostgres finds a binary of the newest Postgres where Debian puts them.
func lookPostgres(name string) (string, error) {
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(places, func(a, b string) int { return version(b) - version(a) })
	return lookPath(name, places...)
}
