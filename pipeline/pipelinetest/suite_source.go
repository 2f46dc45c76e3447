package pipelinetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"
	"time"

	"cdcpipe/pipeline"
)

// A SourceSuite checks that a source keeps what [pipeline.Source] promises:
//
//   - every record is read once, in order within its partition, and batches, marks
//     and headers make sense;
//   - reading resumes after what was committed, and what was not is read again;
//   - marks of record come before what was committed;
//   - a paused partition stands still, and loses nothing;
//   - a blocked Read returns when its context ends, as it does in every check;
//   - Close is safe without Open.
//
// It runs sources in real pipelines, one at a time.
type SourceSuite[T any] struct {
	// New makes data that nobody has read, and returns a function that makes
	// sources of them. The sources of one test share what they commit.
	New func(t testing.TB) (source func() pipeline.Source[T])

	// Records is how many records the data hold: ten or more.
	Records int

	// IgnoresOffsets says that the source does not ask [pipeline.Partitions] where
	// to begin.
	IgnoresOffsets bool

	// Settle is how long to wait for records that must not come, when the source
	// does not end by itself. Defaults to 200ms.
	Settle time.Duration

	// Timeout bounds each life of a pipeline. Defaults to 30s.
	Timeout time.Duration
}

// Run runs the checks as subtests of t.
func (s SourceSuite[T]) Run(t *testing.T) {
	t.Helper()
	runChecks(t, s.checks())
}

func (s SourceSuite[T]) checks() []check {
	s.Timeout = cmp.Or(s.Timeout, 30*time.Second)
	s.Settle = cmp.Or(s.Settle, 200*time.Millisecond)
	checks := []check{
		{"reads everything once", s.everything},
		{"resumes after what was committed", s.resumes},
		{"reads again what was not committed", s.readsAgain},
		{"pauses a partition", s.pauses},
		{"closes without being opened", func(t testing.TB) {
			if err := closePart(t.Context(), s.New(t)()); err != nil {
				t.Error(err)
			}
		}},
	}
	if !s.IgnoresOffsets {
		checks = append(checks, check{"begins after the marks of record", s.begins})
	}
	return checks
}

// A life is what one pipeline saw of a source.
type life[T any] struct {
	records []pipeline.Record[T]
	marks   map[pipeline.Partition][]pipeline.Mark // of the batches read
	final   map[pipeline.Partition]pipeline.Mark   // committed last
	err     error
}

// A lifetime says how a pipeline is to be run.
type lifetime struct {
	records int // drain when so many are written and no more come
	accept  int // fail when so many are written and more come
	offsets pipeline.Offsets
	paused  pipeline.Partition // until some time after so many are written
	until   int
}

var errStop = errors.New("stopped by the suite")

// live runs a source in a pipeline.
func (s SourceSuite[T]) live(t testing.TB, src pipeline.Source[T], lt lifetime) life[T] {
	t.Helper()
	in := &inspected[T]{Source: src, marks: map[pipeline.Partition][]pipeline.Mark{}}
	final := map[pipeline.Partition]pipeline.Mark{}
	p := pipeline.New("suite", discardLogs(pipeline.Config{
		Offsets: lt.offsets,
		Hooks: pipeline.Hooks{Commit: func(marks []pipeline.Mark, _ time.Duration, err error) {
			for _, m := range marks {
				if err == nil {
					final[m.Partition] = m
				}
			}
		}},
	}))
	var source pipeline.Source[T] = in
	if ps, ok := src.(pipeline.Pauser); ok {
		source = inspectedPauser[T]{in, ps}
	}
	var got Collector[T]
	enough := make(chan struct{})
	var once, resume sync.Once
	look := func() {
		n := len(got.All())
		if n >= lt.records {
			once.Do(func() { close(enough) })
		}
		if n >= lt.until && lt.paused != "" {
			resume.Do(func() { time.AfterFunc(s.Settle, func() { p.ResumePartition(lt.paused) }) })
		}
	}
	pipeline.To(pipeline.From(p, "source", source), "sink", pipeline.Sink[T](instead[T]{&got, func(ctx context.Context, recs []pipeline.Record[T]) error {
		if len(got.All()) >= lt.accept {
			return pipeline.Fatal(errStop)
		}
		defer look()
		return got.Write(ctx, recs)
	}}))
	if lt.paused != "" {
		p.PausePartition(lt.paused)
	}
	look()
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	ended := func(limit time.Duration) (err error, ok bool) {
		select {
		case err := <-done:
			return err, true
		case <-time.After(limit):
			return nil, false
		}
	}
	select {
	case <-enough:
	case err := <-done:
		done <- err
	case <-time.After(s.Timeout):
		t.Errorf("got %d records after %v, want %d", len(got.All()), s.Timeout, lt.records)
	}
	err, ok := ended(s.Settle)
	if !ok {
		p.Drain()
		if err, ok = ended(s.Timeout); !ok {
			t.Fatalf("the source did not end within %v of its context", s.Timeout)
		}
	}
	if in.err != nil {
		t.Error(in.err)
	}
	return life[T]{got.All(), in.marks, final, err}
}

