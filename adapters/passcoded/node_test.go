package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const nodeClient = "../httpapi/nodeclient"

// node skips the test unless Stytch's Node client can run here. CI, which
// installs it, sets PASSCODE_REQUIRE_NODE, and then a client that is not there
// fails the test.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(nodeClient, "node_modules", "stytch"))
	}
	if err != nil {
		const message = "no Node, or no client for it (make node installs that): %v"
		if os.Getenv("PASSCODE_REQUIRE_NODE") != "" {
			t.Fatalf(message, err)
		}
		t.Skipf(message, err)
	}
	return path
}

// runNode runs Node with what a program of nodeclient needs to know, and
// returns what it prints.
func runNode(t *testing.T, p *program, state string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node(t), args...)
	cmd.Dir = nodeClient
	cmd.Env = append(os.Environ(), "BASE_URL="+p.url, "PROJECT_ID="+p.project.projectID, "SECRET="+p.project.secret,
		"OUTBOX="+filepath.Join(p.dir, "outbox"), "STATE="+state)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %q: %v\n%s", args, err, output)
	}
	return string(output)
}

// TestNodeClient lets Stytch's own client make every call that there is.
func TestNodeClient(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		node(t)
		p := launch(t, t.TempDir(), nil, where()...)
		output := runNode(t, p, "", "--test", "--test-reporter=tap")
		if !regexp.MustCompile(`(?m)^# pass [1-9][0-9]$`).MatchString(output) || !strings.Contains(output, "# skipped 0\n") {
			t.Errorf("not all tests were run:\n%s", output)
		}
	})
}

// TestNodeClientRestart lets the client come back after restarts, with a new
// signing key and without the old one.
func TestNodeClientRestart(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		node(t)
		if runtime.GOOS == "windows" {
			t.Skip("no such signals")
		}
		dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
		p := spawn(t, dir, where()...)
		runNode(t, p, state, "restart.mjs", "before")
		old := signingKeys(t, dir)[0].ID

		commandOK(t, dir, "-rotate-signing-key") // while it runs
		p = respawn(t, p)
		runNode(t, p, state, "restart.mjs", "rotated")

		commandOK(t, dir, "-remove-signing-key", old)
		p = respawn(t, p)
		runNode(t, p, state, "restart.mjs", "removed")
	})
}

// respawn ends a program in good order and starts another on its files.
func respawn(t *testing.T, p *program) *program {
	t.Helper()
	p.process.Signal(syscall.SIGTERM)
	if status := p.end(t); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, p.stderr)
	}
	return spawn(t, p.dir, p.args...)
}
