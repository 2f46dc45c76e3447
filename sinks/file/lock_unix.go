//go:build unix

package file

import (
	"errors"
	"os"
	"syscall"
)

// lock takes a file that one can have at a time, until it is closed.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