// check fails t unless l ended well and read n records, each once and in order,
// all after the marks in after.
func (s SourceSuite[T]) check(t testing.TB, l life[T], n int, after map[pipeline.Partition]pipeline.Mark) {
	t.Helper()
	if l.err != nil {
		t.Fatal(l.err)
	}
	last := map[pipeline.Partition]int64{}
	for p, m := range after {
		last[p] = m.Offset
	}
	for _, r := range l.records {
		if at, ok := last[r.Partition]; ok && r.Offset <= at {
			t.Fatalf("%s: offset %d after %d", r.Partition, r.Offset, at)
		}
		last[r.Partition] = r.Offset
	}
	if len(l.records) != n {
		t.Fatalf("got %d records, want %d", len(l.records), n)
	}
}

// all is the life that reads n records.
func all(n int) lifetime { return lifetime{records: n, accept: math.MaxInt} }

func (s SourceSuite[T]) everything(t testing.TB) {
	l := s.live(t, s.New(t)(), all(s.Records))
	s.check(t, l, s.Records, nil)
	for _, r := range l.records {
		if m := l.final[r.Partition]; m.Offset < r.Offset {
			t.Fatalf("%s: committed %d, but read offset %d", r.Partition, m.Offset, r.Offset)
		}
	}
}

func (s SourceSuite[T]) resumes(t testing.TB) {
	open, half := s.New(t), s.Records/2
	first := s.live(t, open(), lifetime{records: half, accept: half})
	if first.err != nil && !errors.Is(first.err, errStop) {
		t.Fatal(first.err)
	}
	left := s.Records
	for _, r := range first.records {
		if r.Offset <= first.final[r.Partition].Offset {
			left--
		}
	}
	s.check(t, s.live(t, open(), all(left)), left, first.final)
}

func (s SourceSuite[T]) readsAgain(t testing.TB) {
	open := s.New(t)
	if l := s.live(t, open(), lifetime{records: s.Records}); !errors.Is(l.err, errStop) {
		t.Fatalf("got %v", l.err)
	}
	s.check(t, s.live(t, open(), all(s.Records)), s.Records, nil)
}

// begins reads everything, and then again from marks in the middle.
func (s SourceSuite[T]) begins(t testing.TB) {
	open := s.New(t)
	first := s.live(t, open(), all(s.Records))
	s.check(t, first, s.Records, nil)
	var offsets Offsets
	from := map[pipeline.Partition]pipeline.Mark{}
	for p, marks := range first.marks {
		from[p] = marks[(len(marks)-1)/2]
		if err := offsets.Save(t.Context(), []pipeline.Mark{from[p]}); err != nil {
			t.Fatal(err)
		}
	}
	left := 0
	for _, r := range first.records {
		if r.Offset > from[r.Partition].Offset {
			left++
		}
	}
	again := all(left)
	again.offsets = &offsets
	s.check(t, s.live(t, open(), again), left, from)
}

func (s SourceSuite[T]) pauses(t testing.TB) {
	seen := s.live(t, s.New(t)(), all(s.Records))
	s.check(t, seen, s.Records, nil)
	paused := seen.records[0].Partition
	others := 0
	for _, r := range seen.records {
		if r.Partition != paused {
			others++
		}
	}
	lt := all(s.Records)
	lt.paused, lt.until = paused, others
	l := s.live(t, s.New(t)(), lt)
	s.check(t, l, s.Records, nil)
	for i, r := range l.records {
		if r.Partition == paused && i < others {
			t.Errorf("a record of the paused partition came as number %d, before the %d of others", i, others)
			return
		}
	}
}

// inspected is a source whose batches are looked at.
type inspected[T any] struct {
	pipeline.Source[T]
	marks map[pipeline.Partition][]pipeline.Mark
	err   error
}

func (in *inspected[T]) Read(ctx context.Context) (pipeline.Batch[T], error) {
	b, err := in.Source.Read(ctx)
	if err == nil && in.err == nil {
		in.err = in.look(b)
	}
	return b, err
}

func (in *inspected[T]) look(b pipeline.Batch[T]) error {
	p := b.Through.Partition
	if len(b.Records) == 0 && b.Through == (pipeline.Mark{}) {
		return nil
	}
	if p == "" {
		return fmt.Errorf("a batch has no partition: %+v", b.Through)
	}
	if ms := in.marks[p]; len(ms) > 0 && b.Through.Offset < ms[len(ms)-1].Offset {
		return fmt.Errorf("%s: mark %d after %d", p, b.Through.Offset, ms[len(ms)-1].Offset)
	}
	in.marks[p] = append(in.marks[p], b.Through)
	if b.Bytes < 0 {
		return fmt.Errorf("%s: a batch of %d bytes", p, b.Bytes)
	}
	for i, r := range b.Records {
		switch {
		case r.Header == nil:
			return fmt.Errorf("%s: a record has no header", p)
		case r.Partition != p:
			return fmt.Errorf("%s: a record is of %q", p, r.Partition)
		case i > 0 && r.Offset <= b.Records[i-1].Offset:
			return fmt.Errorf("%s: offset %d after %d", p, r.Offset, b.Records[i-1].Offset)
		case r.Size < 0:
			return fmt.Errorf("%s offset %d: size is %d", p, r.Offset, r.Size)
		case r.Origin != nil && reflect.TypeOf(r.Origin).Kind() != reflect.Pointer:
			return fmt.Errorf("%s offset %d: origin is a %T, not a pointer", p, r.Offset, r.Origin)
		}
	}
	return nil
}

func (in *inspected[T]) Close(ctx context.Context) error { return closePart(ctx, in.Source) }

type inspectedPauser[T any] struct {
	*inspected[T]
	pipeline.Pauser
}
