package realstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cdcpipe/pipeline/fault"
)

// probeEvery is how often a server is asked whether it is ready.
const probeEvery = 100 * time.Millisecond

// errSuccess is how a program ends that should not end at all.
var errSuccess = errors.New("exit status 0")

// A starting is a program from its start until it is ready.
type starting struct {
	Program
	name string
	log  string // path
	from int64  // where its part of the log begins
}

// begin starts a program that writes to the end of log.
func begin(name, log string, start func() (Program, error)) (*starting, error) {
	c := &starting{name: name, log: log}
	if st, err := os.Stat(log); err == nil {
		c.from = st.Size()
	}
	var err error
	c.Program, err = start()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// await waits until ready returns nil. If the program ends or ctx does, the error
// has the last lines of its log.
func (c *starting) await(ctx context.Context, ready func(context.Context) error) error {
	var last error
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := ready(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-c.Done():
			return fault.New(fault.ServerStart, "%s ended (%v); the end of %s:\n%s", c.name, cmp.Or(c.Exit(), errSuccess), c.log, tail(c.log, c.from))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) { // nothing is wrong with it
				return fmt.Errorf("start %s: %w", c.name, context.Cause(ctx))
			}
			return fault.New(fault.ServerStart, "%s did not become ready: %w; the last attempt: %w; the end of %s:\n%s",
				c.name, context.Cause(ctx), errors.Join(last, ctx.Err()), c.log, tail(c.log, c.from))
		case <-time.After(probeEvery):
		}
	}
}

// tail returns the last lines of a file that lie beyond from.
func tail(path string, from int64) string {
	const lines, size = 30, 8 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil {
		from = max(from, st.Size()-size)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, from, size))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
