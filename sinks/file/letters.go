// Package file keeps letters, what left a pipeline by an outlet, in files.
package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"cdcpipe/coord/capture"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// Letters keeps rejected records in a file for each outlet, named for it with
// .jsonl appended. A line is the event as it was read, in the form of package
// capture, so that it can be replayed, with a field rejected that says why it left.
//
// What Write has written survives a crash. A line that a crash tore is removed when
// the file is next opened: nobody was told that it was written. A file has one
// writer: two workers keep their letters in directories of their own.
type Letters struct {
	cfg Config
	log *slog.Logger

	mu   sync.Mutex
	logs map[pipeline.Outlet]*appender
}

var (
	_ pipeline.Sink[pipeline.Reject] = (*Letters)(nil)
	_ pipeline.Opener                = (*Letters)(nil)
	_ pipeline.Closer                = (*Letters)(nil)
	_ pipeline.Diverter              = (*Letters)(nil)
)

// NewLetters returns an outlet's sink; no file is touched until Open.
func NewLetters(cfg Config, log *slog.Logger) (*Letters, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	return &Letters{cfg: cfg.withDefaults(), log: log, logs: map[pipeline.Outlet]*appender{}}, nil
}

// Outlets returns none: an outlet has no outlet.
func (l *Letters) Outlets() []pipeline.Outlet { return nil }

// Open makes the directory and mends the files in it that nobody is writing to.
func (l *Letters) Open(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.MkdirAll(l.cfg.Directory, 0o750); err != nil {
		return fault.Wrap(fault.OutletDown, err)
	}
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		if err := l.appender(o).mend(); err != nil && !errors.Is(err, errLocked) {
			return fault.Wrap(fault.OutletDown, err)
		}
	}
	return nil
}

func (l *Letters) appender(o pipeline.Outlet) *appender {
	a := l.logs[o]
	if a == nil {
		a = newAppender(l.cfg.Directory, string(o), int64(l.cfg.MaxBytes), l.log)
		l.logs[o] = a
	}
	return a
}

// rejected is what a line says besides the event.
type rejected struct {
	Outlet        pipeline.Outlet  `json:"outlet"`
	Step          string           `json:"step"`
	Code          fault.Code       `json:"code"`
	Title         string           `json:"title"`
	Detail        string           `json:"detail"`
	Fix           string           `json:"fix"`
	Table         string           `json:"table,omitempty"`
	Failures      []letter.Failure `json:"failures"`
	TraceID       string           `json:"trace_id,omitempty"`
	Attempts      int              `json:"attempts"`
	FirstFailedAt time.Time        `json:"first_failed_at"`
	LastFailedAt  time.Time        `json:"last_failed_at"`
}

// Write returns once recs are on the disk.
func (l *Letters) Write(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
	texts := map[pipeline.Outlet][]byte{}
	for _, r := range recs {
		lt := letter.Of(r)
		text, err := capture.Append(texts[lt.Outlet], lt.Event, rejected{
			lt.Outlet, lt.Step, lt.Code, lt.Title, lt.Detail, lt.Fix, lt.TableName(), lt.Failures, lt.Trace, lt.Attempts, lt.First.UTC(), lt.Last.UTC(),
		})
		if err != nil {
			return err
		}
		texts[lt.Outlet] = text
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for o, text := range texts {
		if err := l.appender(o).append(text); err != nil {
			return fault.Wrap(fault.OutletDown, fmt.Errorf("keep letters of outlet %s: %w", o, err))
		}
	}
	return nil
}

// Close closes the files.
func (l *Letters) Close(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.logs {
		a.close()
	}
	return nil
}
