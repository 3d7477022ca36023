//go:build unix

package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// An account is whom a server runs as; the zero account is who runs the test.
type account struct{ uid, gid uint32 }

// unprivileged returns an account for a server that refuses to run as root:
// one of the names, the first that exists.
func unprivileged(names ...string) account {
	if os.Getuid() != 0 {
		return account{}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return account{uint32(uid), uint32(gid)}
		}
	}
	return account{}
}

// own gives a directory to the account.
func (a account) own(path string) error {
	if a == (account{}) {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// become has the command run as the account, in a process group of its own.
func (a account) become(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a != (account{}) {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
}

// killAll kills a process, its group, and its children, which have groups of
// their own with Postgres. It is halted before, so that it has no more of them
// and tends to none that dies.
func killAll(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	syscall.Kill(pid, syscall.SIGSTOP)
	born, err := children(pid)
	for _, child := range born {
		syscall.Kill(child, syscall.SIGKILL)
	}
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return err
	}
	return err
}

// children returns the children of a process, from Linux itself or else from ps.
func children(pid int) (pids []int, err error) {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err == nil {
		for field := range strings.FieldsSeq(string(list)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			pids = append(pids, child)
		}
		return pids, nil
	}
	list, err = exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	for line := range strings.Lines(string(list)) {
		var child, parent int
		if n, _ := fmt.Sscan(line, &child, &parent); n == 2 && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids, err
}

// alive reports whether a child runs: neither gone nor a zombie.
func alive(pid int) bool {
	var status syscall.WaitStatus
	got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	return err == nil && got == 0
}
