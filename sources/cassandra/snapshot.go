package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A TokenReader reads tables by ranges of tokens, as [Reader] does.
type TokenReader interface {
	Ranges(ctx context.Context, n int) ([]TokenRange, error)
	ReadTokens(ctx context.Context, t *cdc.Table, from, to int64, yield func(cdc.Reading) error) error
}

// SnapshotConfig says what a [Snapshot] reads and how fast.
type SnapshotConfig struct {
	// Tables are read. Of one of facts the changes are facts, of another claims.
	Tables []*cdc.Table
	// Ranges is into how many parts each table is divided, at least; see
	// [Reader.Ranges]. It defaults to 64.
	Ranges int
	// Parallel is how many of them are read at a time. It defaults to 4.
	Parallel int
	// Rate bounds the rows a second; 0 is as many as go.
	Rate float64
	// Attempts is how often a range is tried whose reading Cassandra's state has
	// ended. It defaults to 5.
	Attempts int
}

const (
	defaultRanges   = 64
	defaultParallel = 4
	defaultAttempts = 5
	snapshotBatch   = 500
)

func (c SnapshotConfig) withDefaults() SnapshotConfig {
	if c.Ranges == 0 {
		c.Ranges = defaultRanges
	}
	if c.Parallel == 0 {
		c.Parallel = defaultParallel
	}
	if c.Attempts == 0 {
		c.Attempts = defaultAttempts
	}
	return c
}

// Validate reports everything that is wrong with c.
func (c SnapshotConfig) Validate() error {
	var errs []error
	if c.Ranges < 0 || c.Ranges > maxRanges {
		errs = append(errs, fmt.Errorf("ranges: must be from 1 to %d", maxRanges))
	}
	if c.Parallel < 0 || c.Attempts < 0 {
		errs = append(errs, errors.New("parallel and attempts must not be negative"))
	}
	if !(c.Rate >= 0) || math.IsInf(c.Rate, 0) {
		errs = append(errs, errors.New("rate: must not be negative"))
	}
	return errors.Join(errs...)
}

// A Snapshot is a source of the rows that tables have: each range of tokens of a
// table is a partition, which is read from its start until it was read to its end.
// The source is exhausted when all are.
//
// No pause of other writers to the target is needed. What a row's change claims has
// Cassandra's own write times; a fact is placed at the time before its range was
// asked for, so that whatever is read later of the row wins.
type Snapshot struct {
	cfg    SnapshotConfig
	reader TokenReader
	pace   pace

	ranges  []*tokenPart
	byName  map[pipeline.Partition]*tokenPart
	next    atomic.Int64 // of ranges, to be read
	batches chan pipeline.Batch[*cdc.Change]
	err     error // why reading has ended, once batches is closed
	cancel  context.CancelFunc
	done    sync.WaitGroup

	total, rows, finished, resumed atomic.Int64
}

var (
	_ pipeline.Source[*cdc.Change] = (*Snapshot)(nil)
	_ pipeline.Closer              = (*Snapshot)(nil)
)

// NewSnapshot returns the source; nothing is read until Open.
func NewSnapshot(cfg SnapshotConfig, reader TokenReader) (*Snapshot, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.Tables) == 0 {
		return nil, errors.New("no tables to read")
	}
	cfg = cfg.withDefaults()
	return &Snapshot{cfg: cfg, reader: reader, pace: pace{rate: cfg.Rate}, batches: make(chan pipeline.Batch[*cdc.Change], cfg.Parallel)}, nil
}

// Partitions returns, for each table, with what the names of its partitions begin.
func (s *Snapshot) Partitions() (prefixes []string) {
	for _, t := range s.cfg.Tables {
		prefixes = append(prefixes, prefixOf(t))
	}
	return prefixes
}

// SnapshotProgress says how far a snapshot is.
type SnapshotProgress struct {
	Ranges   int64 // 0 until the source is open
	Finished int64 // those whose every row is in the target, those of earlier runs included
	Resumed  int64 // those that earlier runs have finished
	Rows     int64 // read by this run
}

// Progress returns how far the snapshot is. It may be called at any time.
func (s *Snapshot) Progress() SnapshotProgress {
	return SnapshotProgress{Ranges: s.total.Load(), Finished: s.finished.Load(), Resumed: s.resumed.Load(), Rows: s.rows.Load()}
}

// Complete reports whether every row of every range is in the target.
func (p SnapshotProgress) Complete() bool { return p.Ranges > 0 && p.Finished == p.Ranges }

