package dlq

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// A Source yields letters that are open and due, those of each outlet as a partition.
// Several may read the same letters: each is given to one of them, until its lease
// ends. What is done with a letter decides whether it comes again; there are no
// offsets to be kept.
type Source struct {
	Store   *Store
	Filter  Filter            // its outlet, state and limit are of no account
	Outlets []pipeline.Outlet // defaults to dead_letter
	Poll    time.Duration     // how often to look, when nothing is due; defaults to 5s
	Lease   time.Duration     // longer than what is done with a letter takes; defaults to 10m
	Batch   int               // letters at a time; defaults to 200
	Logger  *slog.Logger

	// Once ends the source when nothing more is due.
	Once bool

	next, idle int // outlet to look at; how many had nothing in a row

	mu    sync.Mutex
	parts map[pipeline.Partition]*taken
}

// taken is what was read of an outlet and has not settled.
type taken struct {
	offset int64
	ids    map[int64]int64 // offsets of letters
}

// Open takes the defaults. The store is open.
func (s *Source) Open(context.Context, pipeline.Partitions) error {
	if len(s.Outlets) == 0 {
		s.Outlets = []pipeline.Outlet{pipeline.DeadLetter}
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	fill(&s.Poll, 5*time.Second)
	fill(&s.Lease, 10*time.Minute)
	fill(&s.Batch, 200)
	s.parts = map[pipeline.Partition]*taken{}
	for _, o := range s.Outlets {
		s.parts[pipeline.Partition(o)] = &taken{ids: map[int64]int64{}}
	}
	return nil
}

func fill[T comparable](v *T, with T) {
	var zero T
	if *v == zero {
		*v = with
	}
}

// Read waits until a letter is due. While the database does not answer it waits, too.
func (s *Source) Read(ctx context.Context) (pipeline.Batch[*Letter], error) {
	for {
		if s.idle >= len(s.Outlets) {
			s.idle = 0
			if s.Once && s.settled() {
				return pipeline.Batch[*Letter]{}, io.EOF
			}
			if err := s.wait(ctx); err != nil {
				return pipeline.Batch[*Letter]{}, err
			}
		}
		f := s.Filter
		f.Outlet, f.Limit = s.Outlets[s.next], s.Batch
		s.next = (s.next + 1) % len(s.Outlets)
		ls, err := s.Store.Claim(ctx, f, s.Lease)
		switch {
		case ctx.Err() != nil:
			return pipeline.Batch[*Letter]{}, ctx.Err()
		case fault.Is(err, fault.NoPermission), fault.Is(err, fault.LayoutTooNew):
			return pipeline.Batch[*Letter]{}, err
		case err != nil && fault.CodeOf(err) != fault.LetterMissing: // which is to say that there is no such table yet
			s.Logger.Warn("letters cannot be read; trying again", "outlet", string(f.Outlet), "err", err)
			s.idle = len(s.Outlets)
			continue
		}
		if b := s.batch(f.Outlet, ls); len(b.Records) > 0 {
			s.idle = 0
			return b, nil
		}
		s.idle++
	}
}

func (s *Source) wait(ctx context.Context) error {
	t := time.NewTimer(s.Poll)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batch leaves out letters that are in flight: whatever holds them up has lasted
// longer than their lease.
func (s *Source) batch(o pipeline.Outlet, ls []*Letter) pipeline.Batch[*Letter] {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := pipeline.Partition(o)
	t := s.parts[part]
	b := pipeline.NewBatch[*Letter](len(ls))
	slices.SortFunc(ls, func(a, b *Letter) int { return int(a.ID - b.ID) })
	for _, l := range ls {
		if _, flying := t.ids[l.ID]; flying {
			continue
		}
		t.offset++
		t.ids[l.ID] = t.offset
		b.Append(pipeline.Header{Partition: part, Offset: t.offset, Time: l.Received, Size: l.Event.Size() + len(l.Record), Origin: &l.Event}, l)
	}
	b.Through = pipeline.Mark{Partition: part, Offset: t.offset, Epoch: -1}
	return b
}

// Commit takes note of what has settled.
func (s *Source) Commit(_ context.Context, marks []pipeline.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range marks {
		for id, at := range s.parts[m.Partition].ids {
			if at <= m.Offset {
				delete(s.parts[m.Partition].ids, id)
			}
		}
	}
	return nil
}

// settled reports whether nothing is in flight.
func (s *Source) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.parts {
		if len(t.ids) > 0 {
			return false
		}
	}
	return true
}
