//go:build !unix

package servertest

import "os/exec"

// Elsewhere no server is looked for as root, and a process is killed alone.

type account struct{}

func unprivileged(...string) account { return account{} }

func (account) own(string) error { return nil }

func (account) become(*exec.Cmd) {}

func killAll(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func alive(int) bool { return true }