// Open divides the tables and finds out which ranges are finished.
func (s *Snapshot) Open(ctx context.Context, parts pipeline.Partitions) error {
	ring, err := s.reader.Ranges(ctx, s.cfg.Ranges)
	if err != nil {
		return err
	}
	var ps []pipeline.Partition
	s.byName = map[pipeline.Partition]*tokenPart{}
	for _, r := range ring { // by range first: how many are done then tells how much is
		for _, t := range s.cfg.Tables {
			p := &tokenPart{table: t, tokens: r, log: logOf(t)}
			p.claim = parts.Assign(p.partition())
			s.byName[p.partition()] = p
			s.ranges, ps = append(s.ranges, p), append(ps, p.partition())
		}
	}
	marks, err := parts.Resume(ctx, ps...)
	if err != nil {
		return err
	}
	for _, m := range marks {
		switch p := s.byName[m.Partition]; {
		case p == nil:
		case m.Log == p.log && m.Offset == finished:
			p.skip, p.finished = true, true
			s.resumed.Add(1)
			s.finished.Add(1)
		case m.Log == p.log:
			p.offset = m.Offset
		}
	}
	s.total.Store(int64(len(s.ranges)))
	s.start(context.WithoutCancel(ctx))
	return nil
}

// start begins to read, until all is read or Close.
func (s *Snapshot) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	for range s.cfg.Parallel {
		g.Go(func() error {
			for {
				i := s.next.Add(1) - 1
				if i >= int64(len(s.ranges)) {
					return nil
				}
				if p := s.ranges[i]; !p.skip {
					if err := s.read(ctx, p); err != nil {
						return err
					}
				}
			}
		})
	}
	s.done.Go(func() {
		s.err = g.Wait()
		close(s.batches)
	})
}

// Read returns the next batch of any range.
func (s *Snapshot) Read(ctx context.Context) (pipeline.Batch[*cdc.Change], error) {
	select {
	case b, ok := <-s.batches:
		switch {
		case ok:
			return b, nil
		case s.err != nil:
			return b, s.err
		}
		return b, io.EOF
	case <-ctx.Done():
		return pipeline.Batch[*cdc.Change]{}, ctx.Err()
	}
}

// Commit counts the ranges that are finished; the engine keeps the marks.
func (s *Snapshot) Commit(_ context.Context, marks []pipeline.Mark) error {
	for _, m := range marks {
		if p := s.byName[m.Partition]; p != nil && m.Offset == finished && !p.finished {
			p.finished = true
			s.finished.Add(1)
		}
	}
	return nil
}

// Close ends reading.
func (s *Snapshot) Close(context.Context) error {
	if s.cancel != nil {
		s.cancel()
		s.done.Wait()
	}
	return nil
}

// read reads a range, again after an error of the world.
func (s *Snapshot) read(ctx context.Context, p *tokenPart) error {
	wait := time.Second
	for attempt := 1; ; attempt++ {
		err := s.readOnce(ctx, p)
		if err == nil || attempt == s.cfg.Attempts || ctx.Err() != nil || !fault.Is(err, fault.CassandraLate) && !fault.Is(err, fault.CassandraDown) {
			return err
		}
		select {
		case <-time.After(wait):
			wait *= 2
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Snapshot) readOnce(ctx context.Context, p *tokenPart) error {
	at := time.Now().UnixMicro()
	size := s.pace.batch()
	var b pipeline.Batch[*cdc.Change]
	send := func(end bool) error {
		b.Claim, b.Through = p.claim, pipeline.Mark{Partition: p.partition(), Offset: p.offset, Log: p.log}
		if end {
			b.Through.Offset = finished
		}
		if err := s.pace.wait(ctx, len(b.Records)); err != nil {
			return err
		}
		select {
		case s.batches <- b:
			s.rows.Add(int64(len(b.Records)))
			b = pipeline.Batch[*cdc.Change]{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := s.reader.ReadTokens(ctx, p.table, p.tokens.From, p.tokens.To, func(r cdc.Reading) error {
		if b.Records == nil {
			b = pipeline.NewBatch[*cdc.Change](size)
		}
		c := r.Change(p.table, at)
		p.offset++
		b.Append(pipeline.Header{Partition: p.partition(), Offset: p.offset, Key: c.Hash(), Size: sizeOf(c)}, c)
		if len(b.Records) < size && b.Bytes < maxSnapshotBytes {
			return nil
		}
		return send(false)
	})
	if err != nil {
		return err
	}
	return send(true)
}
