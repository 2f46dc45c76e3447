package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// An appender appends lines to a file.
type appender struct {
	dir, stem string
	max       int64
	log       *slog.Logger

	file *os.File // nil if it must be mended first
	size int64    // of what was written whole
}

// newAppender returns an appender to stem.jsonl in dir. Characters that a name
// cannot have are escaped as in URLs.
func newAppender(dir, stem string, maximum int64, log *slog.Logger) *appender {
	return &appender{dir: dir, stem: url.PathEscape(stem), max: maximum, log: log}
}

func (a *appender) path() string { return filepath.Join(a.dir, a.stem+".jsonl") }

// append writes text, which is whole lines, all or nothing, and returns once it is
// on the disk.
func (a *appender) append(text []byte) error {
	if a.file == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	if a.size > 0 && a.size+int64(len(text)) > a.max {
		if err := a.rotate(); err != nil {
			a.close()
			return err
		}
	}
	_, err := a.file.WriteAt(text, a.size)
	if err == nil {
		err = a.file.Sync()
	}
	if err != nil { // what of it is on the disk nobody knows: begin again
		err = errors.Join(err, a.file.Truncate(a.size))
		a.close()
		return err
	}
	a.size += int64(len(text))
	return nil
}

// errLocked says that another has a file open to write to it.
var errLocked = errors.New("another process writes to it")

// open opens the file, without a line that was torn.
func (a *appender) open() error {
	f, err := os.OpenFile(a.path(), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return err
	}
	size := int64(0)
	if err = lock(f); err == nil {
		size, err = a.whole(f)
	}
	if err == nil {
		err = errors.Join(f.Sync(), syncDir(a.dir))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", a.path(), err), f.Close())
	}
	a.file, a.size = f, size
	return nil
}

// mend removes a line that was torn from the file, if there is one.
func (a *appender) mend() error {
	if _, err := os.Stat(a.path()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	defer a.close()
	return a.open()
}

// whole sees to it that f ends with the end of a line, and returns its size.
func (a *appender) whole(f *os.File) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	at, err := lastLine(f, size)
	if err != nil || at == size {
		return size, err
	}
	tail := make([]byte, size-at)
	if _, err := f.ReadAt(tail, at); err != nil {
		return 0, err
	}
	if json.Valid(tail) { // by another's hand
		_, err := f.WriteAt([]byte("\n"), size)
		return size + 1, err
	}
	a.log.Warn("a line was torn by a crash, before anyone was told that it was written, and is removed", "file", a.path(), "bytes", len(tail))
	return at, f.Truncate(at)
}

// lastLine returns where what follows the last end of a line begins.
func lastLine(f *os.File, size int64) (int64, error) {
	piece := make([]byte, 64<<10)
	for at := size; at > 0; {
		n := min(at, int64(len(piece)))
		at -= n
		if _, err := f.ReadAt(piece[:n], at); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(piece[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
	}
	return 0, nil
}

// rotate puts the file aside, under a number greater than any other's, and begins
// another.
func (a *appender) rotate() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	last := 0
	for _, e := range entries {
		var n int
		if rest, ok := strings.CutPrefix(e.Name(), a.stem+"."); ok {
			if _, err := fmt.Sscanf(rest, "%06d.jsonl", &n); err == nil {
				last = max(last, n)
			}
		}
	}
	a.close()
	if err := os.Rename(a.path(), filepath.Join(a.dir, fmt.Sprintf("%s.%06d.jsonl", a.stem, last+1))); err != nil {
		return err
	}
	return a.open()
}

func (a *appender) close() {
	if a.file != nil {
		_ = a.file.Close() // all that matters was synced
		a.file = nil
	}
}

// syncDir makes the names in a directory survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
