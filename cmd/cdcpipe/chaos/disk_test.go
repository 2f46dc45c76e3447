package chaos

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// newDisk mounts a file system for the databases of a server, and returns where, or
// nothing where it may not: a full disk is then imitated.
func newDisk(t *testing.T) string {
	t.Helper()
	dir := scratch(t)
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "mode=0777,size=1g", "cdcpipe-chaos", dir).CombinedOutput(); err != nil {
		t.Logf("a full disk is imitated, since it may not be mounted here (root may): %v %s", err, out)
		return ""
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// tablespace puts the databases of d on its disk.
func (d *database) tablespace(w *world) string {
	if d.disk == "" {
		return ""
	}
	dir := filepath.Join(d.disk, "space")
	if err := os.Mkdir(dir, 0o700); errors.Is(err, os.ErrExist) {
		return " TABLESPACE disk"
	} else if err != nil {
		w.t.Fatal(err)
	}
	if st, err := os.Stat(d.dir); err == nil && os.Getuid() == 0 { // the server's user
		who := st.Sys().(*syscall.Stat_t)
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.exec("CREATE TABLESPACE disk LOCATION '" + dir + "'")
	return " TABLESPACE disk"
}

// fillDisk leaves the databases no byte to grow by, for a while.
func (w *world) fillDisk(o occurrence) {
	if w.pg.disk == "" {
		w.raise("disk", "53100")
		w.wait(o.last)
		w.raise("disk", "")
		return
	}
	ballast := filepath.Join(w.pg.disk, "ballast")
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	for size := 1 << 20; size > 0; { // to the last byte, also of what is given back meanwhile
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			w.t.Fatal(err)
		}
	}
	w.wait(o.last)
	f.Close()
	if err := os.Remove(ballast); err != nil {
		w.t.Fatal(err)
	}
}
