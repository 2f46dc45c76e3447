package file

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"cdcpipe/pipeline/fault"
)

// lines reads the lines of a file.
type lines struct {
	path   string
	file   *os.File
	r      *bufio.Reader
	max    int
	number int64  // of the line last read
	long   []byte // a line that the reader's buffer does not hold
	failed error  // what next returns instead
}

// openLines opens a file after its first done lines.
func openLines(ctx context.Context, path string, done int64, maximum int) (*lines, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.ReplayFile, err)
	}
	l := &lines{path: path, file: f, r: bufio.NewReaderSize(f, 256<<10), max: maximum}
	if head, _ := l.r.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) { // RFC 1952
		zip, err := gzip.NewReader(l.r)
		if err != nil {
			return nil, errors.Join(l.refuse(err), l.close())
		}
		l.r = bufio.NewReaderSize(zip, 256<<10)
	}
	for l.number < done {
		if l.number%1024 == 0 && ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), l.close())
		}
		_, err := l.read()
		if errors.Is(err, io.EOF) {
			err = fault.New(fault.ReplayFile, "%s: has %d lines, and %d were read before: it is not the file that was", path, l.number, done)
		}
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return l, nil
}

// next returns the next line that is not blank, or io.EOF. It is valid until the
// next call.
func (l *lines) next() ([]byte, error) {
	for l.failed == nil {
		text, err := l.read()
		if err != nil {
			return nil, err
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, nil
		}
	}
	return nil, l.failed
}

// read returns the next line.
func (l *lines) read() ([]byte, error) {
	l.long = l.long[:0]
	for {
		piece, err := l.r.ReadSlice('\n')
		if len(l.long)+len(piece) > l.max {
			return nil, fault.New(fault.ReplayMalformed, "%s:%d: longer than %d bytes (max_line_bytes)", l.path, l.number+1, l.max)
		}
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(l.long)+len(piece) > 0: // the last line may lack its end
			l.number++
			if len(l.long) == 0 {
				return piece, nil
			}
			l.long = append(l.long, piece...)
			return l.long, nil
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, piece...)
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		default:
			return nil, l.refuse(err)
		}
	}
}

func (l *lines) refuse(err error) error {
	return fault.Wrap(fault.ReplayFile, fmt.Errorf("%s: read after line %d: %w", l.path, l.number, err))
}

func (l *lines) close() error { return l.file.Close() }
