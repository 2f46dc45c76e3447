package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"cdcpipe/pipeline"
)

// A Reader reads a [Log]. It is a [pipeline.Source] and a [pipeline.Pauser].
type Reader[T any] struct {
	// Assign makes the reader assign the partitions it finds when it is opened, and
	// read no others until they are given to Take. Otherwise it reads all there are
	// and assigns none. Set it before the reader is used.
	Assign bool

	// OnCommit, if set, is called with every commit before it takes effect, and
	// may refuse it. Set it before the reader is used.
	OnCommit func(marks []pipeline.Mark) error

	log  *Log[T]
	n    int
	tail bool

	commits sync.Mutex // held during a commit

	// Guarded by log.mu.
	parts  pipeline.Partitions
	claims map[pipeline.Partition]pipeline.Claim // if it assigns
	at     map[pipeline.Partition]int64
	paused map[pipeline.Partition]bool
	next   int
	reads  int
	closed bool
}

var (
	_ pipeline.Source[int] = (*Reader[int])(nil)
	_ pipeline.Pauser      = (*Reader[int])(nil)
	_ pipeline.Closer      = (*Reader[int])(nil)
)

// Reader returns a source of batches of up to n records. It starts after the marks
// of record, if the pipeline keeps [pipeline.Offsets], and else after what was
// committed to the log. With tail set it waits for more at the end instead of
// returning io.EOF.
func (l *Log[T]) Reader(n int, tail bool) *Reader[T] {
	return &Reader[T]{log: l, n: n, tail: tail, paused: map[pipeline.Partition]bool{}}
}

// Open finds out where to start.
func (r *Reader[T]) Open(ctx context.Context, parts pipeline.Partitions) error {
	r.log.mu.Lock()
	r.parts, r.at = parts, map[pipeline.Partition]int64{}
	r.log.mu.Unlock()
	return r.Take(ctx, r.log.Partitions()...)
}

// Take assigns ps, as a rebalance does, if the reader assigns. It reads them after
// the marks of record, or else after what was committed.
func (r *Reader[T]) Take(ctx context.Context, ps ...pipeline.Partition) error {
	parts, claims := r.partitions(), map[pipeline.Partition]pipeline.Claim{}
	if r.Assign {
		for _, p := range ps {
			claims[p] = parts.Assign(p)
		}
	}
	marks, err := parts.Resume(ctx, ps...)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.claims == nil {
		r.claims = map[pipeline.Partition]pipeline.Claim{}
	}
	maps.Copy(r.claims, claims)
	for _, p := range ps {
		r.at[p] = r.log.committed[p]
	}
	for _, m := range marks {
		r.at[m.Partition] = m.Offset
	}
	r.log.wake()
	return nil
}

// Read returns the next batch, taking partitions in turn.
func (r *Reader[T]) Read(ctx context.Context) (pipeline.Batch[T], error) {
	for {
		if err := ctx.Err(); err != nil {
			return pipeline.Batch[T]{}, err
		}
		b, wake := r.poll()
		switch {
		case len(b.Records) > 0:
			return b, nil
		case wake == nil:
			return b, io.EOF
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// poll returns a batch, or what to wait for before there may be another, or
// neither at the end.
func (r *Reader[T]) poll() (b pipeline.Batch[T], wake <-chan struct{}) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.reads++
	wait := r.tail
	for range r.log.order {
		p := r.log.order[r.next%len(r.log.order)]
		r.next++
		claim, ours := r.claims[p]
		recs, at := r.log.parts[p], r.at[p]
		switch {
		case int(at) >= len(recs) || r.Assign && !ours:
			continue
		case r.paused[p]:
			wait = true
			continue
		}
		end := min(int(at)+r.n, len(recs))
		b = pipeline.NewBatch[T](end - int(at))
		for _, rec := range recs[at:end] {
			b.Append(*rec.Header, rec.Value)
		}
		b.Through, b.Claim = pipeline.Mark{Partition: p, Offset: int64(end)}, claim
		r.at[p] = int64(end)
		return b, nil
	}
	if wait {
		wake = r.log.wait()
	}
	return b, wake
}

// Reads returns how often the reader has looked for something to read.
func (r *Reader[T]) Reads() int {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.reads
}

// Commit moves the log's committed offsets. Going backwards is an error.
func (r *Reader[T]) Commit(_ context.Context, marks []pipeline.Mark) error {
	r.commits.Lock()
	defer r.commits.Unlock()
	if r.OnCommit != nil {
		if err := r.OnCommit(marks); err != nil {
			return err
		}
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.closed {
		return errors.New("pipelinetest: commit after close")
	}
	for _, m := range marks {
		if m.Offset < r.log.committed[m.Partition] {
			return fmt.Errorf("pipelinetest: %s committed back to %d from %d", m.Partition, m.Offset, r.log.committed[m.Partition])
		}
		r.log.committed[m.Partition] = m.Offset
	}
	return nil
}

// Lose gives ps up, as a rebalance does, and commits the final marks, which it
// returns. The reader must assign.
func (r *Reader[T]) Lose(ctx context.Context, ps ...pipeline.Partition) ([]pipeline.Mark, error) {
	marks := r.partitions().Revoke(ctx, ps...)
	r.log.mu.Lock()
	for _, p := range ps {
		delete(r.claims, p)
	}
	r.log.mu.Unlock()
	if len(marks) == 0 {
		return nil, nil
	}
	return marks, r.Commit(ctx, marks)
}

func (r *Reader[T]) partitions() pipeline.Partitions {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.parts
}

// PausePartitions stops reading ps.
func (r *Reader[T]) PausePartitions(ps ...pipeline.Partition) { r.pause(true, ps) }

// ResumePartitions reads ps again.
func (r *Reader[T]) ResumePartitions(ps ...pipeline.Partition) { r.pause(false, ps) }

func (r *Reader[T]) pause(v bool, ps []pipeline.Partition) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	for _, p := range ps {
		r.paused[p] = v
	}
	r.log.wake()
}

// Close makes further commits fail.
func (r *Reader[T]) Close(context.Context) error {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.closed = true
	return nil
}
