// Package durable makes new files survive a power cut.
package durable

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// SyncDir writes the names in a directory to the disk: without it a file that
// was flushed may be there after a power cut, and its name not. Windows has no
// such call and needs none; some network file systems refuse it, which is no
// error.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}
