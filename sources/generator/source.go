package generator

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// Partition is the one partition of a [Source]. Its offsets are the indices of
// the events.
const Partition pipeline.Partition = "generator/0"

// batchSize is how many events a batch has at most.
const batchSize = 256

// A Source reads a generator's events as if from Kafka, from wherever the marks
// of record say, and ends after [Config.Events].
type Source struct {
	g     *Generator
	rate  float64 // events per second; 0 for no limit
	next  uint64
	claim pipeline.Claim
	event Event

	began time.Time // of the first Read
	read  uint64    // since then
	size  int       // bytes of the last batch
}

var _ pipeline.Source[*cdc.Event] = (*Source)(nil)

// NewSource returns a source of g's events, at most so many a second; 0 is as many
// as the pipeline takes.
func NewSource(g *Generator, rate float64) (*Source, error) {
	if !(rate >= 0) {
		return nil, fmt.Errorf("generator: rate must not be negative, is %v events a second", rate)
	}
	return &Source{g: g, rate: rate}, nil
}

// Open finds out where to begin.
func (s *Source) Open(ctx context.Context, parts pipeline.Partitions) error {
	s.claim = parts.Assign(Partition)
	marks, err := parts.Resume(ctx, Partition)
	if err != nil {
		return err
	}
	for _, m := range marks {
		s.next = uint64(m.Offset + 1)
	}
	return nil
}

// Read returns the next events, when they are due.
func (s *Source) Read(ctx context.Context) (pipeline.Batch[*cdc.Event], error) {
	n := uint64(batchSize)
	if s.rate > 0 { // twenty batches a second, so that a slow source is not a bursty one
		n = min(n, max(1, uint64(s.rate/20)))
	}
	if end := s.g.cfg.Events; end > 0 {
		if s.next >= end {
			return pipeline.Batch[*cdc.Event]{}, io.EOF
		}
		n = min(n, end-s.next)
	}
	if err := s.wait(ctx); err != nil {
		return pipeline.Batch[*cdc.Event]{}, err
	}
	s.read += n
	return s.batch(int(n)), nil
}

// Commit does nothing: the engine keeps the marks, and events are never used up.
func (s *Source) Commit(context.Context, []pipeline.Mark) error { return nil }

// wait returns when the next event is due, or with the error of ctx.
func (s *Source) wait(ctx context.Context) error {
	if s.rate == 0 {
		return nil
	}
	if s.began.IsZero() {
		s.began = time.Now()
	}
	due := time.NewTimer(time.Until(s.began.Add(time.Duration(float64(s.read) / s.rate * float64(time.Second)))))
	defer due.Stop()
	select {
	case <-due.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batch makes the next n events. They share one array of bytes, since what is
// read together is let go together.
func (s *Source) batch(n int) pipeline.Batch[*cdc.Event] {
	b := pipeline.NewBatch[*cdc.Event](n)
	events := make([]cdc.Event, n)
	headers := make([]cdc.EventHeader, n)
	bytes := make([]byte, 0, s.size+s.size/8)
	take := func(v []byte) []byte {
		at := len(bytes)
		bytes = append(bytes, v...) // an array that is full stays with the events before
		return bytes[at:len(bytes):len(bytes)]
	}
	var digits [20]byte
	for i := range events {
		s.g.Event(s.next, &s.event)
		headers[i] = cdc.EventHeader{Key: IndexHeader, Value: take(strconv.AppendUint(digits[:0], s.next, 10))}
		e := &events[i]
		*e = cdc.Event{
			Topic: s.event.Topic, Offset: int64(s.next), Time: s.event.Time,
			Key: take(s.event.Key), Value: take(s.event.Value), Headers: headers[i : i+1 : i+1],
		}
		b.Append(pipeline.Header{Partition: Partition, Offset: e.Offset, Time: e.Time, Size: e.Size(), Origin: e}, e)
		s.next++
	}
	s.size = len(bytes)
	b.Claim, b.Through = s.claim, pipeline.Mark{Partition: Partition, Offset: int64(s.next) - 1}
	return b
}
