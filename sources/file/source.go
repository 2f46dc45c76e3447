// Package file replays captured events from files (package capture says in which
// form).
//
// A file is a partition, named by its path; the offset of a record in it is the
// number of its line, from 1. Reading resumes after the line on record and ends
// with the last file.
package file

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"cdcpipe/coord/capture"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Source replays files.
type Source struct {
	cfg   Config
	seed  maphash.Seed
	files []part // to be read, the first of which may be open
	open  *lines
}

// A part is a file of which the first lines were read before.
type part struct {
	path  string
	claim pipeline.Claim
	done  int64
}

func (p *part) partition() pipeline.Partition { return pipeline.Partition(p.path) }

var (
	_ pipeline.Source[*cdc.Event] = (*Source)(nil)
	_ pipeline.Closer             = (*Source)(nil)
)

// New returns a source; nothing is read until Open.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cfg: cfg.withDefaults(), seed: maphash.MakeSeed()}, nil
}

// Open finds the files and where to resume in each.
func (s *Source) Open(ctx context.Context, parts pipeline.Partitions) error {
	paths, err := filepath.Glob(s.cfg.Path)
	if err != nil || len(paths) == 0 { // no match, or the name of a file that has a pattern's characters
		if _, err := os.Stat(s.cfg.Path); err != nil {
			return fault.Wrap(fault.ReplayFile, fmt.Errorf("find captures: %w", err))
		}
		paths = []string{s.cfg.Path}
	}
	slices.Sort(paths)
	var ps []pipeline.Partition
	for _, p := range paths {
		f := part{path: p}
		f.claim = parts.Assign(f.partition())
		s.files, ps = append(s.files, f), append(ps, f.partition())
	}
	marks, err := parts.Resume(ctx, ps...)
	if err != nil {
		return err
	}
	for _, m := range marks {
		for i := range s.files {
			if f := &s.files[i]; f.partition() == m.Partition {
				f.done = m.Offset
			}
		}
	}
	return nil
}

// Read returns the next lines of a file.
func (s *Source) Read(ctx context.Context) (pipeline.Batch[*cdc.Event], error) {
	for len(s.files) > 0 {
		if err := ctx.Err(); err != nil {
			return pipeline.Batch[*cdc.Event]{}, err
		}
		if s.open == nil {
			var err error
			if s.open, err = openLines(ctx, s.files[0].path, s.files[0].done, int(s.cfg.MaxLineBytes)); err != nil {
				return pipeline.Batch[*cdc.Event]{}, err
			}
		}
		b, err := s.batch()
		if err != nil && !errors.Is(err, io.EOF) {
			return b, err
		}
		if err != nil {
			err = s.open.close()
			s.open, s.files = nil, s.files[1:]
		}
		if len(b.Records) > 0 || err != nil {
			return b, err
		}
	}
	return pipeline.Batch[*cdc.Event]{}, io.EOF
}

// batch reads a batch of the open file, and io.EOF with the last. Any other error
// comes after what was read before it.
func (s *Source) batch() (pipeline.Batch[*cdc.Event], error) {
	f := &s.files[0]
	b := pipeline.Batch[*cdc.Event]{Claim: f.claim}
	for len(b.Records) < s.cfg.BatchRecords && b.Bytes < maxBatchBytes {
		e, err := s.event(f)
		if err != nil {
			if len(b.Records) > 0 && !errors.Is(err, io.EOF) {
				s.open.failed, err = err, nil
			}
			return b, err
		}
		h := pipeline.Header{Partition: f.partition(), Offset: s.open.number, Time: e.Time, Size: e.Size(), Origin: e}
		if e.Key != nil {
			h.Key = max(1, maphash.Bytes(s.seed, e.Key)) // zero would order by partition
		}
		b.Append(h, e)
		b.Through = pipeline.Mark{Partition: f.partition(), Offset: s.open.number}
	}
	return b, nil
}

// event returns the event of the next line.
func (s *Source) event(f *part) (*cdc.Event, error) {
	text, err := s.open.next()
	if err != nil {
		return nil, err
	}
	e, err := capture.Parse(text)
	if err != nil {
		return s.malformed(f, text, err)
	}
	return e, nil
}

// Commit does nothing: the engine keeps the marks.
func (s *Source) Commit(context.Context, []pipeline.Mark) error { return nil }

// Close closes the file that is open.
func (s *Source) Close(context.Context) error {
	if s.open == nil {
		return nil
	}
	return s.open.close()
}
